//! Whole replies and requests of this format, there and back.

use cliproxy_core::FinishReason;
use cliproxy_translator::Profile;
use serde_json::{Value, json};

use super::{CL, CX, RS, codec, context, gpt_signature, replayed, reply, types};
use crate::schema::assert_valid_bytes;

fn response() -> Value {
    json!({"id":"resp_1","object":"response","created_at":5,"status":"completed","model":"gpt-x","service_tier":"priority",
        "output":[
            {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":gpt_signature()},
            {"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[
                {"type":"output_text","text":"said","annotations":[{"type":"url_citation","start_index":0,"end_index":4,"url":"https://a.example","title":"t"}],"logprobs":[]},
                {"type":"refusal","refusal":"no"}]},
            {"id":"fc_1","type":"function_call","status":"completed","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
            {"id":"ctc_1","type":"custom_tool_call","status":"completed","call_id":"c2","name":"exec","input":"ls"},
            {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},
            {"type":"local_shell_call","id":"lsh_1","call_id":"c3","status":"completed","action":{"type":"exec","command":["ls"],"env":{}}}],
        "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":6,
            "output_tokens_details":{"reasoning_tokens":2},"total_tokens":16},
        "parallel_tool_calls":true,"tool_choice":"auto","tools":[]})
}

/// The parts of a response that say something.
fn essence(response: &Value) -> Value {
    json!({"id":response["id"],"model":response["model"],"status":response["status"],"output":response["output"],
        "usage":response["usage"],"created_at":response["created_at"],"service_tier":response["service_tier"]})
}

#[test]
fn a_reply_goes_through_the_model_and_back() {
    let body = response();
    assert_eq!(essence(&reply(RS, RS, &context(), &body)), essence(&body));
}

#[test]
fn a_reply_replayed_as_a_stream_has_the_same_items() {
    let (stream, again) = replayed(RS, &context(), &response());
    let streamed = super::final_response(&stream);
    let kinds =
        ["reasoning", "message", "function_call", "custom_tool_call", "web_search_call", "local_shell_call"];
    assert_eq!(types(&streamed), kinds);
    assert_eq!(types(&again), kinds);
    assert_eq!(streamed["usage"], response()["usage"]);
    assert_eq!(streamed["output"], again["output"], "the aggregate of a stream is the reply");
    for at in [2, 3] {
        for key in ["call_id", "name", "arguments", "input"] {
            assert_eq!(streamed["output"][at].get(key), response()["output"][at].get(key));
        }
    }
}

