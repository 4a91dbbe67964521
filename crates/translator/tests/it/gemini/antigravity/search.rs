//! Searches of the web: Google's, asked for and told in Claude's words. Source: translation.md D.24, D.25, B85, F42.

use cliproxy_translator::{Aggregator, Profile, ReplyContext, StreamFrame};
use serde_json::{Value, json};

use super::{
    CLAUDE, GEMINI, chunk, claude, codec_of, context, enveloped, frames, last, reply, sent, stream, streamed,
    with,
};

fn asking(tools: Value) -> Value {
    with(claude(json!([{"role":"user","content":"q"}])), json!({"tools":tools}))
}

fn search_tool() -> Value {
    json!({"type":"web_search_20250305","name":"web_search","max_uses":3})
}

#[test]
fn e435_a_search_alone_is_a_request_of_its_own_kind() {
    // [fix]: the conversation goes along whole, so that the question is understood.
    let mut tool = search_tool();
    tool["blocked_domains"] = json!(["x.example"]);
    let (value, _) = enveloped("claude", &asking(json!([tool])), &Profile::new(GEMINI, false));
    assert_eq!(value["requestType"], "web_search", "E435");
    assert_eq!(
        value["request"],
        json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"tools":[{"googleSearch":{"excludeDomains":["x.example"]}}]}),
        "E435: no session"
    );
}

#[test]
fn e436_how_often_to_search_and_where_alone_is_told_to_be_lost() {
    // [fix]: how often Claude may search is not how many pages Google may find; five are not asked for either.
    let mut tool = search_tool();
    tool["allowed_domains"] = json!(["a.example"]);
    tool["user_location"] = json!({"type":"approximate","city":"Oslo"});
    for (tool, lost) in [
        (tool, vec!["max_uses", "allowed_domains", "user_location"]),
        (json!({"type":"web_search_20250305","name":"web_search","allowed_domains":[]}), vec![]),
    ] {
        let (value, encoded) = enveloped("claude", &asking(json!([tool])), &Profile::new(GEMINI, false));
        assert_eq!(value["request"]["tools"], json!([{"googleSearch":{}}]), "E436");
        let told =
            encoded.losses.iter().filter_map(|loss| loss.what.strip_prefix("tools.web_search_20250305."));
        let told: Vec<_> = told.collect();
        assert_eq!(told, lost, "E436");
    }
}

#[test]
fn e437_beside_functions_there_are_only_functions() {
    let (value, encoded) = enveloped(
        "claude",
        &asking(json!([search_tool(), {"name":"f","input_schema":{"type":"object"}}])),
        &Profile::new(GEMINI, false),
    );
    assert_eq!(value["requestType"], "agent", "E437");
    assert_eq!(value["request"]["tools"].as_array().unwrap().len(), 1, "E437");
    assert_eq!(encoded.losses[0].what, "tools.web_search_20250305");
}

#[test]
fn e438_models_of_others_have_no_search() {
    for model in [CLAUDE, "gpt-oss-120b-medium"] {
        let (request, encoded) = sent("claude", &asking(json!([search_tool()])), model);
        assert!(request.get("tools").is_none(), "E438 {model}");
        assert_eq!(encoded.losses[0].what, "tools.web_search_20250305");
    }
}

/// What the reply side knows of a request with these tools.
fn known(tools: Value) -> ReplyContext {
    let body = asking(tools).to_string();
    let client = codec_of("claude");
    let mut context = context();
    client.reply_context(&client.decode_request(body.as_bytes()).unwrap(), &mut context);
    context
}

fn grounded() -> Value {
    let web = |uri: &str, title: &str| json!({"web":{"uri":uri,"title":title}});
    let support = |start: u64, end: u64, text: &str, chunks: Value| json!({"segment":{"startIndex":start,"endIndex":end,"text":text},"groundingChunkIndices":chunks});
    let mut reply = last("STOP", json!([{"text":"It is warm."}]));
    reply["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries":["weather"],
        "groundingChunks":[web("https://a.example","A"), web("https://b.example","B"), web("https://a.example","A"), web("","none")],
        "groundingSupports":[support(0, 11, "It is warm.", json!([0, 1])), support(0, 11, "It is warm.", json!([0, 2]))]});
    reply
}

fn page(url: &str, title: &str) -> Value {
    json!({"type":"web_search_result","url":url,"title":title,"encrypted_content":"","page_age":null})
}

