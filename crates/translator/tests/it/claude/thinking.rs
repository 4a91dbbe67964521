//! How much to think: bodies, other formats, and suffixes of the model's name. Source: translation.md B39 to B44,
//! E614 to E628; runtime.md E.8.

use std::sync::Arc;

use bytes::Bytes;
use cliproxy_core::{Level, ModelInfo, ReasoningProfile};
use cliproxy_translator::model::{Part, ReasoningControl, Request, Role, Summary, Turn};
use cliproxy_translator::pass::reasoning::{of_effort, parse_suffix};
use cliproxy_translator::{Codec, Patch, Profile};
use serde_json::{Value, json};

use super::codec;
use crate::schema::assert_valid_bytes;

fn known(reasoning: Option<ReasoningProfile>) -> Option<Arc<ModelInfo>> {
    let mut info = ModelInfo::new("claude-x").with_limits(200_000, 64_000);
    info.reasoning = reasoning;
    Some(Arc::new(info))
}

fn budget_only() -> Option<Arc<ModelInfo>> {
    known(Some(ReasoningProfile {
        budget: Some((1024, 128_000)),
        zero_allowed: true,
        ..ReasoningProfile::default()
    }))
}

fn no_zero() -> Option<Arc<ModelInfo>> {
    known(Some(ReasoningProfile { budget: Some((1024, 128_000)), ..ReasoningProfile::default() }))
}

fn levels() -> Option<Arc<ModelInfo>> {
    known(Some(ReasoningProfile {
        zero_allowed: true,
        dynamic_allowed: true,
        levels: vec![Level::Low, Level::Medium, Level::High, Level::Max],
        ..ReasoningProfile::default()
    }))
}

fn users_own() -> Option<Arc<ModelInfo>> {
    let mut info = ModelInfo::new("my-claude");
    info.user_defined = true;
    Some(Arc::new(info))
}

/// `thinking` and `output_config` of a request that another format's client made.
fn foreign(control: ReasoningControl, info: Option<Arc<ModelInfo>>, max_output: Option<u64>) -> Value {
    let request = Request {
        source: "openai",
        turns: vec![Turn::new(Role::User, vec![Part::text("hi")])],
        reasoning: control,
        max_output,
        ..Request::default()
    };
    let mut profile = Profile::new("claude-x", false);
    profile.info = info;
    let body =
        assert_valid_bytes("claude.request", &codec().encode_request(&request, &profile).unwrap().body);
    json!([body["thinking"], body["output_config"]])
}

#[test]
fn other_formats_efforts_become_what_the_model_has() {
    let enabled = |budget: u32| json!([{"type":"enabled","budget_tokens":budget}, null]);
    let adaptive = |effort: &str| json!([{"type":"adaptive","display":"summarized"}, {"effort":effort}]);
    let off = json!([{"type":"disabled"}, null]);
    for (effort, info, expected) in [
        ("minimal", budget_only(), enabled(1024)),
        ("medium", budget_only(), enabled(8192)),
        ("high", budget_only(), enabled(24_576)),
        ("none", budget_only(), off.clone()),
        ("none", no_zero(), off.clone()),
        // The middle of the range is above what the model can write, so it stays below that.
        ("auto", budget_only(), enabled(63_999)),
        ("minimal", levels(), adaptive("low")),
        ("high", levels(), adaptive("high")),
        ("xhigh", levels(), adaptive("max")),
        ("none", levels(), off),
        ("auto", levels(), json!([{"type":"adaptive","display":"summarized"}, null])),
        ("high", known(None), json!([null, null])),
        ("medium", None, enabled(8192)),
        ("medium", users_own(), enabled(8192)),
    ] {
        let mut control = of_effort(effort).unwrap();
        control.summary = if effort == "none" { Summary::Disabled } else { Summary::Enabled(None) };
        assert_eq!(foreign(control, info.clone(), None), expected, "{effort} {info:?}");
    }
    assert_eq!(foreign(ReasoningControl::default(), levels(), None), json!([null, null]));
    // E624: display only beside thoughts.
    let shown = ReasoningControl { summary: Summary::Enabled(None), ..ReasoningControl::default() };
    assert_eq!(foreign(shown, levels(), None), json!([null, null]));
}

