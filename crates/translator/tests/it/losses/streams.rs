//! What only streams have of an odd reply, or the stream of a whole one: what was said arrives, or is told.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

use cliproxy_translator::{replay, unsaid};
use serde_json::{Value, json};

use super::cut::{piped, whole};
use super::{Target, send};
use crate::event_stream::event;
use crate::gemini::SIGNED;
use crate::grid::{codec, context};

fn sse(chunks: &[Value]) -> Vec<u8> {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<String>().into_bytes()
}

fn chat(choices: &[Value]) -> Vec<u8> {
    let mut out: String = choices
        .iter()
        .map(|choice| format!("data: {}\n\n", json!({"id":"c","model":"m","choices":[choice]})))
        .collect();
    out.push_str("data: [DONE]\n\n");
    out.into_bytes()
}

/// Source: providers-b.md 6.3.
#[test]
fn a_message_in_a_chunk_says_what_it_says_in_a_reply() {
    let message = json!({"role":"assistant","content":null,"refusal":"needle-no"});
    for choice in [
        json!({"index":0,"message":message,"finish_reason":"stop"}),
        json!({"index":0,"delta":{},"message":message,"finish_reason":"stop"}),
        json!({"index":0,"delta":{"role":"assistant","content":""},"message":message,"finish_reason":"stop"}),
    ] {
        for (client, word) in [
            ("claude", r#""stop_reason":"refusal""#),
            ("openai-response", r#""type":"refusal""#),
            ("gemini", r#""finishReason":"SAFETY""#),
        ] {
            let (out, losses) = piped("openai", client, &chat(std::slice::from_ref(&choice))).unwrap();
            assert!(out.contains("needle-no") && out.contains(word), "{client}: {choice}: {out}");
            assert!(losses.is_empty(), "{client}: {losses:?}");
        }
    }
}

/// Some services repeat all that was said so far beside every delta.
#[test]
fn a_message_beside_deltas_that_speak_is_not_said_again() {
    let message = |said: &str| json!({"role":"assistant","content":said});
    let stream = chat(&[
        json!({"index":0,"delta":{"content":"needle-a"},"message":message("needle-a")}),
        json!({"index":0,"delta":{"content":" needle-b"},"message":message("needle-a needle-b")}),
        json!({"index":0,"delta":{},"message":message("needle-a needle-b"),"finish_reason":"stop"}),
    ]);
    let (out, losses) = piped("openai", "claude", &stream).unwrap();
    assert_eq!((out.matches("needle-a").count(), out.matches("needle-b").count()), (1, 1), "{out}");
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn an_odd_message_beside_deltas_ends_nothing() {
    for odd in [json!(""), json!(5), json!({"tool_calls":[5]})] {
        let stream = chat(&[
            json!({"index":0,"delta":{"role":"assistant"},"message":odd}),
            json!({"index":0,"delta":{"content":"needle-a"},"finish_reason":"stop"}),
        ]);
        let (out, _) = piped("openai", "claude", &stream).unwrap();
        assert!(out.contains("needle-a"), "{odd}: {out}");
        let alone = chat(&[json!({"index":0,"message":odd})]);
        assert!(piped("openai", "claude", &alone).is_err(), "{odd}");
    }
}

/// The annotations of a stream of chunks, as `start..end url`.
fn annotated(stream: &str) -> Vec<String> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.flat_map(|chunk| places(&chunk["choices"][0]["delta"]["annotations"])).collect()
}

fn places(annotations: &Value) -> Vec<String> {
    let cited = annotations.as_array().into_iter().flatten().map(|annotation| &annotation["url_citation"]);
    cited
        .map(|of| format!("{}..{} {}", of["start_index"], of["end_index"], of["url"].as_str().unwrap()))
        .collect()
}

/// A whole reply as the stream of a client.
fn replayed(provider: &str, client: &str, body: &str) -> (String, Vec<String>) {
    let response = codec(provider).decode_reply(body.as_bytes(), &context()).unwrap();
    let mut encoder = codec(client).stream_encoder(&context());
    let mut out = Vec::new();
    replay(&response, &mut |event| encoder.encode(event, &mut out));
    (String::from_utf8(out).unwrap(), unsaid(&response))
}

#[test]
fn b75_b85_places_of_responses_count_the_characters_of_their_own_text_and_those_of_chat_all() {
    let text = |said: &str, annotations: Value| {
        json!({"type":"message","id":"msg_1","role":"assistant","status":"completed",
            "content":[{"type":"output_text","text":said,"annotations":annotations}]})
    };
    let cited =
        json!([{"type":"url_citation","start_index":0,"end_index":5,"url":"https://u.example","title":"t"}]);
    let body = json!({"id":"resp_1","object":"response","model":"m","status":"completed","output":[
        text("Let me look.", json!([])),
        {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},
        text("Paris is big.", cited)]});
    let expected = ["12..17 https://u.example"];
    let (reply, _) = whole("openai-response", "openai", &body).unwrap();
    let message = &reply["choices"][0]["message"];
    assert_eq!(message["content"], "Let me look.Paris is big.");
    assert_eq!(places(&message["annotations"]), expected);
    let (stream, _) = replayed("openai-response", "openai", &body.to_string());
    assert_eq!(annotated(&stream), expected, "{stream}");
    // Those of Chat itself are right as they are.
    let (stream, _) = replayed("openai", "openai", &reply.to_string());
    assert_eq!(annotated(&stream), expected, "{stream}");
}

fn grounded(sources: &[&str]) -> Value {
    let chunks: Vec<Value> = sources.iter().map(|uri| json!({"web":{"uri":uri,"title":"t"}})).collect();
    json!({"groundingChunks": chunks})
}

fn said(parts: Value, more: Value) -> Value {
    let mut candidate = json!({"index":0,"content":{"role":"model","parts":parts}});
    candidate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"responseId":"r","modelVersion":"m","candidates":[candidate]})
}

#[test]
fn b85_sources_that_google_tells_again_are_told_once() {
    let (a, b) = ("https://a.example", "https://b.example");
    let stream = sse(&[
        said(json!([{"text":"Par"}]), json!({"groundingMetadata":grounded(&[a])})),
        said(json!([{"text":"is"}]), json!({"groundingMetadata":grounded(&[a, b]),"finishReason":"STOP"})),
    ]);
    let (out, _) = piped("gemini", "openai", &stream).unwrap();
    assert_eq!(annotated(&out), [format!("0..5 {a}"), format!("0..5 {b}")], "{out}");
    // A place that is told is not told again without it, as when the text goes on in other letters.
    let supported = |sources: &[&str]| {
        let mut grounded = grounded(sources);
        grounded["groundingSupports"] =
            json!([{"segment":{"startIndex":0,"endIndex":3,"text":"Par"},"groundingChunkIndices":[0]}]);
        grounded
    };
    let stream = sse(&[
        said(json!([{"text":"Par"}]), json!({"groundingMetadata":supported(&[a])})),
        said(json!([{"text":"\u{ed}s"}]), json!({"groundingMetadata":supported(&[a]),"finishReason":"STOP"})),
    ]);
    let (out, _) = piped("gemini", "openai", &stream).unwrap();
    assert_eq!(annotated(&out), [format!("0..3 {a}")], "{out}");
}

#[test]
fn b85_sources_that_come_behind_a_signed_text_are_those_of_that_text() {
    let a = "https://a.example";
    let end = json!({"groundingMetadata":grounded(&[a]),"finishReason":"STOP"});
    let text = json!([{"text":"Paris.","thoughtSignature":SIGNED}]);
    for last in [json!([{"text":""}]), json!([])] {
        let stream = sse(&[said(text.clone(), json!({})), said(last, end.clone())]);
        let (out, losses) = piped("gemini", "openai", &stream).unwrap();
        assert_eq!(annotated(&out), [format!("0..6 {a}")], "{out}");
        assert!(!losses.iter().any(|what| what == "message.citations"), "{losses:?}");
    }
    // What a signature ends does not go on.
    let stream = sse(&[said(text.clone(), json!({})), said(json!([{"text":"More."}]), end.clone())]);
    let (out, _) = piped("gemini", "claude", &stream).unwrap();
    assert_eq!(out.matches(r#""content_block":{"type":"text""#).count(), 2, "{out}");
    // Behind a call no text is left that could have them.
    let call = json!([{"text":"Paris."},{"functionCall":{"name":"f","args":{}}}]);
    let (_, losses) =
        piped("gemini", "openai", &sse(&[said(call, json!({})), said(json!([]), end)])).unwrap();
    assert!(losses.iter().any(|what| what == "message.citations"), "{losses:?}");
}

/// Lines of JSON as people write it stay within their frame.
fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter(|line| !line.is_empty() && !line.starts_with("event:"));
    let data =
        lines.map(|line| line.strip_prefix("data: ").unwrap_or_else(|| panic!("{line:?} in {stream}")));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn b74_the_stream_of_a_whole_chat_reply_has_its_tokens_sounds_and_sources() {
    let logprobs =
        json!({"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}],"refusal":null});
    let audio = json!({"id":"audio_1","data":"AAAA","transcript":"needle","expires_at":1});
    let cited = json!([{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"https://u.example","title":"t"}}]);
    let body = json!({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
        "message":{"role":"assistant","content":"a","refusal":null,"annotations":cited,"audio":audio},
        "logprobs":logprobs,"finish_reason":"stop"}]});
    let pretty = serde_json::to_string_pretty(&body).unwrap();
    let (stream, unsaid) = replayed("openai", "openai", &pretty);
    let chunks = data(&stream);
    let has = |wanted: &dyn Fn(&Value) -> bool| chunks.iter().any(|chunk| wanted(&chunk["choices"][0]));
    assert!(has(&|choice| choice["logprobs"] == logprobs), "{stream}");
    assert!(has(&|choice| choice["delta"]["audio"] == audio), "{stream}");
    assert!(has(&|choice| choice["delta"]["annotations"] == cited), "{stream}");
    assert!(unsaid.is_empty(), "{unsaid:?}");
    // Legacy completions, and Responses, have tokens too.
    let (stream, _) = replayed("openai", "openai-completions", &pretty);
    assert!(stream.contains(r#""token_logprobs":[-0.5]"#), "{stream}");
    let (stream, _) = replayed("openai", "openai-response", &pretty);
    assert!(stream.contains("-0.5"), "{stream}");
}

#[test]
fn b74_the_stream_of_a_whole_gemini_reply_has_its_tokens_and_what_it_is_grounded_on() {
    let tokens = json!({"chosenCandidates":[{"token":"a","logProbability":-0.5}]});
    let grounding = grounded(&["https://a.example"]);
    let candidate = json!({"index":0,"content":{"role":"model","parts":[{"text":"a"}]},"finishReason":"STOP",
        "logprobsResult":tokens,"groundingMetadata":grounding});
    let mut second = candidate.clone();
    second["index"] = json!(1);
    let body = json!({"candidates":[candidate, second],"modelVersion":"m","responseId":"r"});
    let (stream, unsaid) = replayed("gemini", "gemini", &serde_json::to_string_pretty(&body).unwrap());
    let chunks = data(&stream);
    let times = |member: &str, value: &Value| {
        chunks.iter().filter(|chunk| chunk["candidates"][0][member] == *value).count()
    };
    assert_eq!(
        (times("logprobsResult", &tokens), times("groundingMetadata", &grounding)),
        (2, 1),
        "{stream}"
    );
    // No event says of which candidate: those of others are told.
    assert_eq!(unsaid, ["groundingMetadata"]);
    // What was not said with anything is told, too.
    let silent = json!({"candidates":[{"index":0,"finishReason":"STOP","logprobsResult":tokens}]});
    assert_eq!(replayed("gemini", "gemini", &silent.to_string()).1, ["logprobs"]);
}

#[test]
fn f53_pictures_that_are_thoughts_are_no_pictures_of_the_answer() {
    let picture = |data: &str| json!({"inlineData":{"mimeType":"image/png","data":data}});
    let mut thought = picture("QUFB");
    thought["thought"] = json!(true);
    let parts = json!([thought, picture("QkJC")]);
    let body = said(parts.clone(), json!({"finishReason":"STOP"}));
    for client in ["openai", "openai-response", "claude", "gemini-cli"] {
        let (reply, losses) = whole("gemini", client, &body).unwrap();
        let (stream, streamed) = piped("gemini", client, &sse(std::slice::from_ref(&body))).unwrap();
        for (out, losses) in [(reply.to_string(), losses), (stream, streamed)] {
            let own = client == "gemini-cli";
            assert_eq!(out.contains("QUFB"), own, "{client}: {out}");
            assert_eq!(out.contains(r#""thought":true"#), own, "{client}: {out}");
            assert!(client == "claude" || out.contains("QkJC"), "{client}: {out}");
            let told = losses.iter().any(|what| what == "message.thinking");
            assert_eq!(told, !own, "{client}: {losses:?}");
        }
    }
    let question = json!({"role":"user","parts":[{"text":"q"}]});
    let body = json!({"contents":[question, {"role":"model","parts":parts}, question]});
    for (name, model, own) in [
        ("openai", "gpt-5", false),
        ("openai-response", "gpt-5", false),
        ("claude", "claude-sonnet-4-5", false),
        ("antigravity", "claude-sonnet-4-5", false),
        ("antigravity", "gemini-3-pro", true),
        ("gemini-cli", "gemini-3-pro", true),
    ] {
        let (sent, losses) = send("gemini", Target { name, model, strict: false }, &body).unwrap();
        assert_eq!(sent.contains("QUFB") && sent.contains(r#""thought":true"#), own, "{name}: {sent}");
        assert!(own || !sent.contains("QUFB"), "{name}: {sent}");
        let told = losses.iter().any(|loss| loss.what == "message.thinking");
        assert_eq!(told, !own, "{name}: {losses:?}");
    }
}

#[test]
fn b51_words_of_other_formats_in_capitals_are_none_of_google_s() {
    for (word, expected) in [
        ("LENGTH", "MAX_TOKENS"),
        ("CONTENT_FILTER", "SAFETY"),
        ("TOOL_CALLS", "STOP"),
        ("END_TURN", "STOP"),
        ("PROHIBITED_CONTENT", "PROHIBITED_CONTENT"),
        ("MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
    ] {
        let choice = json!({"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":word});
        let (reply, losses) =
            whole("openai", "gemini", &json!({"id":"c","model":"m","choices":[choice]})).unwrap();
        assert_eq!(reply["candidates"][0]["finishReason"], expected, "{word}");
        assert!(losses.is_empty(), "{word}: {losses:?}");
        let (out, _) = piped("openai", "gemini", &chat(std::slice::from_ref(&choice))).unwrap();
        assert!(out.contains(&format!(r#""finishReason":"{expected}""#)), "{word}: {out}");
    }
    // Google may have learnt new ones.
    let body = said(json!([{"text":"a"}]), json!({"finishReason":"SOME_NEW_WORD"}));
    let (out, _) = piped("antigravity", "gemini", &sse(&[json!({"response":body})])).unwrap();
    assert!(out.contains(r#""finishReason":"SOME_NEW_WORD""#), "{out}");
}

#[test]
fn halves_of_surrogate_pairs_in_kiro_s_texts_stay_halves() {
    let frames: Vec<u8> = [r#"{"content":"a \ud83d"}"#, r#"{"content":"\ude00 b"}"#]
        .iter()
        .flat_map(|payload| event("assistantResponseEvent", payload))
        .collect();
    let (out, _) = piped("kiro", "openai", &frames).unwrap();
    assert!(out.contains(r#""content":"a \ud83d""#) && out.contains(r#""content":"\ude00 b""#), "{out}");
    let response = codec("kiro").decode_reply(&frames, &context()).unwrap();
    assert_eq!(response.candidates[0].parts[0].as_text().unwrap().decoded(), "a \u{1f600} b");
}
