//! Conversations as states. Source: translation.md D.33, F31, F32; providers-b.md 1.5.3, 1.5.5, 1.5.6, 1.8.

use cliproxy_translator::{Codec, CodecErrorKind, Profile};
use serde_json::{Value, json};

use super::{codec, losses, sent, to_kiro};
use crate::gemini::codec_of;

/// A Chat request with these messages and the tool they call.
fn chat(messages: Value) -> Value {
    json!({"model":"m","messages":messages,
        "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}]})
}

fn call(ids: &[&str]) -> Value {
    let calls: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id":id,"type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}))
        .collect();
    json!({"role":"assistant","content":null,"tool_calls":calls})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role":"tool","tool_call_id":id,"content":text})
}

fn user(text: &str) -> Value {
    json!({"role":"user","content":text})
}

fn said(message: &Value) -> &str {
    message["userInputMessage"]["content"].as_str().unwrap()
}

/// The ids of the results of a user's message, with what they say.
fn results(message: &Value) -> Vec<(String, String)> {
    let context = &message["userInputMessage"]["userInputMessageContext"];
    let all = context["toolResults"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|result| {
            (
                result["toolUseId"].as_str().unwrap().to_owned(),
                result["content"][0]["text"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn pair(id: &str, text: &str) -> (String, String) {
    (id.to_owned(), text.to_owned())
}

#[test]
fn e675_a_result_before_the_last_words_is_in_the_context_of_the_current_message() {
    let sent =
        to_kiro("openai", chat(json!([user("go"), call(&["c1"]), result("c1", "42"), user("and now?")])));
    let state = &sent["conversationState"];
    assert_eq!(results(&state["currentMessage"]), [pair("c1", "42")]);
    assert_eq!(said(&state["currentMessage"]), "and now?");
    assert_eq!(state["history"].as_array().unwrap().len(), 2);
}

#[test]
fn e676_results_of_earlier_rounds_are_with_the_users_words_of_their_time() {
    let messages = json!([
        user("go"),
        call(&["c1"]),
        result("c1", "42"),
        user("more"),
        call(&["c2"]),
        result("c2", "43"),
        user("end"),
    ]);
    let sent = to_kiro("openai", chat(messages));
    let history = sent["conversationState"]["history"].as_array().unwrap();
    assert_eq!((results(&history[2]), said(&history[2])), (vec![pair("c1", "42")], "more"));
    assert_eq!(results(&sent["conversationState"]["currentMessage"]), [pair("c2", "43")]);
}

#[test]
fn e677_two_calls_and_two_results_are_all_there() {
    let messages =
        json!([user("go"), call(&["c1", "c2"]), result("c2", "b"), result("c1", "a"), user("so?")]);
    let sent = to_kiro("openai", chat(messages));
    let state = &sent["conversationState"];
    assert_eq!(results(&state["currentMessage"]), [pair("c1", "a"), pair("c2", "b")]);
    let calls = state["history"][1]["assistantResponseMessage"]["toolUses"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], json!({"toolUseId":"c1","name":"f","input":{"a":1}}));
}

#[test]
fn e678_a_conversation_that_ends_with_a_result_is_continued_by_it() {
    let sent = to_kiro("openai", chat(json!([user("go"), call(&["c1"]), result("c1", "42")])));
    let current = &sent["conversationState"]["currentMessage"];
    assert_eq!(said(current), "Tool results provided.");
    assert_eq!(results(current), [pair("c1", "42")]);
    assert_eq!(current["userInputMessage"]["userInputMessageContext"]["toolResults"][0]["status"], "success");
}

#[test]
fn e679_results_that_the_model_answers_have_a_message_of_their_own() {
    let messages = json!([
        user("go"), call(&["c1"]), result("c1", "42"), {"role":"assistant","content":"It is 42."}, user("thanks"),
    ]);
    let sent = to_kiro("openai", chat(messages));
    let history = sent["conversationState"]["history"].as_array().unwrap();
    assert_eq!((results(&history[2]), said(&history[2])), (vec![pair("c1", "42")], "Tool results provided."));
    assert_eq!(history[3]["assistantResponseMessage"]["content"], "It is 42.");
}

#[test]
fn e680_a_conversation_that_ends_with_the_model_is_asked_to_go_on() {
    let sent = to_kiro("openai", chat(json!([user("go"), {"role":"assistant","content":"The answer is"}])));
    let state = &sent["conversationState"];
    assert_eq!(said(&state["currentMessage"]), "Continue");
    assert_eq!(state["history"][1]["assistantResponseMessage"]["content"], "The answer is");
}

#[test]
fn calls_that_nobody_answered_get_an_answer_that_says_so() {
    let sent = to_kiro("openai", chat(json!([user("go"), call(&["c1", "c2"])])));
    let current = &sent["conversationState"]["currentMessage"];
    assert_eq!(results(current), [pair("c1", "no output"), pair("c2", "no output")]);
    let context = &current["userInputMessage"]["userInputMessageContext"];
    assert_eq!(context["toolResults"][0]["status"], "error");
    let middle = to_kiro("openai", chat(json!([user("go"), call(&["c1"]), user("never mind")])));
    assert_eq!(results(&middle["conversationState"]["currentMessage"]), [pair("c1", "no output")]);
    assert!(losses("openai", chat(json!([user("go"), call(&["c1"])]))).contains(&"tool_call".to_owned()));
}

#[test]
fn results_without_a_call_are_left_out_and_told() {
    let messages = json!([user("go"), result("c9", "?"), user("on")]);
    let sent = to_kiro("openai", chat(messages.clone()));
    assert!(results(&sent["conversationState"]["currentMessage"]).is_empty());
    assert_eq!(losses("openai", chat(messages)), ["tool_result"]);
}

#[test]
fn a_conversation_that_the_model_began_begins_with_the_user() {
    let sent = to_kiro("openai", chat(json!([{"role":"assistant","content":"Hello!"}, user("hi")])));
    let history = sent["conversationState"]["history"].as_array().unwrap();
    assert_eq!(said(&history[0]), ".");
    assert_eq!(history[1]["assistantResponseMessage"]["content"], "Hello!");
}

#[test]
fn neighbours_of_one_role_are_one_message() {
    let messages = json!([
        {"role":"user","name":"a","content":"one"}, {"role":"user","name":"b","content":"two"},
        {"role":"assistant","content":"x"}, call(&["c1"]), call(&["c2"]), result("c1", "1"), result("c2", "2"), user("end"),
    ]);
    let sent = to_kiro("openai", chat(messages));
    let history = sent["conversationState"]["history"].as_array().unwrap();
    assert_eq!(said(&history[0]), "one\ntwo");
    let model = &history[1]["assistantResponseMessage"];
    assert_eq!((model["content"].as_str(), model["toolUses"].as_array().map(Vec::len)), (Some("x"), Some(2)));
}

#[test]
fn f31_the_instructions_stand_before_the_first_words_of_every_turn() {
    let prefix = "--- SYSTEM PROMPT ---\nBe brief.\n--- END SYSTEM PROMPT ---\n\n";
    let first =
        json!({"model":"m","max_tokens":9,"system":"Be brief.","messages":[{"role":"user","content":"hi"}]});
    let first = to_kiro("claude", first);
    assert_eq!(said(&first["conversationState"]["currentMessage"]), format!("{prefix}hi"));
    let later = json!({"model":"m","max_tokens":9,"system":[{"type":"text","text":"Be brief."}],"messages":[
        {"role":"user","content":"hi"},{"role":"assistant","content":"Hi."},{"role":"user","content":"bye"}]});
    let later = to_kiro("claude", later);
    let state = &later["conversationState"];
    assert_eq!(said(&state["history"][0]), format!("{prefix}hi"), "what was said first stays as it was");
    assert_eq!(said(&state["currentMessage"]), "bye");
}

#[test]
fn f31_history_and_declarations_have_the_same_names_and_they_come_back() {
    let long = format!("mcp__server__{}", "x".repeat(80));
    let mut body = chat(json!([user("go"), call(&["c1"]), result("c1", "42")]));
    body["tools"][0]["function"]["name"] = json!(long);
    body["messages"][1]["tool_calls"][0]["function"]["name"] = json!(long);
    let (value, encoded) = sent("openai", &body, &Profile::new("claude-sonnet-4.5", true));
    let state = &value["conversationState"];
    let called = state["history"][1]["assistantResponseMessage"]["toolUses"][0]["name"].as_str().unwrap();
    let context = &state["currentMessage"]["userInputMessage"]["userInputMessageContext"];
    assert_eq!(context["tools"][0]["toolSpecification"]["name"], called);
    assert_eq!(encoded.names.declared(called), long);
}

#[test]
fn f32_a_failure_stays_one_whatever_its_words_and_no_clock_is_in_the_prompt() {
    let body = json!({"model":"m","max_tokens":9,"system":"s","messages":[
        {"role":"user","content":"go"},
        {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"the output was truncated"}]}]});
    let once = to_kiro("claude", body.clone());
    let context = &once["conversationState"]["currentMessage"]["userInputMessage"]["userInputMessageContext"];
    let failed = json!([{"toolUseId":"t1","status":"error","content":[{"text":"the output was truncated"}]}]);
    assert_eq!(context["toolResults"], failed);
    assert_eq!(once, to_kiro("claude", body), "the same request is the same bytes");
}

#[test]
fn f31_nothing_of_a_long_history_is_cut() {
    let mut messages = Vec::new();
    for number in 0..120 {
        messages.push(user(&format!("q{number}")));
        messages.push(json!({"role":"assistant","content":format!("a{number}")}));
    }
    messages.push(user("last"));
    let sent = to_kiro("openai", json!({"model":"m","messages":messages}));
    assert_eq!(sent["conversationState"]["history"].as_array().unwrap().len(), 240);
}

#[test]
fn a_conversation_keeps_its_name_and_others_have_their_own() {
    let id = |body: Value| to_kiro("openai", body)["conversationState"]["conversationId"].clone();
    let named = |text: &str, key: &str| json!({"model":"m","prompt_cache_key":key,"messages":[user(text)]});
    assert_eq!(id(named("a", "k")), id(named("b", "k")));
    assert_ne!(id(named("a", "k")), id(named("a", "l")));
    let free = |texts: &[&str]| {
        let messages: Vec<Value> = texts.iter().map(|text| user(text)).collect();
        id(json!({"model":"m","messages":messages}))
    };
    assert_eq!(free(&["a"]), free(&["a"]));
    assert_ne!(free(&["a"]), free(&["a", "b"]));
    assert_ne!(free(&["a"]), free(&["b"]));
}

#[test]
fn images_go_inline_those_of_tools_beside_their_result() {
    let png = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUg=="}});
    let body = json!({"model":"m","max_tokens":9,"messages":[
        {"role":"user","content":[{"type":"text","text":"look"},png.clone()]},
        {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[png]}]}]});
    let sent = to_kiro("claude", body);
    let state = &sent["conversationState"];
    let image = json!([{"format":"png","source":{"bytes":"iVBORw0KGgoAAAANSUhEUg=="}}]);
    assert_eq!(state["history"][0]["userInputMessage"]["images"], image);
    let current = &state["currentMessage"]["userInputMessage"];
    assert_eq!(current["images"], image);
    let result = &current["userInputMessageContext"]["toolResults"][0];
    assert_eq!(result["content"], json!([{"text":"(no output)"}]));
    for (mime, format) in [("image/jpg", "jpeg"), ("image/webp", "webp"), ("IMAGE/GIF", "gif")] {
        let url = format!("data:{mime};base64,AAAA");
        let body = json!({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":url}}]}]});
        let sent = to_kiro("openai", body);
        let current = &sent["conversationState"]["currentMessage"]["userInputMessage"];
        assert_eq!(current["images"][0]["format"], format, "{mime}");
        assert_eq!(current["content"], "Continue");
    }
}

#[test]
fn what_cannot_be_shown_is_refused_or_named_in_words() {
    let ask = |part: Value| {
        let body = json!({"model":"m","messages":[{"role":"user","content":[part]}]}).to_string();
        let client = codec_of("openai");
        let request = client.decode_request(body.as_bytes()).unwrap();
        codec().encode_request(&request, &Profile::new("claude-sonnet-4.5", true)).map(|encoded| {
            let value: Value = serde_json::from_slice(&encoded.body).unwrap();
            said(&value["conversationState"]["currentMessage"]).to_owned()
        })
    };
    // Source: translation.md B82.
    let error = ask(json!({"type":"image_url","image_url":{"url":"https://h/a.png"}})).unwrap_err();
    assert_eq!((error.kind(), error.param()), (CodecErrorKind::Inexpressible, Some("messages")));
    let svg = ask(json!({"type":"image_url","image_url":{"url":"data:image/svg+xml;base64,AAAA"}})).unwrap();
    assert!(svg.contains("image/svg+xml"), "{svg}");
    let pdf =
        json!({"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}});
    assert!(ask(pdf).unwrap().contains("application/pdf"));
}

#[test]
fn sampling_goes_along_zero_included_and_what_has_no_place_is_told() {
    let mut body = chat(json!([user("hi")]));
    for (key, value) in [
        ("temperature", json!(0)),
        ("top_p", json!(0.5)),
        ("max_tokens", json!(100)),
        ("seed", json!(1)),
        ("stop", json!(["x"])),
        ("parallel_tool_calls", json!(false)),
    ] {
        body[key] = value;
    }
    let value = to_kiro("openai", body.clone());
    assert_eq!(value["inferenceConfig"], json!({"maxTokens":100,"temperature":0,"topP":0.5}));
    assert_eq!(losses("openai", body), ["seed", "stop", "parallel_tool_calls"]);
    let two = json!({"model":"m","n":2,"messages":[user("hi")]}).to_string();
    let client = codec_of("openai");
    let request = client.decode_request(two.as_bytes()).unwrap();
    let error = codec().encode_request(&request, &Profile::new("m", true)).unwrap_err();
    assert_eq!(error.param(), Some("n"), "{error}");
}

#[test]
fn reasoning_is_asked_for_in_the_words_of_the_models_class() {
    let ask = |model: &str, effort: &str| {
        let body = json!({"model":"m","reasoning_effort":effort,"temperature":1,"messages":[user("hi")]});
        sent("openai", &body, &Profile::new(model, true)).0
    };
    let words = |value: &Value| said(&value["conversationState"]["currentMessage"]).to_owned();
    let tags = "--- SYSTEM PROMPT ---\n<thinking_mode>enabled</thinking_mode>\n<max_thinking_length>8192</max_thinking_length>\n--- END SYSTEM PROMPT ---\n\nhi";
    let tagged = ask("claude-sonnet-4.5", "medium");
    assert_eq!(words(&tagged), tags);
    assert_eq!(tagged.get("additionalModelRequestFields"), None);
    assert_eq!(tagged["inferenceConfig"], json!({"temperature":1}));
    let adaptive = ask("claude-opus-4.6", "minimal");
    let fields =
        json!({"output_config":{"effort":"low"},"thinking":{"type":"adaptive","display":"summarized"}});
    assert_eq!(adaptive["additionalModelRequestFields"], fields);
    assert_eq!((words(&adaptive).as_str(), adaptive.get("inferenceConfig")), ("hi", None));
    let gpt = ask("gpt-5.6-sol", "xhigh");
    assert_eq!(gpt["additionalModelRequestFields"], json!({"reasoning":{"effort":"xhigh"}}));
    for model in ["claude-sonnet-4.5", "claude-opus-4.6", "gpt-5.6-sol"] {
        let off = ask(model, "none");
        assert_eq!((words(&off).as_str(), off.get("additionalModelRequestFields")), ("hi", None), "{model}");
    }
    let auto = json!({"model":"m","max_tokens":9,"thinking":{"type":"adaptive"},"messages":[user("hi")]});
    let auto = |model: &str| sent("claude", &auto, &Profile::new(model, true)).0;
    assert!(words(&auto("claude-sonnet-4.5")).contains("<max_thinking_length>16000<"));
    let fields = &auto("claude-sonnet-5")["additionalModelRequestFields"];
    assert_eq!(fields["output_config"]["effort"], "high");
}

#[test]
fn an_agentic_name_is_the_model_and_a_word_about_large_files() {
    let body = json!({"model":"m","messages":[user("hi")]});
    let (value, _) = sent("openai", &body, &Profile::new("claude-sonnet-4.5-agentic", true));
    let current = &value["conversationState"]["currentMessage"]["userInputMessage"];
    assert_eq!(current["modelId"], "claude-sonnet-4.5");
    assert!(current["content"].as_str().unwrap().contains("in pieces"));
}

#[test]
fn thoughts_of_the_history_have_no_place_and_are_told() {
    let body = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"EqQB"},{"type":"text","text":"b"}]},
        {"role":"user","content":"c"}]});
    assert_eq!(losses("claude", body), ["message.thinking"]);
}

#[test]
fn requests_of_every_client_format_arrive_whole() {
    let table = [
        ("openai", json!({"model":"m","messages":[{"role":"system","content":"s"},user("hi")]})),
        ("openai-response", json!({"model":"m","instructions":"s","input":"hi"})),
        (
            "claude",
            json!({"model":"m","max_tokens":9,"system":"s","messages":[{"role":"user","content":"hi"}]}),
        ),
        (
            "gemini",
            json!({"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}]}),
        ),
    ];
    for (client, body) in table {
        let value = to_kiro(client, body);
        let expected = "--- SYSTEM PROMPT ---\ns\n--- END SYSTEM PROMPT ---\n\nhi";
        assert_eq!(said(&value["conversationState"]["currentMessage"]), expected, "{client}");
    }
}
