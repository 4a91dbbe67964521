//! Bodies that pass through. Source: translation.md C.10 rule 2, D.23, E630 to E633; providers-a.md 4.2, 4.5.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cliproxy_core::{FinishReason, Level, ModelInfo, ReasoningProfile};
use cliproxy_translator::pass::reasoning::parse_suffix;
use cliproxy_translator::{Codec, Patch, Profile, ReplyContext};
use serde_json::{Value, json};

use super::{SIGNED, codec, codec_of, last};

const SENTINEL: &str = "skip_thought_signature_validator";

fn patch(model: &str) -> Patch {
    let mut patch = Patch::default();
    patch.model = Some(model.to_owned());
    patch
}

fn patched(body: &Value) -> Value {
    let body = Bytes::from(body.to_string());
    serde_json::from_slice(&codec().patch_request(&body, &patch("gemini-3-pro")).unwrap().body).unwrap()
}

fn names(body: &Value) -> Vec<String> {
    let patched = patched(body);
    let parts = patched["contents"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|content| content["parts"].as_array().unwrap().clone());
    parts.filter_map(|part| part["functionResponse"]["name"].as_str().map(str::to_owned)).collect()
}

fn calls(names: &[&str]) -> Value {
    let parts: Vec<_> = names
        .iter()
        .map(|name| json!({"functionCall":{"name":name,"args":{}},"thoughtSignature":SIGNED}))
        .collect();
    json!({"role":"model","parts":parts})
}

fn results(names: &[&str]) -> Value {
    let parts: Vec<_> = names
        .iter()
        .map(|name| json!({"functionResponse":{"name":name,"response":{"output":"x"}}}))
        .collect();
    json!({"role":"user","parts":parts})
}