#[test]
fn b51_b52_why_a_response_ended() {
    let text = json!({"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]});
    let call = json!({"type":"function_call","call_id":"c","name":"f","arguments":"{}"});
    let refusal =
        json!({"type":"message","id":"m","role":"assistant","content":[{"type":"refusal","refusal":"no"}]});
    for (body, reason) in [
        (json!({"id":"r","status":"completed","output":[text]}), FinishReason::Stop),
        (json!({"id":"r","status":"completed","output":[text, call]}), FinishReason::ToolUse),
        (json!({"id":"r","status":"completed","output":[refusal]}), FinishReason::Refusal),
        (
            json!({"id":"r","status":"completed","stop_sequence":"x","output":[text]}),
            FinishReason::StopSequence,
        ),
        (
            json!({"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[call]}),
            FinishReason::Length,
        ),
        (
            json!({"id":"r","status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[]}),
            FinishReason::Safety,
        ),
        // What is not whole is cut, whatever the reason.
        (json!({"id":"r","status":"incomplete","output":[]}), FinishReason::Length),
        (
            json!({"id":"r","status":"incomplete","incomplete_details":{"reason":"moonshine"},"output":[call]}),
            FinishReason::Length,
        ),
        (json!({"id":"r","status":"cancelled","output":[text]}), FinishReason::Length),
    ] {
        let text = body.to_string();
        let response = codec(RS).decode_reply(text.as_bytes(), &context()).unwrap();
        assert_eq!(response.candidates[0].finish.as_ref().unwrap().reason, reason, "{body}");
    }
}

#[test]
fn what_is_no_reply_is_an_error_that_says_why() {
    for (body, says) in [
        (r#"{"error":{"message":"broken"}}"#, "broken"),
        (
            r#"{"id":"r","status":"failed","error":{"code":"server_error","message":"broken"},"output":[]}"#,
            "broken",
        ),
        (r#"{"detail":"Unauthorized"}"#, "Unauthorized"),
        ("{}", "no response"),
        ("[]", "not a JSON object"),
        (r#"{"id":"r","status":"completed","output":5}"#, "output"),
    ] {
        let error = codec(RS).decode_reply(body.as_bytes(), &context()).unwrap_err();
        assert!(error.to_string().contains(says), "{body}: {error}");
    }
}

/// A request through the model and back into this format.
fn through(body: &Value) -> Value {
    let text = body.to_string();
    let request = codec(RS).decode_request(text.as_bytes()).unwrap();
    let profile = Profile::new("gpt-5", body["stream"] == true);
    assert_valid_bytes(
        "openai-responses.request",
        &codec(RS).encode_request(&request, &profile).unwrap().body,
    )
}

#[test]
fn requests_survive_the_model() {
    let state = gpt_signature();
    for body in [
        json!({"model":"gpt-5","input":"q","max_output_tokens":99,"temperature":0.5,"top_p":0.9,"stream":true,
            "stream_options":{"include_obfuscation":false},"store":true,"previous_response_id":"resp_1","truncation":"auto","max_tool_calls":3,
            "user":"u","safety_identifier":"s","prompt_cache_key":"k","metadata":{"a":"b"},"service_tier":"flex",
            "include":["reasoning.encrypted_content","message.output_text.logprobs"],"top_logprobs":3,
            "reasoning":{"effort":"high","summary":"detailed","context":"auto"},
            "text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}},"verbosity":"low"}}),
        json!({"model":"gpt-5","instructions":"i","input":[
            {"type":"message","role":"system","content":"s"},
            {"type":"message","role":"developer","content":[{"type":"input_text","text":"d","prompt_cache_breakpoint":{"mode":"explicit"}}]},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"q"},
                {"type":"input_image","detail":"original","image_url":"data:image/png;base64,AA=="},
                {"type":"input_image","detail":"auto","file_id":"file_1"},
                {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},
                {"type":"input_file","file_url":"https://a.example/a.pdf"},
                {"type":"input_file","file_id":"file_2"}]},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"}],"content":[{"type":"reasoning_text","text":"raw"}],"encrypted_content":state},
            {"type":"message","id":"msg_1","role":"assistant","status":"completed","phase":"commentary","content":[
                {"type":"output_text","text":"a","annotations":[{"type":"file_path","file_id":"f","index":1}]},{"type":"refusal","refusal":"no"}]},
            {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\": 1}","status":"completed"},
            {"type":"function_call_output","call_id":"c1","output":"ok","status":"completed"},
            {"type":"custom_tool_call","call_id":"c2","name":"exec","input":"ls"},
            {"type":"custom_tool_call_output","call_id":"c2","output":[{"type":"input_text","text":"x"},{"type":"input_image","detail":"low","image_url":"https://a.example/i.png"}]},
            {"type":"function_call","call_id":"c3","name":"run","namespace":"term","arguments":"{}"},
            {"type":"function_call_output","call_id":"c3","output":"ok"},
            {"type":"local_shell_call","id":"l","call_id":"c4","status":"completed","action":{"type":"exec","command":["ls"],"env":{}}},
            {"type":"local_shell_call_output","id":"l","output":"{}"},
            {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},
            {"type":"item_reference","id":"msg_9"},
            {"type":"compaction","encrypted_content":"x"},
            {"type":"additional_tools","role":"developer","tools":[{"type":"function","name":"late","parameters":{},"strict":false}]}],
            "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","x":[1.0]},"strict":true,"defer_loading":true},
                {"type":"namespace","name":"term","description":"t","tools":[
                    {"type":"function","name":"run","parameters":{},"strict":false},{"type":"custom","name":"exec"}]},
                {"type":"custom","name":"exec","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
                {"type":"web_search","search_context_size":"low"},{"type":"mcp","server_label":"s","server_url":"https://a.example"}],
            "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"custom","name":"exec"}]},
            "parallel_tool_calls":false}),
        json!({"model":"gpt-5","input":"q","tools":[{"type":"web_search_preview"}],"tool_choice":{"type":"web_search_preview"}}),
        json!({"model":"gpt-5","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}],"reasoning":{"effort":"none"},"tool_choice":"none"}),
    ] {
        assert_eq!(sorted(&through(&body)), sorted(&body));
    }
}

/// Members by name: their order says nothing.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}

#[test]
fn mistakes_of_clients_are_named_by_their_place() {
    for (body, param) in [
        (r#"{"input":5}"#, "input"),
        (r#"{"input":[{"role":"user","content":[{"text":"x"}]}]}"#, "input[0].content[0].type"),
        (r#"{"input":[{"role":"wizard","content":"x"}]}"#, "input[0].role"),
        (r#"{"input":[{}]}"#, "input[0].type"),
        (r#"{"instructions":5}"#, "instructions"),
        (r#"{"tools":[{"type":"function"}]}"#, "tools[0].name"),
        (r#"{"tools":[{"name":"f"}]}"#, "tools[0].type"),
        (r#"{"tool_choice":"sometimes"}"#, "tool_choice"),
        (r#"{"reasoning":"high"}"#, "reasoning"),
        (r#"{"max_output_tokens":"many"}"#, "max_output_tokens"),
        (r#"{"model":5}"#, "model"),
    ] {
        let error = codec(RS).decode_request(body.as_bytes()).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}: {error}");
    }
    codec(RS).decode_request(b"\xff").unwrap_err();
    // Codex repeats reasoning items with a null content, other clients leave the type of messages out.
    codec(RS)
        .decode_request(
            br#"{"input":[{"type":"reasoning","summary":[],"content":null},{"role":"user","content":"x"}]}"#,
        )
        .unwrap();
}

#[test]
fn b33_state_of_other_providers_comes_back_to_them_through_a_client_of_this_format() {
    for state in
        ["cliproxy:gemini.prev:x", "cliproxy:nobody:x", "cliproxy:gemini:cliproxy:gemini:x", "cliproxy:"]
    {
        let body = json!({"model":"m","input":[{"role":"user","content":"q"},
            {"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":state},{"role":"assistant","content":"a"}]});
        for provider in [RS, CX, CL] {
            let profile = Profile::new("m", false);
            let out = super::encoded(RS, provider, &body, &profile).unwrap();
            assert!(!String::from_utf8_lossy(&out.body).contains("cliproxy"), "{state} to {provider}");
        }
    }
}
