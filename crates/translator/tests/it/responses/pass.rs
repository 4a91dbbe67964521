//! Bodies that pass: of this format to itself, and to Codex. Source: translation.md D.17, A.15; providers-a.md 3.5.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, FinishReason, ProviderFormat};
use cliproxy_translator::registry::{RequestCall, Route};
use cliproxy_translator::{Patch, Profile, ReplyContext};
use serde_json::{Value, json};

use super::{CX, REGISTRY, RS, claude_signature, codec, context, gpt_signature, patched};

fn codex(body: Value) -> Value {
    patched(CX, &body, &Patch::default()).unwrap()
}

/// A body as Codex wants it.
fn conforming() -> Value {
    json!({"model":"gpt-5","instructions":"","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}],
        "stream":true,"store":false,"include":["reasoning.encrypted_content"]})
}

fn with(more: Value) -> Value {
    let mut body = conforming();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn e307_e310_system_items_become_the_developers_and_no_others_change() {
    let item = |role: &str| json!({"type":"message","role":role,"content":"x"});
    let input = json!([item("system"), item("user"), item("assistant"), item("system"), item("developer")]);
    let got = codex(with(json!({"input":input})));
    let roles: Vec<_> =
        got["input"].as_array().unwrap().iter().map(|item| item["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["developer", "user", "assistant", "developer", "developer"]);
}

#[test]
fn e308_e309_e311_a_body_that_conforms_keeps_its_buffer() {
    let mut without = conforming();
    without.as_object_mut().unwrap().remove("input");
    for body in [conforming(), with(json!({"input":[]})), without] {
        let body = Bytes::from(body.to_string());
        let got = codec(CX).patch_request(&body, &Patch::default()).unwrap().body;
        assert_eq!(got.as_ptr(), body.as_ptr());
    }
    // A text that only mentions what is looked for.
    let text = with(
        json!({"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"\"system\" prompt_cache_breakpoint"}]}]}),
    );
    let body = Bytes::from(text.to_string());
    assert_eq!(codec(CX).patch_request(&body, &Patch::default()).unwrap().body.as_ptr(), body.as_ptr());
    // However it is written: an input that is looked into and found fine is not written again.
    let input = r#"[ {"type":"message", "role":"user","content":[{"type":"input_text","text":"say \"system\" and prompt_cache_breakpoint"}]} ,
        {"type":"message","role":"developer","content":[ {"type":"input_text","text":"web_search_preview"}]}]"#;
    let text = conforming().to_string().replacen(&conforming()["input"].to_string(), input, 1);
    assert!(text.contains(input));
    let body = Bytes::from(text);
    let got = codec(CX).patch_request(&body, &Patch::default()).unwrap().body;
    assert_eq!(got, body, "E308");
    assert_eq!(got.as_ptr(), body.as_ptr(), "E308");
}

#[test]
fn e312_wrong_types_become_what_is_demanded() {
    let got = codex(with(
        json!({"stream":"no","store":1,"parallel_tool_calls":"x","include":"y","instructions":null,
        "tools":[{"type":"function","name":"f","parameters":{},"strict":false}]}),
    ));
    assert_eq!(
        (&got["stream"], &got["store"], &got["parallel_tool_calls"], &got["include"], &got["instructions"]),
        (&json!(true), &json!(false), &json!(true), &json!(["reasoning.encrypted_content"]), &json!(""))
    );
    // Without tools the backend refuses it; what the client said of its tools stays (3.8).
    assert_eq!(codex(with(json!({"parallel_tool_calls":true}))).get("parallel_tool_calls"), None);
    let tools = json!([{"type":"function","name":"f","parameters":{},"strict":false}]);
    assert_eq!(codex(with(json!({"parallel_tool_calls":false,"tools":tools})))["parallel_tool_calls"], false);
}

#[test]
fn e313_e316_e317_e318_what_the_backend_refuses_is_removed() {
    let refused = json!({"max_output_tokens":9,"max_completion_tokens":9,"temperature":1,"top_p":1,"user":"u","truncation":"auto",
        "context_management":[{"type":"compaction"}],"prompt_cache_options":{},"prompt_cache_retention":"24h","safety_identifier":"s",
        "generate":true,"service_tier":"flex","stream_options":{"include_obfuscation":false}});
    assert_eq!(codex(with(refused)), conforming());
    let got = codex(with(
        json!({"prompt_cache_key":"k","service_tier":"priority","stream_options":{"reasoning_summary_delivery":"x","a":1}}),
    ));
    assert_eq!(
        (&got["prompt_cache_key"], &got["service_tier"], &got["stream_options"]),
        (&json!("k"), &json!("priority"), &json!({"reasoning_summary_delivery":"x"}))
    );
    // Source: translation.md B88.
    assert_eq!(codex(with(json!({"service_tier":"fast"})))["service_tier"], "priority");
}