#[test]
fn e429_a_body_that_is_fine_is_the_same_buffer() {
    let history: Vec<_> = (0..200)
        .flat_map(|_| {
            [json!({"role":"user","parts":[{"text":"x".repeat(500)}]}), calls(&["f"]), results(&["f"])]
        })
        .collect();
    let body = json!({"contents":history,"systemInstruction":{"parts":[{"text":"s"}]},"generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}}});
    let body = Bytes::from(body.to_string());
    let patched = codec().patch_request(&body, &patch("gemini-3-pro")).unwrap().body;
    assert_eq!((patched.as_ptr(), patched.len()), (body.as_ptr(), body.len()));
}

#[test]
fn e430_e431_e432_empty_names_of_results_are_those_of_their_calls() {
    for (called, answered, expected) in [
        (vec!["f"], vec![""], vec!["f"]),
        (vec!["f", "g"], vec!["", ""], vec!["f", "g"]),
        (vec!["f", "g"], vec!["f", ""], vec!["f", "g"]),
        (vec!["f", "g"], vec!["x", "y"], vec!["x", "y"]),
    ] {
        let body = json!({"contents":[calls(&called), results(&answered)]});
        assert_eq!(names(&body), expected);
    }
}

#[test]
fn e433_more_results_than_calls_are_left_as_they_are() {
    assert_eq!(names(&json!({"contents":[calls(&["f"]), results(&["", ""])]})), ["f", ""]);
    assert_eq!(names(&json!({"contents":[results(&[""])]})), [""]);
}

#[test]
fn e434_each_round_uses_its_own_calls() {
    let body = json!({"contents":[calls(&["f", "lost"]), results(&[""]), calls(&["g"]), results(&[""])]});
    assert_eq!(names(&body), ["f", "g"]);
}

#[test]
fn b24_roles_are_those_that_gemini_knows() {
    let body = json!({"contents":[{"parts":[{"text":"a"}]},{"role":"assistant","parts":[{"text":"b"}]},{"role":"function","parts":[{"text":"c"}]},{"parts":[{"text":"d"}]}]});
    let roles: Vec<_> = patched(&body)["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|content| content["role"].clone())
        .collect();
    assert_eq!(roles, ["user", "model", "user", "model"]);
}

#[test]
fn b31_e630_e631_e632_signatures_stand_where_they_belong() {
    let model = |parts: Value| {
        patched(&json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":parts}]}))
            ["contents"][1]["parts"]
            .clone()
    };
    let call = |signature: Value| {
        let mut part = json!({"functionCall":{"name":"f","args":{}}});
        if !signature.is_null() {
            part["thoughtSignature"] = signature;
        }
        part
    };
    for (given, expected) in [
        (json!([call(Value::Null), call(Value::Null)]), json!([call(json!(SENTINEL)), call(Value::Null)])),
        (
            json!([call(json!(SIGNED)), call(json!(SENTINEL))]),
            json!([call(json!(SIGNED)), call(Value::Null)]),
        ),
        (json!([call(json!(SENTINEL))]), json!([call(json!(SENTINEL))])),
        (json!([call(json!(5))]), json!([call(json!(SENTINEL))])),
        (json!([{"text":"a","thoughtSignature":SENTINEL}]), json!([{"text":"a"}])),
        (json!([{"text":"a","thoughtSignature":SIGNED}]), json!([{"text":"a","thoughtSignature":SIGNED}])),
        // Another provider's state never reaches Gemini (B33).
        (json!([{"text":"a","thoughtSignature":"Y2xpcHJveHk6Y2xhdWRlOkVvWA=="}]), json!([{"text":"a"}])),
    ] {
        assert_eq!(model(given.clone()), expected, "{given}");
    }
    let twice = Bytes::from_static(
        br#"{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"a","thoughtSignature":"skip_thought_signature_validator","thought_signature":"skip_thought_signature_validator"}]}]}"#,
    );
    assert_eq!(
        codec().patch_request(&twice, &patch("gemini-3-pro")).unwrap().body,
        &br#"{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"a"}]}]}"#
            [..]
    );
    let body = json!({"contents":[calls(&["f"]), {"role":"user","parts":[{"functionResponse":{"name":"f","response":{}},"thoughtSignature":SIGNED}]}]});
    assert_eq!(
        patched(&body)["contents"][2]["parts"][0],
        json!({"functionResponse":{"name":"f","response":{}}})
    );
}

#[test]
fn members_that_are_none_of_the_api_are_removed() {
    let body = json!({"model":"x","session_id":"s","contents":[]});
    assert_eq!(patched(&body), json!({"contents":[]}));
    let body = json!({"generateContentRequest":{"model":"models/alias","contents":[]}});
    assert_eq!(patched(&body)["generateContentRequest"]["model"], "models/gemini-3-pro");
}

/// Its own backend knows the member, the public API does not. Source: providers-a.md 4.2, 5.4.
#[test]
fn gemini_clis_session_goes_to_its_own_backend() {
    let body = Bytes::from(r#"{"model":"m","request":{"session_id":"s","contents":[]}}"#);
    let patched = codec_of("gemini-cli").patch_request(&body, &patch("m")).unwrap();
    assert_eq!((patched.body, patched.losses), (body, Vec::new()));
    let call = json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}], "session_id": "s"});
    for (provider, place, told) in
        [("gemini-cli", "/request/session_id", false), ("gemini", "/session_id", true)]
    {
        let text = call.to_string();
        let request = codec_of("gemini").decode_request(text.as_bytes()).unwrap();
        let encoded = codec_of(provider).encode_request(&request, &Profile::new("m", false)).unwrap();
        let sent: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(sent.pointer(place), (!told).then_some(&json!("s")), "{provider}: {sent}");
        assert_eq!(encoded.losses.iter().any(|loss| loss.what == "session_id"), told, "{provider}");
    }
}

#[test]
fn the_envelopes_model_and_contents_are_patched_in_place() {
    let body = Bytes::from_static(
        br#"{"model":"alias", "project":"p","request":{ "contents":[{"parts":[{"text":"a"}]}], "x":1 }}"#,
    );
    let codec = codec_of("gemini-cli");
    assert_eq!(
        codec.patch_request(&body, &patch("gemini-3-pro")).unwrap().body,
        &br#"{"model":"gemini-3-pro", "project":"p","request":{ "contents":[{"parts":[{"text":"a"}],"role":"user"}], "x":1 }}"#[..]
    );
}

#[test]
fn a_suffix_beats_the_body_and_a_body_is_held_to_the_model() {
    let flash = Arc::new(ModelInfo::new("m").with_reasoning(ReasoningProfile {
        budget: Some((0, 24_576)),
        zero_allowed: true,
        dynamic_allowed: true,
        levels: Vec::new(),
    }));
    let pro = Arc::new(ModelInfo::new("m").with_reasoning(ReasoningProfile {
        budget: Some((128, 32_768)),
        zero_allowed: false,
        dynamic_allowed: true,
        levels: vec![Level::Low, Level::High],
    }));
    for (model, info, body, suffix, expected) in [
        (
            "gemini-2.5-flash",
            &flash,
            json!({}),
            "high",
            json!({"thinkingBudget":24_576,"includeThoughts":true}),
        ),
        (
            "gemini-2.5-flash",
            &flash,
            json!({"thinkingBudget":7,"includeThoughts":false}),
            "1024",
            json!({"thinkingBudget":1024,"includeThoughts":false}),
        ),
        // What is wrong there does not hide what else is said.
        (
            "gemini-2.5-flash",
            &flash,
            json!({"thinkingBudget":{},"includeThoughts":false}),
            "1024",
            json!({"thinkingBudget":1024,"includeThoughts":false}),
        ),
        (
            "gemini-2.5-flash",
            &flash,
            json!({"thinking_budget":7}),
            "none",
            json!({"thinkingBudget":0,"includeThoughts":false}),
        ),
        (
            "gemini-3-pro",
            &pro,
            json!({"thinkingBudget":7}),
            "medium",
            json!({"thinkingLevel":"LOW","includeThoughts":true}),
        ),
        (
            "gemini-3-pro",
            &pro,
            json!({"thinkingBudget":7}),
            "auto",
            json!({"thinkingBudget":-1,"includeThoughts":true}),
        ),
    ] {
        let mut patch = patch(model);
        patch.info = Some(Arc::clone(info));
        patch.reasoning = parse_suffix(suffix);
        let body = Bytes::from(
            json!({"contents":[],"generationConfig":{"topK":3,"thinkingConfig":body}}).to_string(),
        );
        let value: Value =
            serde_json::from_slice(&codec().patch_request(&body, &patch).unwrap().body).unwrap();
        assert_eq!(
            value["generationConfig"],
            json!({"topK":3,"thinkingConfig":expected}),
            "{model} {suffix}"
        );
    }
    let mut patch = patch("gemini-2.5-flash");
    patch.info = Some(flash);
    let body = Bytes::from_static(
        br#"{"contents":[],"generationConfig":{"thinkingConfig":{"thinkingBudget":99999}}}"#,
    );
    assert_eq!(codec().patch_request(&body, &patch).unwrap_err().code(), Some("BUDGET_OUT_OF_RANGE"));
}

#[test]
fn a_reply_is_named_and_read_and_nothing_else_changes() {
    let mut context = ReplyContext::default();
    let reply = last("STOP", json!([{"functionCall":{"name":"f","args":{}}}]));
    let body = Bytes::from(reply.to_string());
    let (same, usage, finish) = codec().patch_reply(&body, &context).unwrap();
    assert_eq!(same.as_ptr(), body.as_ptr());
    assert_eq!((usage.input, usage.output, finish), (Some(10), Some(8), Some(FinishReason::ToolUse)));
    context.shown_model = Some("mine".to_owned());
    let wrapped = Bytes::from(json!({"response":reply,"traceId":"t"}).to_string());
    for body in [&body, &wrapped] {
        let (named, ..) = codec().patch_reply(body, &context).unwrap();
        let expected = String::from_utf8_lossy(body).replace("gemini-3-flash-preview", "mine");
        assert_eq!(String::from_utf8_lossy(&named), expected);
    }
    for broken in [r#"{"error":{"code":500,"message":"m"}}"#, r#"{"candidates":[]}"#, "[]"] {
        assert!(codec().patch_reply(&Bytes::from(broken), &context).is_err(), "{broken}");
    }
}

#[test]
fn e633_e634_e635_what_gemini_3_refuses_gives_way_to_the_sentinel() {
    let encoded = |bytes: &[u8]| STANDARD.encode(bytes);
    let uuid = b"123e4567-e89b-12d3-a456-426614174000";
    let wrapped = [&[0x12, 36][..], uuid].concat();
    let old = [&[0x0a, 40][..], &[7; 40]].concat();
    for (name, signature, on_3, on_2) in [
        ("E633 a session's name", encoded(uuid), false, true),
        ("E634 one in an envelope", encoded(&wrapped), true, true),
        ("E635 the envelope of earlier models", encoded(&old), false, true),
    ] {
        let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[
            {"functionCall":{"name":"f","args":{}},"thoughtSignature":signature}]}]});
        let bytes = Bytes::from(body.to_string());
        for (model, stays) in [("gemini-3-pro", on_3), ("gemini-2.5-pro", on_2)] {
            let got: Value =
                serde_json::from_slice(&codec().patch_request(&bytes, &patch(model)).unwrap().body).unwrap();
            let expected = if stays { signature.as_str() } else { SENTINEL };
            assert_eq!(got["contents"][1]["parts"][0]["thoughtSignature"], expected, "{name} {model}");
        }
    }
}

