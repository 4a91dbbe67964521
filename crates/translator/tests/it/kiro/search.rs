//! Web searches: declared as a tool, run by whoever sends the request, told to the client in its own words.
//! Source: providers-b.md 1.5.9; translation.md B84, B85.

use bytes::Bytes;
use cliproxy_translator::format::kiro::search::{
    Page, RoundEnd, SearchAnswer, SearchFailure, SearchOrder, continued, told,
};
use cliproxy_translator::{Codec as _, CodecError, Profile};
use serde_json::{Value, json};

use super::{check, codec, context, decode, events, frames, losses, sent, translated};
use crate::gemini::codec_of;

fn asking(tools: Value, more: Value) -> Value {
    let mut body =
        json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"news?"}],"tools":tools});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn claude_search() -> Value {
    json!({"type":"web_search_20250305","name":"web_search"})
}

fn function(name: &str) -> Value {
    json!({"name":name,"input_schema":{"type":"object","properties":{}}})
}

/// A request as it goes out, and the order that was taken out of it.
fn order(client: &str, body: Value) -> (Value, Option<SearchOrder>) {
    let (_, encoded) = sent(client, &body, &Profile::new("claude-sonnet-4.5", true));
    let (body, order) = SearchOrder::take(&Bytes::from(encoded.body)).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body.get("cliproxyWebSearch"), None);
    (body, order)
}

fn names(body: &Value) -> Vec<String> {
    let current = &body["conversationState"]["currentMessage"]["userInputMessage"];
    let tools = current["userInputMessageContext"]["tools"].as_array();
    let name = |tool: &Value| tool["toolSpecification"]["name"].as_str().unwrap().to_owned();
    tools.into_iter().flatten().map(name).collect()
}

fn content(body: &Value) -> &str {
    body["conversationState"]["currentMessage"]["userInputMessage"]["content"].as_str().unwrap()
}

#[test]
fn b84_a_clients_search_is_a_tool_and_an_order_to_whoever_sends_the_request() {
    let openai = |tool: Value| json!({"model":"m","input":"news?","tools":[tool]});
    let gemini =
        json!({"contents":[{"role":"user","parts":[{"text":"news?"}]}],"tools":[{"googleSearch":{}}]});
    for (client, body) in [
        ("claude", asking(json!([claude_search()]), json!({}))),
        ("claude", asking(json!([{"type":"web_search_20260209","name":"web_search"}]), json!({}))),
        ("openai-response", openai(json!({"type":"web_search"}))),
        ("openai-response", openai(json!({"type":"web_search_preview"}))),
        ("gemini", gemini),
    ] {
        let (sent, order) = order(client, body.clone());
        assert_eq!(names(&sent), ["remote_web_search"], "{client}");
        assert_eq!(order.unwrap().max_uses(), None);
        assert_eq!(losses(client, body), Vec::<String>::new(), "{client}");
    }
    let tools = json!([function("f"), claude_search(), function("remote_web_search")]);
    let (sent, _) = order("claude", asking(tools, json!({})));
    assert_eq!(names(&sent), ["f", "remote_web_search", "remote_web_search_"], "no other tool has its name");
    for (client, body) in [
        ("claude", asking(json!([function("f")]), json!({}))),
        ("claude", asking(json!([claude_search()]), json!({"tool_choice":{"type":"none"}}))),
        ("openai-response", openai(json!({"type":"web_search","external_web_access":false}))),
    ] {
        let (sent, order) = order(client, body);
        assert!(order.is_none() && !names(&sent).iter().any(|name| name == "remote_web_search"), "{client}");
    }
}

#[test]
fn b84_the_limits_of_a_client_go_along_and_what_cannot_is_told() {
    let mut tool = claude_search();
    tool["max_uses"] = json!(3);
    tool["allowed_domains"] = json!(["a.example"]);
    let (_, found) = order("claude", asking(json!([tool.clone()]), json!({})));
    let found = found.unwrap();
    assert_eq!(found.max_uses(), Some(3));
    assert!(found.admits("https://www.a.example/x") && !found.admits("https://b.example/"));
    let tools = json!([{"type":"web_search","filters":{"allowed_domains":["b.example"]},"search_context_size":"low"}]);
    let body = json!({"model":"m","input":"news?","tools":tools});
    let (_, found) = order("openai-response", body.clone());
    assert!(found.unwrap().admits("https://b.example/"));
    assert_eq!(losses("openai-response", body), ["tools.web_search.search_context_size"]);
    tool["user_location"] = json!({"type":"approximate","city":"Oslo"});
    let told = losses("claude", asking(json!([tool]), json!({})));
    assert_eq!(told, ["tools.web_search_20250305.user_location"]);
    let blocked = json!([{"type":"web_search_20250305","name":"web_search","blocked_domains":["b.example"]}]);
    let (_, found) = order("claude", asking(blocked, json!({})));
    assert!(!found.unwrap().admits("https://b.example/"));
}