#[test]
fn e314_e315_preview_names_of_web_search_are_todays() {
    for preview in ["web_search_preview", "web_search_preview_2025_03_11"] {
        let got = codex(with(json!({"tools":[{"type":preview,"search_context_size":"low"}],
            "tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":preview}]}})));
        assert_eq!(got["tools"], json!([{"type":"web_search","search_context_size":"low"}]));
        assert_eq!(got["tool_choice"]["tools"], json!([{"type":"web_search"}]));
        let got = codex(with(json!({"tools":[{"type":preview}],"tool_choice":{"type":preview}})));
        assert_eq!(got["tool_choice"], json!({"type":"web_search"}));
    }
}

#[test]
fn e319_e320_breakpoints_of_parts_go_and_texts_about_them_stay() {
    let input = json!([{"type":"message","role":"system","content":[
        {"type":"input_text","text":"prompt_cache_breakpoint","prompt_cache_breakpoint":{"mode":"explicit"}},
        {"type":"input_text","text":"b"}]}]);
    let got = codex(with(json!({"input":input})));
    assert_eq!(
        got["input"],
        json!([{"type":"message","role":"developer","content":[
            {"type":"input_text","text":"prompt_cache_breakpoint"},{"type":"input_text","text":"b"}]}])
    );
}

#[test]
fn a_string_is_what_a_user_says_and_long_ids_are_shortened() {
    let got = codex(with(json!({"input":"a\nb"})));
    assert_eq!(
        got["input"],
        json!([{"type":"message","role":"user","content":[{"type":"input_text","text":"a\nb"}]}])
    );
    let long = "x".repeat(90);
    let got = codex(with(json!({"input":[
        {"type":"function_call","id":long,"call_id":long,"name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":long,"output":"ok"}]})));
    let id = got["input"][0]["call_id"].as_str().unwrap();
    assert_eq!(id.len(), 64);
    assert!(id.starts_with(&"x".repeat(47)) && id.as_bytes()[47] == b'_');
    assert_eq!(got["input"][1]["call_id"], id);
    assert_eq!(got["input"][0]["id"], id);
}

#[test]
fn a_conversation_that_is_kept_elsewhere_is_not_lost_silently() {
    let error = patched(CX, &with(json!({"previous_response_id":"resp_1"})), &Patch::default()).unwrap_err();
    assert_eq!(error.param(), Some("previous_response_id"));
    assert_eq!(codex(with(json!({"previous_response_id":null}))), conforming());
    // A provider of this format may keep it.
    let body = with(json!({"previous_response_id":"resp_1"}));
    assert_eq!(patched(RS, &body, &Patch::default()).unwrap(), body);
}

#[test]
fn b30_thoughts_of_other_providers_stop_before_a_provider_of_this_format() {
    let thought = |state: &str| json!({"type":"reasoning","summary":[],"encrypted_content":state});
    let (gpt, claude) = (gpt_signature(), claude_signature());
    let own = json!([thought(&gpt), thought("bm9pc2U"), {"type":"reasoning","summary":[],"encrypted_content":null}]);
    for provider in [RS, CX] {
        let body = Bytes::from(with(json!({"input":own})).to_string());
        let got = codec(provider).patch_request(&body, &Patch::default()).unwrap().body;
        assert_eq!(got.as_ptr(), body.as_ptr(), "what is the provider's own passes as it is");
        let mixed = json!([
            thought(&format!("cliproxy:claude:{claude}")),
            thought(&claude),
            thought(&gpt),
            thought("cliproxy:redacted:x")
        ]);
        let got = patched(provider, &with(json!({"input":mixed})), &Patch::default()).unwrap();
        assert_eq!(got["input"], json!([thought(&gpt)]));
    }
}