#[test]
fn a_budget_leaves_room_for_the_answer() {
    // Source: translation.md B41; providers-a.md 2.7.
    for (max_output, budget) in [(Some(4096), 4095), (Some(9000), 8192), (Some(1000), 8192), (None, 8192)] {
        let got = foreign(of_effort("medium").unwrap(), budget_only(), max_output);
        assert_eq!(got[0]["budget_tokens"], budget, "{max_output:?}");
    }
}

#[test]
fn a_suffix_beats_the_body() {
    // Source: translation.md B43; runtime.md E.8.
    let body = json!({"model":"x","max_tokens":64_000,"thinking":{"type":"enabled","budget_tokens":2000},
        "output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}},"messages":[]});
    let format = json!({"format":{"type":"json_schema","schema":{}}});
    let with = |effort: &str| json!({"effort":effort,"format":{"type":"json_schema","schema":{}}});
    for (suffix, info, thinking, config) in [
        ("8192", budget_only(), json!({"type":"enabled","budget_tokens":8192}), format.clone()),
        ("900000", budget_only(), json!({"type":"enabled","budget_tokens":63_999}), format.clone()),
        ("high", budget_only(), json!({"type":"enabled","budget_tokens":24_576}), format.clone()),
        ("none", no_zero(), json!({"type":"disabled"}), format.clone()),
        ("high", levels(), json!({"type":"adaptive"}), with("high")),
        ("auto", levels(), json!({"type":"adaptive"}), format.clone()),
        ("high", known(None), Value::Null, format),
        // runtime.md E.8: a level says nothing to a Claude model of which nothing is known.
        ("high", users_own(), body["thinking"].clone(), body["output_config"].clone()),
    ] {
        let mut patch = Patch::default();
        patch.reasoning = parse_suffix(suffix);
        patch.info = info;
        let patched = codec().patch_request(&Bytes::from(body.to_string()), &patch).unwrap().body;
        let patched: Value = serde_json::from_slice(&patched).unwrap();
        assert_eq!(
            (&patched["thinking"], &patched["output_config"]),
            (&thinking, &config),
            "{suffix} {:?}",
            patch.info
        );
    }
    let shown =
        Bytes::from(r#"{"model":"x","thinking":{"type":"adaptive","display":"omitted"},"messages":[]}"#);
    let mut patch = Patch::default();
    patch.reasoning = parse_suffix("2048");
    let patched: Value =
        serde_json::from_slice(&codec().patch_request(&shown, &patch).unwrap().body).unwrap();
    assert_eq!(patched["thinking"], json!({"type":"enabled","budget_tokens":2048,"display":"omitted"}));
}

#[test]
fn a_claude_body_asks_only_for_what_the_model_has() {
    // E620, and runtime.md E.8: errors within one family.
    let encode = |members: Value, info: Option<Arc<ModelInfo>>| {
        let mut body = json!({"model":"m","max_tokens":64_000,"messages":[{"role":"user","content":"a"}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let text = body.to_string();
        let request = codec().decode_request(text.as_bytes()).unwrap();
        let mut profile = Profile::new("m", false);
        profile.info = info;
        let encoded =
            codec().encode_request(&request, &profile).map_err(|error| error.code().unwrap().to_owned())?;
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        Ok::<_, String>(json!([body["thinking"], body["output_config"]]))
    };
    let enabled = |budget: u32| json!({"thinking":{"type":"enabled","budget_tokens":budget}});
    assert_eq!(encode(enabled(200_000), budget_only()), Err("BUDGET_OUT_OF_RANGE".to_owned()));
    assert_eq!(
        encode(enabled(2000), budget_only()),
        Ok(json!([{"type":"enabled","budget_tokens":2000}, null]))
    );
    assert_eq!(encode(enabled(2000), levels()), Ok(json!([{"type":"adaptive"}, {"effort":"medium"}])));
    assert_eq!(encode(enabled(2000), known(None)), Ok(json!([null, null])));
    let effort = |level: &str| json!({"output_config":{"effort":level}});
    assert_eq!(encode(effort("xhigh"), levels()), Err("LEVEL_NOT_SUPPORTED".to_owned()));
    assert_eq!(encode(effort("low"), levels()), Ok(json!([null, {"effort":"low"}])));
}