#[test]
fn b84_choosing_the_search_is_asked_for_in_words() {
    let must = "You must call the tool remote_web_search in this turn.";
    let chosen = json!({"tool_choice":{"type":"tool","name":"web_search"}});
    let (sent, _) = order("claude", asking(json!([function("f"), claude_search()]), chosen.clone()));
    assert!(content(&sent).contains(must), "{}", content(&sent));
    let body =
        json!({"model":"m","input":"x","tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}});
    let (sent, _) = order("openai-response", body.clone());
    assert!(content(&sent).contains(must), "{}", content(&sent));
    assert_eq!(losses("openai-response", body), Vec::<String>::new());
    let (sent, _) = order("claude", asking(json!([claude_search()]), json!({})));
    assert_eq!(content(&sent), "news?");
}

#[test]
fn a_conversation_that_speaks_of_the_order_has_none() {
    let said = json!({"messages":[{"role":"user","content":"\"cliproxyWebSearch\""}]});
    let (sent, order) = order("claude", asking(json!([function("f")]), said));
    assert!(order.is_none());
    assert_eq!(content(&sent), "\"cliproxyWebSearch\"");
    assert!(SearchOrder::take(&Bytes::from_static(b"[\"cliproxyWebSearch\"]")).is_err());
}

fn call(id: &str, more: Value) -> (&'static str, Value) {
    let mut event = json!({"toolUseId":id});
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    ("toolUseEvent", event)
}

fn search(id: &str) -> Vec<(&'static str, Value)> {
    vec![
        call(id, json!({"name":"remote_web_search"})),
        call(id, json!({"input":"{\"que"})),
        call(id, json!({"input":"ry\":\"news\"}"})),
        call(id, json!({"stop":true})),
    ]
}

fn says(text: &str) -> (&'static str, Value) {
    ("assistantResponseEvent", json!({"content":text}))
}

fn the_order() -> SearchOrder {
    order("claude", asking(json!([claude_search()]), json!({}))).1.unwrap()
}

/// What of a reply goes on to the client, and how it ended.
fn round(events: &[(&str, Value)], size: usize) -> Result<(Vec<u8>, RoundEnd), CodecError> {
    let mut round = the_order().round();
    let mut out = Vec::new();
    for chunk in frames(events).chunks(size) {
        round.push(&Bytes::copy_from_slice(chunk), &mut out)?;
    }
    Ok((out, round.finish()?))
}

#[test]
fn a_search_stays_here_and_everything_else_goes_on_as_it_came() {
    let mut stream = vec![says("<thinking>hm</thin"), says("king>Let me"), says(" look.")];
    stream.extend(search("s1"));
    stream.extend(search("s2"));
    stream.push(("messageStopEvent", json!({"stopReason":"TOOL_USE"})));
    let rest: Vec<_> = stream.iter().filter(|(name, _)| *name != "toolUseEvent").cloned().collect();
    for size in [1, 7, 64, usize::MAX] {
        let (out, end) = round(&stream, size).unwrap();
        assert_eq!(out, frames(&rest), "{size}");
        let asked: Vec<_> = end.searches.iter().map(|asked| (&*asked.id, asked.query.as_deref())).collect();
        assert_eq!(asked, [("s1", Some("news")), ("s2", Some("news"))]);
        assert!(!end.client_called);
    }
    let nested = [(
        "toolUseEvent",
        json!({"toolUseEvent":{"toolUseId":"n","name":"remote_web_search","input":{"query":"q"},"stop":true}}),
    )];
    let (out, end) = round(&nested, usize::MAX).unwrap();
    assert_eq!((out.len(), end.searches[0].query.as_deref()), (0, Some("q")));
}

#[test]
fn a_search_that_comes_whole_with_a_text_is_taken_out_of_it() {
    let calls = json!([{"toolUseId":"s","name":"remote_web_search","input":{"query":"q"}},{"toolUseId":"c","name":"f","input":{}}]);
    for nest in [false, true] {
        let mut payload = json!({"content":"a","toolUses":calls});
        let mut left = json!({"content":"a","toolUses":[calls[1]]});
        if nest {
            payload = json!({"assistantResponseEvent":payload});
            left = json!({"assistantResponseEvent":left});
        }
        let (out, end) = round(&[("assistantResponseEvent", payload)], usize::MAX).unwrap();
        assert_eq!(events_of(&out), events(&[("assistantResponseEvent", left)]).0);
        assert_eq!(end.searches.len(), 1);
        assert!(end.client_called, "the other call is the client's");
    }
}

fn events_of(stream: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    decode(stream, usize::MAX, &mut |event| seen.push(format!("{event:?}"))).unwrap();
    seen
}

#[test]
fn half_a_search_is_none_and_nothing_follows_an_error() {
    let begun =
        [call("s", json!({"name":"remote_web_search"})), call("s", json!({"input":"{\"query\":\"n"}))];
    assert!(round(&begun, usize::MAX).is_err(), "the stream broke off");
    let mut limit = begun.to_vec();
    limit.insert(0, says("a"));
    limit.push(("messageStopEvent", json!({"stopReason":"MAX_TOKENS"})));
    let (out, end) = round(&limit, usize::MAX).unwrap();
    assert!(end.searches.is_empty());
    assert!(events_of(&out).iter().any(|event| event.contains("Length")), "the limit is the reply's end");
    let exception =
        [(":message-type", 7, &b"exception"[..]), (":exception-type", 7, &b"ThrottlingException"[..])];
    for failure in
        [crate::event_stream::frame(&exception, b"{}"), frames(&[("error", json!({"message":"m"}))])]
    {
        let mut round = the_order().round();
        let mut out = Vec::new();
        round.push(&Bytes::from(failure), &mut out).unwrap();
        round.push(&Bytes::from(frames(&search("s"))), &mut out).unwrap();
        assert!(round.finish().unwrap().searches.is_empty());
    }
    let (_, end) =
        self::round(&[call("s", json!({"name":"remote_web_search","input":"news","stop":true}))], 9).unwrap();
    assert_eq!(end.searches[0].query, None, "what is no JSON asks for nothing");
}

fn page(url: &str) -> Page {
    let mut page = Page::at(url);
    page.title = Some("A page".into());
    page.age = Some("2026-11-01".into());
    page.excerpt = Some("It says \u{e9} \"so\".".into());
    page
}

/// A reply that asked for searches, and what came of them.
fn answered(outcomes: Vec<Result<Vec<Page>, SearchFailure>>) -> (RoundEnd, Vec<SearchAnswer>) {
    let mut stream = vec![says("Let me look.")];
    for at in 0..outcomes.len() {
        stream.extend(search(&format!("s{at}")));
    }
    let end = round(&stream, usize::MAX).unwrap().1;
    let answers = end.searches.iter().cloned().zip(outcomes);
    let answers = answers.map(|(asked, outcome)| SearchAnswer::new(asked, outcome)).collect();
    (end, answers)
}

#[test]
fn the_next_request_has_the_search_behind_it_and_the_results_before_it() {
    let history = json!([{"role":"user","content":"one"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"},{"type":"text","text":"news?"}]}]);
    let body = asking(json!([function("f"), claude_search()]), json!({"messages":history}));
    let (_, encoded) = sent("claude", &body, &Profile::new("claude-sonnet-4.5", true));
    let (mut body, order) = SearchOrder::take(&Bytes::from(encoded.body)).unwrap();
    let order = order.unwrap();
    for turns in 1..=2 {
        let (end, answers) =
            answered(vec![Ok(vec![page("https://a.example")]), Err(SearchFailure::Unavailable)]);
        body = continued(&order, &body, &end, &answers).unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap();
        check(&value);
        let state = &value["conversationState"];
        let history = state["history"].as_array().unwrap();
        assert_eq!(history.len(), 2 + 2 * turns);
        let model = &history.last().unwrap()["assistantResponseMessage"];
        assert_eq!(model["content"], "Let me look.");
        assert_eq!(model["toolUses"][0]["input"], json!({"query":"news"}));
        assert_eq!(model["toolUses"][0]["name"], "remote_web_search");
        let user = &state["currentMessage"]["userInputMessage"];
        assert_eq!(user["modelId"], "claude-sonnet-4.5");
        let results = &user["userInputMessageContext"]["toolResults"];
        assert_eq!((&results[0]["status"], &results[1]["status"]), (&json!("success"), &json!("error")));
        let text = results[0]["content"][0]["text"].as_str().unwrap();
        assert_eq!(
            text,
            "1. A page\nURL: https://a.example\nPublished: 2026-11-01\nIt says \u{e9} \"so\".\n"
        );
        assert_eq!(names(&value), ["f", "remote_web_search"]);
        let before = &history[2]["userInputMessage"]["userInputMessageContext"]["toolResults"];
        assert_eq!(before[0]["toolUseId"], "t", "what came with the question stays with it");
    }
    assert!(continued(&order, &Bytes::from_static(b"{}"), &answered(vec![]).0, &[]).is_err());
}

/// A reply with a search in its middle.
fn searched(outcome: Result<Vec<Page>, SearchFailure>) -> Vec<u8> {
    let tokens = |input: u64, output: u64| {
        (
            "metadataEvent",
            json!({"tokenUsage":{"uncachedInputTokens":input,"outputTokens":output,"totalTokens":input + output}}),
        )
    };
    let stop = |reason: &str| ("messageStopEvent", json!({"stopReason":reason}));
    let mut stream = frames(&[says("Let me look."), tokens(10, 2), stop("TOOL_USE")]);
    stream.extend(told(&answered(vec![outcome]).1, false));
    stream.extend(frames(&[says("It rains."), tokens(30, 4), stop("END_TURN")]));
    stream
}

fn whole(client: &str, stream: &[u8]) -> Value {
    let response = codec().decode_reply(stream, &context()).unwrap();
    serde_json::from_slice(&codec_of(client).encode_reply(&response, &context())).unwrap()
}

#[test]
fn b85_a_claude_client_sees_the_pair_of_blocks_and_what_all_of_it_cost() {
    let stream = searched(Ok(vec![page("https://a.example"), Page::at("https://b.example")]));
    let reply = whole("claude", &stream);
    let kinds: Vec<_> =
        reply["content"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["text", "server_tool_use", "web_search_tool_result", "text"]);
    let (asked, found) = (&reply["content"][1], &reply["content"][2]);
    assert_eq!((&asked["name"], &asked["input"]), (&json!("web_search"), &json!({"query":"news"})));
    let id = asked["id"].as_str().unwrap();
    assert!(
        id.strip_prefix("srvtoolu_")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')),
        "{id}"
    );
    assert_eq!(found["tool_use_id"], *id);
    assert_eq!(
        (&found["content"][0]["url"], &found["content"][0]["title"]),
        (&json!("https://a.example"), &json!("A page"))
    );
    assert_eq!(
        (&found["content"][0]["page_age"], &found["content"][1]["page_age"]),
        (&json!("2026-11-01"), &Value::Null)
    );
    assert_eq!(reply["stop_reason"], "end_turn");
    assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], 1);
    assert_eq!((&reply["usage"]["input_tokens"], &reply["usage"]["output_tokens"]), (&json!(40), &json!(6)));
    let text = translated("claude", &stream);
    for part in [
        r#""type":"server_tool_use""#,
        r#"{\"query\":\"news\"}"#,
        r#""type":"web_search_tool_result""#,
        r#""web_search_requests":1"#,
        "Let me look.",
        "It rains.",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("remote_web_search") && !text.contains("\"tool_use\""), "{text}");
}

#[test]
fn b85_a_search_that_failed_is_an_error_block_and_costs_nothing() {
    for (failure, code) in [
        (SearchFailure::Unavailable, "unavailable"),
        (SearchFailure::TooManyRequests, "too_many_requests"),
        (SearchFailure::MaxUses, "max_uses_exceeded"),
    ] {
        let reply = whole("claude", &searched(Err(failure)));
        let content = json!({"type":"web_search_tool_result_error","error_code":code});
        assert_eq!(reply["content"][2]["content"], content);
        assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], 0);
        assert_eq!(whole("openai-response", &searched(Err(failure)))["output"][1]["status"], "failed");
    }
}

#[test]
fn b85_other_clients_are_told_in_their_own_words() {
    let stream = searched(Ok(vec![page("https://a.example")]));
    let reply = whole("openai-response", &stream);
    let item = &reply["output"][1];
    assert_eq!((&item["type"], &item["status"]), (&json!("web_search_call"), &json!("completed")));
    assert_eq!(item["action"]["query"], "news");
    assert_eq!(item["action"]["sources"], json!([{"type":"url","url":"https://a.example"}]));
    let text = translated("openai-response", &stream);
    assert!(text.contains(r#""type":"web_search_call""#), "{text}");

    let grounding = json!({"webSearchQueries":["news"],"groundingChunks":[{"web":{"uri":"https://a.example","title":"A page"}}]});
    assert_eq!(whole("gemini", &stream)["candidates"][0]["groundingMetadata"], grounding);
    let text = translated("gemini", &stream);
    let last: Value = serde_json::from_str(text.trim().rsplit("data: ").next().unwrap()).unwrap();
    assert_eq!(last["candidates"][0]["groundingMetadata"], grounding, "{text}");
    assert_eq!(text.matches("groundingMetadata").count(), 1, "{text}");

    let reply = whole("openai", &stream);
    assert_eq!(reply["choices"][0]["message"]["content"], "Let me look.It rains.");
    assert_eq!(reply["choices"][0]["message"].get("tool_calls"), None);
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");
}

#[test]
fn a_turn_that_the_model_wants_to_go_on_searching_pauses() {
    let mut stream = frames(&[says("Let me look.")]);
    stream.extend(told(&answered(vec![Err(SearchFailure::MaxUses)]).1, true));
    assert_eq!(whole("claude", &stream)["stop_reason"], "pause_turn");
    let mut both = frames(&[call("c", json!({"name":"f","input":{},"stop":true}))]);
    both.extend(told(&answered(vec![Ok(Vec::new())]).1, false));
    assert_eq!(whole("claude", &both)["stop_reason"], "tool_use", "the client's own call comes first");
}

#[test]
fn b85_what_was_searched_comes_back_with_the_conversation() {
    let reply = whole("claude", &searched(Ok(vec![page("https://a.example")])));
    let history = json!([{"role":"user","content":"news?"},{"role":"assistant","content":reply["content"]},{"role":"user","content":"and?"}]);
    let body = asking(json!([claude_search()]), json!({"messages":history}));
    let (sent, _) = order("claude", body.clone());
    let history = sent["conversationState"]["history"].as_array().unwrap();
    assert_eq!(history.len(), 4);
    assert_eq!(history[1]["assistantResponseMessage"]["content"], "Let me look.");
    assert_eq!(history[1]["assistantResponseMessage"]["toolUses"][0]["name"], "remote_web_search");
    let result =
        &history[2]["userInputMessage"]["userInputMessageContext"]["toolResults"][0]["content"][0]["text"];
    assert!(result.as_str().unwrap().contains("It says \u{e9} \"so\"."), "{result}");
    assert_eq!(history[3]["assistantResponseMessage"]["content"], "It rains.");
    assert_eq!(losses("claude", body), Vec::<String>::new());

    let items = whole("openai-response", &searched(Ok(vec![page("https://a.example")])))["output"].clone();
    let mut input = vec![json!({"role":"user","content":"news?"})];
    input.extend(items.as_array().unwrap().clone());
    input.push(json!({"role":"user","content":"and?"}));
    let (sent, _) =
        order("openai-response", json!({"model":"m","input":input,"tools":[{"type":"web_search"}]}));
    let uses = &sent["conversationState"]["history"][1]["assistantResponseMessage"]["toolUses"];
    assert_eq!(uses[0]["input"], json!({"query":"news"}));

    // Where the model may not search it cannot have searched.
    let body = asking(
        json!([function("f")]),
        json!({"messages":[{"role":"user","content":"news?"},
        {"role":"assistant","content":reply["content"]},{"role":"user","content":"and?"}]}),
    );
    assert_eq!(losses("claude", body), ["message.server_tool_use", "message.web_search_tool_result"]);
}

#[test]
fn a_search_beside_calls_of_the_client_is_answered_with_them() {
    let pair = |id: &str| {
        [
            json!({"type":"server_tool_use","id":id,"name":"web_search","input":{"query":"q"}}),
            json!({"type":"web_search_tool_result","tool_use_id":id,"content":[]}),
        ]
    };
    let [asked, found] = pair("srvtoolu_1");
    let text = json!({"type":"text","text":"so"});
    let call = json!({"type":"tool_use","id":"t","name":"f","input":{}});
    let result = json!({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]});
    for said in [
        json!([call, asked, found]),
        json!([asked, found, call]),
        json!([call, asked, found, text]),
        json!([asked, found, text, call]),
        // One that never got a result never ran.
        json!([asked, call]),
    ] {
        let messages = json!([{"role":"user","content":"x"},{"role":"assistant","content":said},result]);
        let body = asking(json!([function("f"), claude_search()]), json!({"messages":messages}));
        let (sent, _) = order("claude", body);
        let all = sent.to_string();
        assert_eq!(
            all.matches("\"status\"").count(),
            if said.as_array().unwrap().len() == 2 { 1 } else { 2 },
            "{said}"
        );
    }
    // The turn may end with them: somebody goes on.
    let messages = json!([{"role":"user","content":"x"},{"role":"assistant","content":[call, asked, found]}]);
    order("claude", asking(json!([function("f"), claude_search()]), json!({"messages":messages})));
}
