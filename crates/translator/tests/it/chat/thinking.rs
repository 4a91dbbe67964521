//! How much to think, between Chat and Claude. Source: translation.md B39 to B45, D.30.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{Level, ModelInfo, ReasoningProfile};
use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::pass::reasoning::parse_suffix;
use cliproxy_translator::{Codec, CodecErrorKind, Patch, Profile};
use serde_json::{Value, json};

use super::{CLAUDE, body, codec};

fn model(profile: ReasoningProfile) -> Option<Arc<ModelInfo>> {
    Some(Arc::new(ModelInfo::new("m").with_limits(200_000, 64_000).with_reasoning(profile)))
}

fn levels() -> Option<Arc<ModelInfo>> {
    let levels = vec![Level::Low, Level::Medium, Level::High];
    model(ReasoningProfile {
        levels,
        zero_allowed: true,
        dynamic_allowed: true,
        ..ReasoningProfile::default()
    })
}

fn budgets() -> Option<Arc<ModelInfo>> {
    model(ReasoningProfile {
        budget: Some((1024, 32_000)),
        zero_allowed: true,
        ..ReasoningProfile::default()
    })
}

fn none() -> Option<Arc<ModelInfo>> {
    Some(Arc::new(ModelInfo::new("m")))
}

/// The members that ask for thoughts, in whatever format.
fn asks(from: &dyn Codec, members: &Value, to: &dyn Codec, info: Option<Arc<ModelInfo>>) -> Value {
    let mut wanted = body(members.clone());
    wanted["max_tokens"] = 50_000.into();
    let text = wanted.to_string();
    let request = from.decode_request(text.as_bytes()).unwrap();
    let mut profile = Profile::new("m", false);
    profile.info = info;
    let got: Value = serde_json::from_slice(&to.encode_request(&request, &profile).unwrap().body).unwrap();
    let spellings =
        ["thinking", "output_config", "reasoning_effort", "reasoning", "include_reasoning", "extra_body"];
    let members = got.as_object().unwrap().iter().filter(|(key, _)| spellings.contains(&key.as_str()));
    Value::Object(members.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[test]
fn e622_routers_are_asked_in_their_own_object() {
    let (chat, claude) = (codec(), ClaudeCodec::default());
    let responses = super::super::responses::codec("openai-response");
    let asked = |from: &dyn Codec, members: Value, info: Option<Arc<ModelInfo>>| {
        let mut wanted =
            json!({"model":"m","input":"q","messages":[{"role":"user","content":"q"}],"max_tokens":50_000});
        wanted.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let text = wanted.to_string();
        let mut profile = Profile::new("m", false);
        (profile.info, profile.reasoning_object) = (info, true);
        let encoded = chat.encode_request(&from.decode_request(text.as_bytes()).unwrap(), &profile).unwrap();
        let got: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(got.get("reasoning_effort"), None, "said once: {got}");
        got.get("reasoning").cloned().unwrap_or(Value::Null)
    };
    for (from, members, expected) in [
        // Whether thoughts are shown goes along, with an effort or without.
        (
            &claude as &dyn Codec,
            json!({"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"high"}}),
            json!({"effort":"high","exclude":true}),
        ),
        (
            &claude,
            json!({"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"high"}}),
            json!({"effort":"high","exclude":false}),
        ),
        (&claude, json!({"thinking":{"type":"adaptive"}}), json!({"enabled":true})),
        (&claude, json!({"thinking":{"type":"disabled"}}), json!({"effort":"none"})),
        (responses, json!({"reasoning":{"summary":null}}), json!({"exclude":true})),
        (
            responses,
            json!({"reasoning":{"effort":"low","summary":"auto"}}),
            json!({"effort":"low","exclude":false}),
        ),
        (responses, json!({"reasoning":{"effort":"low"}}), json!({"effort":"low"})),
        (responses, json!({}), Value::Null),
        (&chat, json!({"reasoning":{"effort":"low","exclude":true}}), json!({"effort":"low","exclude":true})),
    ] {
        assert_eq!(asked(from, members.clone(), levels()), expected, "E622 {members}");
    }
    // A model that cannot think is asked for nothing.
    assert_eq!(
        asked(responses, json!({"reasoning":{"effort":"low","summary":"auto"}}), none()),
        Value::Null,
        "E622"
    );
}

#[test]
fn e625_no_empty_object_asks_for_nothing() {
    let responses = super::super::responses::codec("openai-response");
    let (chat, claude) = (codec(), ClaudeCodec::default());
    for (from, members) in [
        (&claude as &dyn Codec, json!({"thinking":{"type":"adaptive","display":"omitted"}})),
        (&chat, json!({"reasoning":{"exclude":true}})),
        (&chat, json!({"include_reasoning":false})),
        (responses, json!({"input":"q","reasoning":{"summary":null}})),
        (responses, json!({"input":"q","reasoning":{}})),
    ] {
        assert_eq!(asks(from, &members, responses, levels()), json!({}), "E625 {members}");
    }
    // What is left of it stays.
    let left = asks(&chat, &json!({"reasoning":{"exclude":true,"effort":"low"}}), responses, levels());
    assert_eq!(left, json!({"reasoning":{"effort":"low"}}), "E625");
}

#[test]
fn e616_e617_e627_each_target_is_asked_in_its_own_words_and_in_no_others() {
    let (chat, claude) = (codec(), ClaudeCodec::default());
    let chat: &dyn Codec = &chat;
    let claude: &dyn Codec = &claude;
    let adaptive = |effort: &str| json!({"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":effort}});
    for (from, members, to, info, expected) in [
        // E616: adaptive models get efforts, budgets go.
        (chat, json!({"reasoning_effort":"high"}), claude, levels(), adaptive("high")),
        (chat, json!({"reasoning_effort":"max"}), claude, levels(), adaptive("high")),
        (chat, json!({"reasoning_effort":"minimal"}), claude, levels(), adaptive("low")),
        (chat, json!({"reasoning":{"max_tokens":8000}}), claude, levels(), adaptive("medium")),
        (
            chat,
            json!({"reasoning_effort":"auto"}),
            claude,
            levels(),
            json!({"thinking":{"type":"adaptive","display":"summarized"}}),
        ),
        (chat, json!({"reasoning_effort":"none"}), claude, levels(), json!({"thinking":{"type":"disabled"}})),
        (
            claude,
            json!({"thinking":{"type":"enabled","budget_tokens":8000}}),
            claude,
            levels(),
            json!({"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}}),
        ),
        // E617: budgets where there are budgets, nothing where there is nothing.
        (
            chat,
            json!({"reasoning_effort":"high"}),
            claude,
            budgets(),
            json!({"thinking":{"type":"enabled","budget_tokens":24_576}}),
        ),
        (
            chat,
            json!({"reasoning_effort":"max"}),
            claude,
            budgets(),
            json!({"thinking":{"type":"enabled","budget_tokens":32_000}}),
        ),
        (chat, json!({"reasoning_effort":"high"}), claude, none(), json!({})),
        (
            claude,
            json!({"thinking":{"type":"enabled","budget_tokens":8000}}),
            chat,
            levels(),
            json!({"reasoning_effort":"medium"}),
        ),
        (
            claude,
            json!({"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}}),
            chat,
            levels(),
            json!({"reasoning_effort":"high"}),
        ),
        (claude, json!({"thinking":{"type":"disabled"}}), chat, levels(), json!({"reasoning_effort":"none"})),
        (claude, json!({"thinking":{"type":"enabled","budget_tokens":8000}}), chat, none(), json!({})),
        (claude, json!({}), chat, levels(), json!({})),
        (chat, json!({}), claude, levels(), json!({})),
        // E627: whether thoughts are shown is an intent of its own; Chat has no word for it.
        (
            chat,
            json!({"reasoning_effort":"low","include_reasoning":false}),
            claude,
            levels(),
            json!({"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"low"}}),
        ),
        (chat, json!({"include_reasoning":true}), claude, levels(), json!({})),
        (
            claude,
            json!({"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"low"}}),
            chat,
            levels(),
            json!({"reasoning_effort":"low"}),
        ),
    ] {
        assert_eq!(
            asks(from, &members, to, info),
            expected,
            "{members} from {} to {}",
            from.name(),
            to.name()
        );
    }
}

#[test]
fn e615_e620_in_its_own_format_a_body_asks_only_for_what_the_model_has() {
    let patched = |text: &str, suffix: Option<&str>, info: Option<Arc<ModelInfo>>| {
        let mut patch = Patch::default();
        patch.info = info;
        patch.reasoning = suffix.and_then(parse_suffix);
        codec()
            .patch_request(&Bytes::copy_from_slice(text.as_bytes()), &patch)
            .map(|done| String::from_utf8(done.body.to_vec()).unwrap())
    };
    let xhigh = r#"{"reasoning_effort":"xhigh"}"#;
    let error = patched(xhigh, None, levels()).unwrap_err();
    assert_eq!((error.kind(), error.param()), (CodecErrorKind::Inexpressible, Some("reasoning_effort")));
    assert!(error.to_string().contains("low, medium, high"), "{error}");
    // A suffix is bent (B40, B43); of an unknown model nobody knows better.
    assert_eq!(patched(xhigh, Some("max"), levels()).unwrap(), r#"{"reasoning_effort":"high"}"#);
    assert_eq!(patched(xhigh, None, None).unwrap(), xhigh);
    assert_eq!(patched(r#"{"a":1,"reasoning_effort":"high"}"#, None, none()).unwrap(), r#"{"a":1}"#);
    assert_eq!(
        patched(r#"{"reasoning_effort":"ultra"}"#, None, levels()).unwrap(),
        r#"{"reasoning_effort":"ultra"}"#
    );
}

#[test]
fn e626_without_intent_the_bytes_stay() {
    for codec in [&codec() as &dyn Codec, &ClaudeCodec::default()] {
        let body = Bytes::from_static(br#"{ "model":"m","max_tokens" : 5,"messages":[]}"#);
        let mut patch = Patch::default();
        patch.info = levels();
        let after = codec.patch_request(&body, &patch).unwrap().body;
        assert!(after.as_ptr() == body.as_ptr() && after.len() == body.len(), "{}", codec.name());
    }
}

#[test]
fn e628_claudes_signatures_stay_where_nothing_is_said_of_showing_thoughts() {
    let claude = ClaudeCodec::default();
    let signed = json!({"type":"thinking","thinking":"","signature":CLAUDE});
    let wanted = json!({"model":"m","max_tokens":9,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":[signed, {"type":"text","text":"a"}]},{"role":"user","content":"q"}]});
    let text = wanted.to_string();
    let request = claude.decode_request(text.as_bytes()).unwrap();
    let mut profile = Profile::new("m", false);
    profile.info = levels();
    let got: Value =
        serde_json::from_slice(&claude.encode_request(&request, &profile).unwrap().body).unwrap();
    assert_eq!((&got["messages"], &got["thinking"]), (&wanted["messages"], &wanted["thinking"]));
}