#[test]
fn e480_e486_e487_what_a_reply_is_grounded_on_is_a_search_with_its_pages() {
    let value = reply("claude", &grounded(), &known(json!([search_tool()])));
    let cited = |url: &str, title: &str| json!({"type":"web_search_result_location","url":url,"title":title,"encrypted_index":"","cited_text":"It is warm."});
    // E487: the text is there once, and what is cited is what it says.
    assert_eq!(
        value["content"][0],
        json!({"type":"text","text":"It is warm.","citations":[cited("https://a.example","A"), cited("https://b.example","B")]}),
        "E480, E487"
    );
    let asked = &value["content"][1];
    assert_eq!((&asked["type"], &asked["input"]), (&json!("server_tool_use"), &json!({"query":"weather"})));
    let found = &value["content"][2];
    assert_eq!(found["tool_use_id"], asked["id"]);
    // E486: each page once, and none without an address.
    assert_eq!(
        found["content"],
        json!([page("https://a.example", "A"), page("https://b.example", "B")]),
        "E486"
    );
    assert_eq!(value["usage"]["server_tool_use"]["web_search_requests"], 1, "E480");
    assert_eq!(value["stop_reason"], "end_turn", "a search of the provider's is no call");
}

#[test]
fn e481_without_a_search_that_was_asked_for_there_is_plain_text() {
    for tools in [json!([]), json!([{"name":"f","input_schema":{"type":"object"}}])] {
        let value = reply("claude", &grounded(), &known(tools));
        assert_eq!(value["content"], json!([{"type":"text","text":"It is warm."}]), "E481");
        assert!(value["usage"].get("server_tool_use").is_none(), "E481");
    }
}

#[test]
fn e482_e483_a_stream_tells_its_text_at_once_and_the_search_behind_it() {
    // [fix]: the reference holds the text back until the search is known; clients of streams want to read.
    let context = known(json!([search_tool()]));
    let first = chunk(json!([{"text":"It is"}]));
    let mut second = grounded();
    second["candidates"][0]["content"]["parts"] = json!([{"text":" warm."}]);
    let early = streamed("claude", &stream(&[first.clone(), second]), &context);
    crate::claude::check_stream(early.as_bytes());
    let events = frames(&early);
    let at = |test: &dyn Fn(&Value) -> bool| events.iter().position(test).unwrap();
    let text = at(&|event| event["delta"]["text"] == "It is");
    let cited = at(&|event| event["delta"]["type"] == "citations_delta");
    let search = at(&|event| event["content_block"]["type"] == "server_tool_use");
    assert!(text < cited && cited < search, "E482: {early}");
    assert_eq!(events[0]["message"]["usage"]["output_tokens"], 0, "E483");
    let delta = events.iter().find(|event| event["type"] == "message_delta").unwrap();
    assert_eq!(delta["usage"]["server_tool_use"]["web_search_requests"], 1);
    assert_eq!(delta["delta"]["stop_reason"], "end_turn");
}

#[test]
fn f42_thoughts_are_not_cited_and_places_are_those_of_characters() {
    let mut reply_body = grounded();
    reply_body["candidates"][0]["content"]["parts"] =
        json!([{"text":"caf\u{e9}","thought":true},{"text":"It is warm \u{1f31e}."}]);
    let value = reply("claude", &reply_body, &known(json!([search_tool()])));
    assert_eq!(value["content"][0], json!({"type":"thinking","thinking":"caf\u{e9}","signature":""}), "F42");
    assert_eq!(value["content"][1]["citations"].as_array().unwrap().len(), 2, "F42");
    // Google counts bytes: where that is not the same, the whole text is cited, and no character is cut.
    let chat = reply("openai", &reply_body, &context());
    let place = &chat["choices"][0]["message"]["annotations"][0]["url_citation"];
    assert_eq!((&place["start_index"], &place["end_index"]), (&json!(0), &json!(13)), "F42");
}

/// A provider that only streams, and a client that wants a whole reply: what was searched is there as in a reply.
#[test]
fn e480_b74_the_aggregate_of_a_stream_has_the_search_too() {
    let context = known(json!([search_tool()]));
    let provider = codec_of("antigravity");
    let mut decoder = provider.stream_decoder(&context);
    let mut aggregator = Aggregator::new();
    let data = super::wrapped(&grounded()).to_string();
    decoder.decode(StreamFrame::of(data.as_bytes()), &mut |event| aggregator.push(event)).unwrap();
    decoder.finish(&mut |event| aggregator.push(event)).unwrap();
    let aggregate = aggregator.finish().unwrap();
    for client in ["claude", "openai", "openai-response", "gemini"] {
        let together: Value =
            serde_json::from_slice(&codec_of(client).encode_reply(&aggregate, &context)).unwrap();
        assert_eq!(together, reply(client, &grounded(), &context), "{client}");
    }
}
