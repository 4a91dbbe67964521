//! Official members that the reference has never heard of, one test each: they are there again after the canonical form
//! of their own format. Source: translation.md F.1, numbered in its order.

#![allow(clippy::needless_pass_by_value, reason = "bodies are built from JSON literals")]

use cliproxy_translator::Profile;
use serde_json::{Value, json};

use crate::gemini::{frames, last, sse as gemini_sse, translated};
use crate::responses::{CC, CL, RS, codec, context, written};

const GE: &str = "gemini";

/// The smallest request of a format, with more members.
fn asking(format: &str, more: Value) -> Value {
    let mut body = match format {
        CC => json!({"model":"m","messages":[{"role":"user","content":"q"}]}),
        RS => {
            json!({"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}]})
        }
        CL => json!({"model":"m","max_tokens":9000,"messages":[{"role":"user","content":"q"}]}),
        _ => json!({"contents":[{"role":"user","parts":[{"text":"q"}]}]}),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A request of a format with these members keeps what stands at these places.
#[track_caller]
fn asked(format: &str, more: Value, places: &[&str]) {
    let body = asking(format, more);
    let text = body.to_string();
    let request = codec(format).decode_request(text.as_bytes()).unwrap();
    let encoded = codec(format).encode_request(&request, &Profile::new("m", false)).unwrap();
    let again: Value = serde_json::from_slice(&encoded.body).unwrap();
    kept(&body, &again, places);
}

#[track_caller]
fn kept(before: &Value, after: &Value, places: &[&str]) {
    for place in places {
        let value = before.pointer(place).unwrap_or_else(|| panic!("nothing stands at {place}"));
        assert_eq!(after.pointer(place), Some(value), "{place}: {after}");
    }
}

/// A whole reply of a format keeps what stands at these places.
#[track_caller]
fn told(format: &str, body: Value, places: &[&str]) {
    let text = body.to_string();
    let response = codec(format).decode_reply(text.as_bytes(), &context()).unwrap();
    let again: Value = serde_json::from_slice(&codec(format).encode_reply(&response, &context())).unwrap();
    kept(&body, &again, places);
}

fn chat_reply(message: Value) -> Value {
    json!({"id":"c","object":"chat.completion","created":1,"model":"m",
        "choices":[{"index":0,"message":message,"finish_reason":"stop"}]})
}

fn responses_reply(output: Value) -> Value {
    json!({"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":output})
}

fn claude_reply(content: Value, more: Value) -> Value {
    let mut body = json!({"id":"msg_1","type":"message","role":"assistant","model":"c","content":content,
        "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":9}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn gemini_reply(more: Value) -> Value {
    let mut body = last("STOP", json!([{"text":"a"}]));
    body["candidates"][0].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A stream of Responses reads and is written again with these events.
#[track_caller]
fn streamed(item: Value, deltas: &[Value], kind: &str, text: &str) {
    let mut events = vec![
        json!({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"m","output":[]}}),
        json!({"type":"response.output_item.added","output_index":0,"item":item}),
    ];
    events.extend(deltas.iter().cloned());
    events.push(json!({"type":"response.output_item.done","output_index":0,"item":item}));
    events.push(json!({"type":"response.completed","response":{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[item]}}));
    let out = written(RS, RS, &context(), &crate::responses::sse(&events)).unwrap();
    let said: String = frames(&out)
        .iter()
        .filter(|event| event["type"] == kind)
        .map(|event| event["delta"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(said, text, "{kind}: {out}");
}

macro_rules! official {
    ($($name:ident: $call:expr;)+) => {
        $(#[test]
        fn $name() {
            $call
        })+
    };
}

fn function(format: &str, more: Value) -> Value {
    let mut tool = match format {
        RS => json!({"type":"function","name":"f","parameters":{"type":"object"},"strict":false}),
        _ => json!({"name":"f","input_schema":{"type":"object"}}),
    };
    tool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"tools":[tool]})
}

fn item(item: Value) -> Value {
    json!({"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}, item]})
}

fn user(block: Value) -> Value {
    json!({"messages":[{"role":"user","content":[block]}]})
}

fn parts(user: Value, model: Value) -> Value {
    json!({"contents":[{"role":"user","parts":user},{"role":"model","parts":model},{"role":"user","parts":[{"text":"r"}]}]})
}

official! {
    // Chat Completions.
    o01_prediction: asked(CC, json!({"prediction":{"type":"content","content":"x"}}), &["/prediction"]);
    o02_web_search_options: asked(CC, json!({"web_search_options":{"search_context_size":"low"}}), &["/web_search_options"]);
    o03_moderation: asked(CC, json!({"moderation":{"a":1}}), &["/moderation"]);
    o04_safety_identifier: asked(CC, json!({"safety_identifier":"u"}), &["/safety_identifier"]);
    o05_prompt_cache_options: asked(CC, json!({"prompt_cache_options":{"a":1}}), &["/prompt_cache_options"]);
    o06_verbosity: asked(CC, json!({"verbosity":"low"}), &["/verbosity"]);
    o07_audio_output: {
        asked(CC, json!({"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}}), &["/modalities", "/audio"]);
        let audio = json!({"id":"a","data":"AAAA","expires_at":1,"transcript":"t"});
        told(CC, chat_reply(json!({"role":"assistant","content":null,"audio":audio})), &["/choices/0/message/audio"]);
    };
    o08_logit_bias: asked(CC, json!({"logit_bias":{"1":2}}), &["/logit_bias"]);
    o09_allowed_tools: asked(
        CC,
        json!({"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}}),
        &["/tool_choice"],
    );
    // Responses.
    o10_conversation: asked(RS, json!({"conversation":"conv_1"}), &["/conversation"]);
    o11_prompt: asked(RS, json!({"prompt":{"id":"pmpt_1","version":"2"}}), &["/prompt"]);
    o12_background: asked(RS, json!({"background":true}), &["/background"]);
    o13_reasoning_context: asked(RS, json!({"reasoning":{"effort":"low","context":"all_turns"}}), &["/reasoning/context", "/reasoning/effort"]);
    o14_reasoning_mode: asked(RS, json!({"reasoning":{"effort":"low","mode":"x"}}), &["/reasoning/mode"]);
    o15_calls_by_programs: {
        let call = json!({"type":"function_call","call_id":"c","name":"f","arguments":"{}","caller":{"type":"program","caller_id":"p"}});
        asked(RS, item(call), &["/input/1/caller"]);
        asked(RS, function(RS, json!({"allowed_callers":["programmatic"]})), &["/tools/0/allowed_callers"]);
    };
    o16_tool_search: {
        asked(RS, json!({"tools":[{"type":"tool_search"}]}), &["/tools/0"]);
        let call = json!({"type":"tool_search_call","id":"ts_1","arguments":{"q":"x"},"execution":"server","status":"completed"});
        asked(RS, item(call), &["/input/1"]);
    };
    o17_shell_and_apply_patch: {
        asked(RS, json!({"tools":[{"type":"shell"},{"type":"apply_patch"}]}), &["/tools"]);
        asked(RS, item(json!({"type":"shell_call","call_id":"c","action":{"commands":["ls"]},"status":"completed"})), &["/input/1"]);
        asked(RS, item(json!({"type":"apply_patch_call","call_id":"c","operation":{"type":"delete_file","path":"a"},"status":"completed"})), &["/input/1"]);
    };
    o18_mcp_items: {
        let items = [
            json!({"type":"mcp_list_tools","id":"m","server_label":"s","tools":[]}),
            json!({"type":"mcp_approval_request","id":"m","server_label":"s","name":"n","arguments":"{}"}),
            json!({"type":"mcp_approval_response","approval_request_id":"a","approve":true}),
            json!({"type":"mcp_call","id":"m","server_label":"s","name":"n","arguments":"{}","output":"o"}),
        ];
        for one in items {
            asked(RS, item(one), &["/input/1"]);
        }
    };
    o19_compaction_items: asked(RS, item(json!({"type":"compaction","id":"cmp_1","encrypted_content":"x"})), &["/input/1"]);
    o20_output_schema: asked(RS, function(RS, json!({"output_schema":{"type":"object"}})), &["/tools/0/output_schema"]);
    o21_annotations_of_four_kinds: {
        let annotations = json!([
            {"type":"url_citation","start_index":0,"end_index":1,"url":"https://a.example","title":"t"},
            {"type":"file_citation","file_id":"f","index":1,"filename":"a.txt"},
            {"type":"container_file_citation","container_id":"c","file_id":"f","start_index":0,"end_index":1,"filename":"a"},
            {"type":"file_path","file_id":"f","index":1}]);
        let text = json!({"type":"output_text","text":"a","annotations":annotations});
        let message = json!({"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[text]});
        told(RS, responses_reply(json!([message])), &["/output/0/content/0/annotations"]);
    };
    o22_refusal_events: {
        let part = json!({"type":"refusal","refusal":"No."});
        let message = json!({"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[part]});
        let event = |kind: &str, more: Value| {
            let mut event = json!({"type":kind,"item_id":"msg_1","output_index":0,"content_index":0});
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        let deltas = [
            event("response.content_part.added", json!({"part":{"type":"refusal","refusal":""}})),
            event("response.refusal.delta", json!({"delta":"No"})),
            event("response.refusal.delta", json!({"delta":"."})),
            event("response.refusal.done", json!({"refusal":"No."})),
            event("response.content_part.done", json!({"part":part})),
        ];
        streamed(message, &deltas, "response.refusal.delta", "No.");
    };
    o23_reasoning_text_events: {
        let part = json!({"type":"reasoning_text","text":"Hm."});
        let reasoning = json!({"type":"reasoning","id":"rs_1","summary":[],"content":[part]});
        let event = |kind: &str, key: &str, value: Value| {
            let mut event = json!({"type":kind,"item_id":"rs_1","output_index":0,"content_index":0});
            event[key] = value;
            event
        };
        let deltas = [
            event("response.content_part.added", "part", json!({"type":"reasoning_text","text":""})),
            event("response.reasoning_text.delta", "delta", json!("Hm.")),
            event("response.reasoning_text.done", "text", json!("Hm.")),
            event("response.content_part.done", "part", part),
        ];
        streamed(reasoning, &deltas, "response.reasoning_text.delta", "Hm.");
    };
    // Claude.
    o24_cache_control_at_the_top: asked(CL, json!({"cache_control":{"type":"ephemeral"}}), &["/cache_control"]);
    o25_container: asked(CL, json!({"container":"c"}), &["/container"]);
    o26_inference_geo: asked(CL, json!({"inference_geo":"eu"}), &["/inference_geo"]);
    o27_output_format: asked(CL, json!({"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}), &["/output_config/format"]);
    o28_stop_details: told(
        CL,
        claude_reply(json!([{"type":"text","text":"No."}]), json!({"stop_reason":"refusal","stop_details":{"type":"refusal","category":"cyber","explanation":"e"}})),
        &["/stop_details", "/stop_reason"],
    );
    o29_mcp_servers: asked(CL, json!({"mcp_servers":[{"type":"url","name":"s","url":"https://h.example"}]}), &["/mcp_servers"]);
    o30_context_management: asked(CL, json!({"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}), &["/context_management"]);
    o31_toolsets: {
        let block = json!({"type":"tool_use","id":"t","name":"click","toolset_name":"browser","input":{}});
        let messages = json!([{"role":"user","content":"q"},{"role":"assistant","content":[block]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]}]);
        asked(CL, json!({"messages":messages}), &["/messages/1/content/0/toolset_name"]);
        asked(CL, json!({"tools":[{"type":"browser_toolset_20260301","name":"browser","display_width_px":9}]}), &["/tools/0"]);
    };
    o32_search_result_blocks: asked(
        CL,
        user(json!({"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"x"}],"citations":{"enabled":true}})),
        &["/messages/0/content/0"],
    );
    o33_tool_references: {
        let result = json!({"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_reference","tool_name":"f"}]});
        let messages = json!([{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
            {"role":"user","content":[result]}]);
        asked(CL, json!({"messages":messages}), &["/messages/2/content/0/content/0"]);
    };
    o34_callers: {
        asked(CL, function(CL, json!({"allowed_callers":["direct"]})), &["/tools/0/allowed_callers"]);
        let block = json!({"type":"tool_use","id":"t","name":"f","input":{},"caller":{"type":"direct"}});
        told(CL, claude_reply(json!([block]), json!({"stop_reason":"tool_use"})), &["/content/0/caller"]);
    };
    o35_transformations: asked(
        CL,
        user(json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"},"transformations":[{"type":"crop"}]})),
        &["/messages/0/content/0/transformations"],
    );
    o36_cache_writes_by_age: told(
        CL,
        claude_reply(json!([{"type":"text","text":"a"}]), json!({"usage":{"input_tokens":5,"output_tokens":9,"cache_creation_input_tokens":7,
            "cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}}})),
        &["/usage/cache_creation"],
    );
    o37_use_of_the_providers_tools: told(
        CL,
        claude_reply(json!([{"type":"text","text":"a"}]), json!({"usage":{"input_tokens":5,"output_tokens":9,"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1}}})),
        &["/usage/server_tool_use/web_search_requests"],
    );
    o38_iterations: told(
        CL,
        claude_reply(json!([{"type":"text","text":"a"}]), json!({"usage":{"input_tokens":5,"output_tokens":9,"iterations":[{"type":"message","input_tokens":5,"output_tokens":9}]}})),
        &["/usage/iterations"],
    );
    // Gemini.
    o39_validated_calls: asked(
        GE,
        json!({"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED"}}}),
        &["/toolConfig/functionCallingConfig/mode"],
    );
    o40_media_resolution: {
        asked(GE, json!({"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"}}), &["/generationConfig/mediaResolution"]);
        let part = json!({"inlineData":{"mimeType":"image/png","data":"AAAA"},"mediaResolution":{"level":"MEDIA_RESOLUTION_HIGH"}});
        asked(GE, json!({"contents":[{"role":"user","parts":[part]}]}), &["/contents/0/parts/0/mediaResolution"]);
    };
    o41_video_metadata: asked(
        GE,
        json!({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"video/mp4","data":"AAAA"},"videoMetadata":{"fps":1}}]}]}),
        &["/contents/0/parts/0/videoMetadata"],
    );
    o42_calls_of_googles_tools: asked(
        GE,
        parts(json!([{"text":"q"}]), json!([{"toolCall":{"id":"1","toolType":"GOOGLE_MAPS"}},{"toolResponse":{"id":"1","toolType":"GOOGLE_MAPS","response":{}}},{"text":"a"}])),
        &["/contents/1/parts/0", "/contents/1/parts/1"],
    );
    o44_scheduling_of_results: {
        let contents = json!([{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"functionCall":{"id":"c","name":"f","args":{}}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"c","name":"f","response":{"output":"ok"},"scheduling":"SILENT"}}]}]);
        asked(GE, json!({"contents":contents}), &["/contents/2/parts/0/functionResponse/scheduling"]);
    };
    o45_computer_use: asked(GE, json!({"tools":[{"computerUse":{"environment":"ENVIRONMENT_BROWSER"}}]}), &["/tools/0"]);
    o46_file_search: asked(GE, json!({"tools":[{"fileSearch":{"fileSearchStoreNames":["s"]}}]}), &["/tools/0"]);
    o47_google_maps: asked(GE, json!({"tools":[{"googleMaps":{"enableWidget":true}}]}), &["/tools/0"]);
    o48_mcp_servers: asked(GE, json!({"tools":[{"mcpServers":[{"name":"s","streamableHttpTransport":{"url":"https://h.example"}}]}]}), &["/tools/0"]);
    o49_url_context_metadata: told(
        GE,
        gemini_reply(json!({"urlContextMetadata":{"urlMetadata":[{"retrievedUrl":"https://h.example","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_SUCCESS"}]}})),
        &["/candidates/0/urlContextMetadata"],
    );
    o50_citation_metadata: told(
        GE,
        gemini_reply(json!({"citationMetadata":{"citations":[{"startIndex":0,"endIndex":1,"uri":"https://h.example"}]}})),
        &["/candidates/0/citationMetadata"],
    );
    o51_tokens_of_tool_prompts: {
        let mut body = gemini_reply(json!({}));
        body["usageMetadata"]["toolUsePromptTokenCount"] = json!(2);
        body["usageMetadata"]["totalTokenCount"] = json!(20);
        told(GE, body, &["/usageMetadata/toolUsePromptTokenCount", "/usageMetadata/totalTokenCount"]);
    };
    o52_speech: asked(GE, json!({"generationConfig":{"speechConfig":{"languageCode":"en-US"}}}), &["/generationConfig/speechConfig"]);
    o53_labels: asked(GE, json!({"labels":{"a":"b"}}), &["/labels"]);
    o54_cached_content: asked(GE, json!({"cachedContent":"cachedContents/c"}), &["/cachedContent"]);
}

/// A newer reason is Gemini's own word to its clients, and one that they know to others.
#[test]
fn o55_newer_finish_reasons() {
    for (reason, chat, claude) in [
        ("LANGUAGE", "content_filter", "refusal"),
        ("NO_IMAGE", "stop", "end_turn"),
        ("IMAGE_SAFETY", "content_filter", "refusal"),
        ("TOO_MANY_TOOL_CALLS", "stop", "end_turn"),
        ("UNEXPECTED_TOOL_CALL", "stop", "end_turn"),
    ] {
        let reply = last(reason, json!([{"text":"a"}]));
        told(GE, reply.clone(), &["/candidates/0/finishReason"]);
        let stream = gemini_sse(&[reply]);
        let finish = |client: &str, place: &str| {
            let got = frames(&translated(GE, client, &stream));
            got.iter().find_map(|frame| frame.pointer(place)?.as_str().map(str::to_owned))
        };
        assert_eq!(finish(CC, "/choices/0/finish_reason").as_deref(), Some(chat), "{reason}");
        assert_eq!(finish(CL, "/delta/stop_reason").as_deref(), Some(claude), "{reason}");
    }
}