#[test]
fn only_what_must_change_does() {
    let body = Bytes::from_static(br#"{ "model":"a", "input": [ 1e0 ],"stream" : true,"reasoning":{"effort":"low","summary":"auto"}, "x":"\u00e9" }"#);
    let mut patch = Patch::default();
    patch.model = Some("b".to_owned());
    patch.stream = Some(false);
    patch.reasoning = cliproxy_translator::pass::reasoning::parse_suffix("high");
    let got = codec(RS).patch_request(&body, &patch).unwrap().body;
    assert_eq!(
        got,
        &br#"{ "model":"b", "input": [ 1e0 ],"stream" : false,"reasoning":{"effort":"high","summary":"auto"}, "x":"\u00e9" }"#[..]
    );
    let same = codec(RS).patch_request(&body, &Patch::default()).unwrap().body;
    assert_eq!(same.as_ptr(), body.as_ptr());
}

#[test]
fn a_compaction_knows_no_streams_and_no_codex_rules() {
    // Source: http-api.md A.9; providers-a.md 3.5 "Compact".
    let mut patch = Patch::default();
    patch.compact = true;
    patch.model = Some("gpt-5".to_owned());
    let body = json!({"model":"m","input":"q","stream":true,"stream_options":{},"temperature":1});
    assert_eq!(
        patched(CX, &body, &patch).unwrap(),
        json!({"model":"gpt-5","temperature":1,"instructions":"",
            "input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}]})
    );
    assert_eq!(patched(RS, &body, &patch).unwrap(), json!({"model":"gpt-5","input":"q","temperature":1}));
}

#[test]
fn e321_a_created_event_without_model_gets_the_clients() {
    let mut observer = codec(CX).stream_observer(&context());
    let data = br#"{"type":"response.created","response":{"id":"resp_1","object":"response","output":[]},"sequence_number":0}"#;
    let frame = cliproxy_translator::StreamFrame::named("response.created", data);
    let cliproxy_translator::Observed::Replace(out) = observer.observe(frame) else { panic!("not replaced") };
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.contains(r#""model":"asked-model""#), "{text}");
}

#[test]
fn e322_an_incomplete_stream_is_its_inner_response() {
    let response = json!({"id":"resp_1","object":"response","created_at":5,"status":"incomplete","model":"gpt-x",
        "incomplete_details":{"reason":"max_output_tokens"},"unknown":{"kept":true},
        "output":[{"type":"message","id":"msg_1","status":"incomplete","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]}]});
    let events = [
        json!({"type":"response.created","response":{"id":"resp_1","model":"gpt-x"}}),
        json!({"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"a"}),
        json!({"type":"response.incomplete","response":response}),
    ];
    assert_eq!(super::aggregated(CX, RS, &context(), &events), response);
    let mut context = context();
    context.shown_model = Some("mine".to_owned());
    assert_eq!(super::aggregated(CX, RS, &context, &events)["model"], "mine");
}

#[test]
fn the_registry_passes_bytes_between_the_dialects() {
    let (client, provider) = (ClientFormat::OPENAI_RESPONSES, ProviderFormat::CODEX);
    assert_eq!(REGISTRY.request_route(&client, &provider), Some(Route::PassThrough));
    assert_eq!(REGISTRY.response_route(&client, &provider, true), Some(Route::PassThrough));
    assert_eq!(REGISTRY.request_route(&ClientFormat::CLAUDE, &provider), Some(Route::Hub));
    let body = Bytes::from(json!({"model":"mine","input":"q","temperature":1}).to_string());
    let profile = Profile::new("gpt-5", true);
    let call = RequestCall::new(&client, &provider, &body, &profile);
    let done = REGISTRY.translate_request(&call, ReplyContext::new("mine", "seed")).unwrap();
    let got: Value = serde_json::from_slice(&done.body).unwrap();
    assert_eq!(
        (&got["model"], got.get("temperature"), &got["store"]),
        (&json!("gpt-5"), None, &json!(false))
    );
    // And what only another service keeps is refused on the way to any other format.
    let body = Bytes::from(json!({"model":"mine","input":"q","previous_response_id":"resp_1"}).to_string());
    let foreign = ProviderFormat::CLAUDE;
    let call = RequestCall::new(&client, &foreign, &body, &profile);
    let error = REGISTRY.translate_request(&call, ReplyContext::new("mine", "seed")).unwrap_err();
    assert_eq!(error.param(), Some("previous_response_id"));
}

#[test]
fn b93_a_whole_reply_names_the_clients_model_and_tells_what_it_cost() {
    let body = Bytes::from_static(
        br#"{"id":"resp_1", "object":"response","status":"completed","model":"gpt-x","output":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}"#,
    );
    let (same, usage, finish) = codec(RS).patch_reply(&body, &context()).unwrap();
    assert_eq!(same.as_ptr(), body.as_ptr());
    assert_eq!((usage.input, usage.output, finish), (Some(3), Some(4), Some(FinishReason::ToolUse)));
    let mut context = context();
    context.shown_model = Some("mine".to_owned());
    let (named, ..) = codec(CX).patch_reply(&body, &context).unwrap();
    let expected = String::from_utf8(body.to_vec()).unwrap().replace("gpt-x", "mine");
    assert_eq!(named, expected.as_bytes());
    for failed in [
        r#"{"error":{"message":"no"}}"#,
        r#"{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"no"},"output":[]}"#,
    ] {
        let error = codec(RS)
            .patch_reply(&Bytes::from_static(failed.as_bytes()), &ReplyContext::default())
            .unwrap_err();
        assert!(error.to_string().contains("no"), "{error}");
    }
}

#[test]
fn a_body_is_peeked_at_without_decoding() {
    let peek = codec(RS)
        .peek(br#"{"model":"m","stream":true,"prompt_cache_key":"k","conversation":{"id":"c1"},"input":[]}"#)
        .unwrap();
    assert_eq!(
        (&*peek.model, peek.stream, peek.session.as_deref(), peek.cache_key.as_deref()),
        ("m", true, Some("c1"), Some("k"))
    );
    // Source: http-api.md A.3: only the literal `true` streams.
    assert!(!codec(CX).peek(br#"{"model":"m","stream":1}"#).unwrap().stream);
    codec(RS).peek(b"[]").unwrap_err();
}

#[test]
fn a_stream_that_is_neither_true_nor_false_is_refused_where_it_is_read() {
    for (stream, fine) in
        [(json!(true), true), (json!(false), true), (Value::Null, true), (json!("yes"), false)]
    {
        let body = json!({"model":"m","input":"q","stream":stream}).to_string();
        let read = codec(RS).decode_request(body.as_bytes());
        assert_eq!(
            read.as_ref().err().and_then(|error| error.param()),
            (!fine).then_some("stream"),
            "{stream}"
        );
    }
}