#[test]
fn a_limit_above_what_the_model_can_say_is_lowered_in_place() {
    // Source: providers-a.md 4.2 [H].
    let mut patch = patch("gemini-2.0-flash");
    patch.info = Some(Arc::new(ModelInfo::new("m").with_limits(1_048_576, 8192)));
    for (format, open, close) in
        [("gemini", "", ""), ("gemini-cli", r#"{"request":"#, r#","model":"gemini-2.0-flash"}"#)]
    {
        for (config, expected) in [
            (
                r#""generationConfig":{ "maxOutputTokens": 64000, "topK":1 }"#,
                Some(r#""generationConfig":{ "maxOutputTokens": 8192, "topK":1 }"#),
            ),
            (
                r#""generation_config":{"max_output_tokens":8193}"#,
                Some(r#""generation_config":{"max_output_tokens":8192}"#),
            ),
            (r#""generationConfig":{"maxOutputTokens":8192}"#, None),
            (r#""generationConfig":{"maxOutputTokens":"many"}"#, None),
            (r#""generationConfig":{"topK":1}"#, None),
        ] {
            let body = |config: &str| {
                format!(
                    r#"{open}{{"contents":[{{"role":"user","parts":[{{"text":"q"}}]}}],{config}}}{close}"#
                )
            };
            let bytes = Bytes::from(body(config));
            let done = codec_of(format).patch_request(&bytes, &patch).unwrap();
            assert_eq!(done.body, body(expected.unwrap_or(config)), "{format}");
            assert_eq!(done.body.as_ptr() == bytes.as_ptr(), expected.is_none(), "{format}: {config}");
            let told: Vec<_> = done.losses.iter().map(|loss| &*loss.what).collect();
            let lost: &[&str] = if expected.is_some() { &["generationConfig.maxOutputTokens"] } else { &[] };
            assert_eq!(told, lost, "{format}: {config}");
        }
    }
    // Beside a suffix that says how much to think, both stand.
    let mut both = patch;
    both.reasoning = parse_suffix("none");
    let body = Bytes::from_static(br#"{"contents":[],"generationConfig":{"maxOutputTokens":9000}}"#);
    let done: Value = serde_json::from_slice(&codec().patch_request(&body, &both).unwrap().body).unwrap();
    assert_eq!(done["generationConfig"]["maxOutputTokens"], 8192);
}

#[test]
fn a_conversation_that_begins_with_the_model_gets_a_user_s_turn_in_front() {
    // Source: providers-a.md 4.2 [H]. Gemini refuses calls that follow nothing the user said.
    let model =
        json!({"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":SIGNED}]});
    let answer = results(&["f"]);
    let found = patched(&json!({"contents":[model, answer]}));
    assert_eq!(found["contents"], json!([{"role":"user","parts":[{"text":"Continue."}]}, model, answer]));
    // The role may be another word for it.
    let found = patched(&json!({"contents":[{"role":"assistant","parts":[{"text":"a"}]}]}));
    let roles: Vec<_> =
        found["contents"].as_array().unwrap().iter().map(|content| content["role"].clone()).collect();
    assert_eq!(roles, ["user", "model"]);
    for fine in [
        json!([{"role":"user","parts":[{"text":"q"}]}, model, answer]),
        json!([{"parts":[{"text":"q"}],"role":"user"}]),
    ] {
        assert_eq!(patched(&json!({"contents":fine}))["contents"], fine);
    }
    // The other way, through the model of a request.
    let body = json!({"model":"m","request":{"contents":[model, answer]}}).to_string();
    let request = codec_of("gemini-cli").decode_request(body.as_bytes()).unwrap();
    let profile = cliproxy_translator::Profile::new("gemini-3-pro", false);
    let sent: Value =
        serde_json::from_slice(&codec().encode_request(&request, &profile).unwrap().body).unwrap();
    assert_eq!(sent["contents"][0], json!({"role":"user","parts":[{"text":"Continue."}]}));
    assert_eq!(sent["contents"].as_array().unwrap().len(), 3);
}
