//! Web searches of Kiro's models: run beside the conversation, between two replies that are one to the client.
//! Source: providers-b.md 1.5.9.
#![expect(clippy::needless_pass_by_value, reason = "`json!` values read better without a borrow before each")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cliproxy_core::{
    Attempt, ErrorKind, ExecutorError, ProviderExecutor as _, ProviderFormat, UpstreamModel, WireStream,
};
use cliproxy_testkit::{FakeUpstream, Received, Reply, hang, html, json as json_reply, kiro, status};
use cliproxy_translator::format::claude::ClaudeCodec;
use cliproxy_translator::format::kiro::KiroCodec;
use cliproxy_translator::{Codec as _, Profile, ReplyContext};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::kiro::{Stage, account, social};

const SEARCH: &str = "remote_web_search";
const PATH: &str = "/q/us-east-1/generateAssistantResponse";
const MCP: &str = "/q/us-east-1/mcp";

fn request(tools: Value) -> Bytes {
    let body =
        json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"news?"}],"tools":tools});
    let body = body.to_string();
    let request = ClaudeCodec::default().decode_request(body.as_bytes()).unwrap();
    let encoded =
        KiroCodec::default().encode_request(&request, &Profile::new("claude-sonnet-4.5", true)).unwrap();
    Bytes::from(encoded.body)
}

fn search_tool(more: Value) -> Value {
    let mut tool = json!({"type":"web_search_20250305","name":"web_search"});
    for (key, value) in more.as_object().unwrap() {
        tool[key] = value.clone();
    }
    tool
}

async fn begin(stage: &Stage, tools: Value) -> Result<WireStream, ExecutorError> {
    let credential = Arc::new(account(social()));
    let model = UpstreamModel::new("claude-sonnet-4.5");
    let mut attempt = Attempt::new(credential, model, ProviderFormat::KIRO, request(tools));
    attempt.stream = true;
    stage.executor.execute_stream(attempt).await
}

/// The whole reply as a Claude client gets it.
async fn ask(stage: &Stage, tools: Value) -> Result<Value, ExecutorError> {
    let mut reply = begin(stage, tools).await?;
    let mut all = Vec::new();
    while let Some(piece) = reply.body.next().await {
        all.extend_from_slice(&piece?);
    }
    let context = ReplyContext::new("m", "seed");
    let response = KiroCodec::default().decode_reply(&all, &context).unwrap();
    Ok(serde_json::from_slice(&ClaudeCodec::default().encode_reply(&response, &context)).unwrap())
}

fn kinds(reply: &Value) -> Vec<&str> {
    reply["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect()
}

fn asks_for(id: &str, query: &str) -> Reply {
    kiro::Answer::new()
        .text("Let me look.")
        .tool_use(id, SEARCH, &json!({"query":query}))
        .usage(10, 0, 2)
        .stream()
}

fn found(pages: Value) -> Reply {
    let told = json!({"results":pages,"totalResults":1,"query":"q","error":null});
    json_reply(
        &json!({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":told.to_string()}],"isError":false}}),
    )
}

fn pages() -> Value {
    json!([{"title":"A","url":"https://a.example/1","snippet":"It rains.","publishedDate":"2026-11-01","domain":"a.example"},
        {"title":"B","url":"https://b.example/2","snippet":"It does not."}])
}

fn to(upstream: &FakeUpstream, path: &str) -> Vec<Received> {
    upstream.requests().into_iter().filter(|request| request.path == path).collect()
}

fn results(request: &Received) -> Value {
    let current = &request.json()["conversationState"]["currentMessage"]["userInputMessage"];
    current["userInputMessageContext"]["toolResults"].clone()
}

#[tokio::test]
async fn a_search_runs_between_two_replies_that_are_one_to_the_client() {
    for other_tools in [false, true] {
        let stage = Stage::set().await;
        let answer = kiro::Answer::new().text("It rains.").usage(30, 0, 4).stop_reason("END_TURN").stream();
        // Frames cut anywhere.
        stage.amazon.script_path(PATH, [asks_for("s1", "news").split_every(11), answer.split_every(7)]);
        stage.amazon.script_path(MCP, [found(pages())]);
        let mut tools = vec![search_tool(json!({}))];
        if other_tools {
            tools.push(json!({"name":"f","input_schema":{"type":"object"}}));
        }
        let reply = ask(&stage, json!(tools)).await.unwrap();
        assert_eq!(kinds(&reply), ["text", "server_tool_use", "web_search_tool_result", "text"]);
        assert_eq!(reply["content"][1]["input"], json!({"query":"news"}));
        assert_eq!(reply["content"][2]["content"].as_array().unwrap().len(), 2);
        assert_eq!(reply["stop_reason"], "end_turn");
        assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], 1);
        assert_eq!(
            (&reply["usage"]["input_tokens"], &reply["usage"]["output_tokens"]),
            (&json!(40), &json!(6))
        );

        let asked = to(&stage.amazon, MCP).remove(0);
        assert_eq!((asked.method.as_str(), asked.header("authorization")), ("POST", Some("Bearer AT")));
        let call = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"web_search","arguments":{"query":"news"}}});
        assert_eq!(asked.json(), call);
        let calls = to(&stage.amazon, PATH);
        assert_eq!(calls.len(), 2);
        for call in &calls {
            let body = call.json();
            let members: Vec<&String> = body.as_object().unwrap().keys().collect();
            assert!(
                !members.iter().any(|key| key.contains("WebSearch")),
                "the order is ours alone: {members:?}"
            );
            assert!(body["profileArn"].is_string(), "each call is the account's");
        }
        let told = results(&calls[1]);
        assert_eq!((&told[0]["toolUseId"], &told[0]["status"]), (&json!("s1"), &json!("success")));
        let text = told[0]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("https://a.example/1") && text.contains("It rains."), "{text}");
    }
}

#[tokio::test]
async fn a_reply_without_a_search_is_one_call_and_its_bytes_are_untouched() {
    let stage = Stage::set().await;
    let answer = kiro::Answer::new().text("hello").tool_use("c", "f", &json!({"a":1})).stream();
    stage.amazon.script_all([answer.clone()]);
    let tools = json!([search_tool(json!({})), {"name":"f","input_schema":{"type":"object"}}]);
    let mut reply = begin(&stage, tools).await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = reply.body.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(all, answer.bytes());
    assert_eq!(stage.amazon.requests().len(), 1);
}

#[tokio::test]
async fn a_search_that_fails_is_told_to_the_model_and_the_reply_goes_on() {
    let busy = || status(429).json(&json!({"message":"m"}));
    for (answers, tries, code) in [
        (vec![status(502), status(503), found(pages())], 3, None),
        (vec![status(504), status(504), status(504), found(pages())], 3, Some("unavailable")),
        (vec![status(500)], 1, Some("unavailable")),
        (vec![status(403)], 1, Some("unavailable")),
        (vec![busy()], 1, Some("too_many_requests")),
        // A page in place of an answer is a gateway in trouble.
        (vec![html(200)], 3, Some("unavailable")),
        (
            vec![json_reply(&json!({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}}))],
            1,
            Some("unavailable"),
        ),
        (vec![status(200).body("x".repeat(5 * 1024 * 1024))], 1, Some("unavailable")),
    ] {
        let stage = Stage::set().await;
        stage.amazon.script_path(PATH, [asks_for("s1", "news"), kiro::text("I could not look.")]);
        stage.amazon.script_path(MCP, answers);
        let reply = ask(&stage, json!([search_tool(json!({}))])).await.unwrap();
        assert_eq!(to(&stage.amazon, MCP).len(), tries, "{code:?}");
        let block = &reply["content"][2]["content"];
        assert_eq!(block.get("error_code").and_then(Value::as_str), code);
        let told = results(&to(&stage.amazon, PATH)[1]);
        assert_eq!(told[0]["status"], if code.is_none() { "success" } else { "error" });
        assert_eq!(reply["content"][3]["text"], "I could not look.");
        assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], u64::from(code.is_none()));
    }
}

#[tokio::test]
async fn a_client_pays_for_as_many_searches_as_it_said_and_a_turn_for_five_rounds() {
    let turns = |upstream: &FakeUpstream, last: usize| {
        let count = AtomicUsize::new(0);
        upstream.answer_with(move |request| match request.path.as_str() {
            MCP => found(pages()),
            _ => match count.fetch_add(1, Ordering::Relaxed) {
                at if at < last => asks_for(&format!("s{at}"), "news"),
                _ => kiro::text("So it is."),
            },
        });
    };
    let stage = Stage::set().await;
    turns(&stage.amazon, 3);
    let reply = ask(&stage, json!([search_tool(json!({"max_uses":2}))])).await.unwrap();
    assert_eq!(to(&stage.amazon, MCP).len(), 2);
    assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], 2);
    assert!(reply.to_string().contains("max_uses_exceeded"), "{reply}");
    let told = results(&to(&stage.amazon, PATH)[3]);
    assert!(told[0]["content"][0]["text"].as_str().unwrap().starts_with("No further web search"), "{told}");
    assert_eq!(reply["stop_reason"], "end_turn");

    let stage = Stage::set().await;
    turns(&stage.amazon, usize::MAX);
    let reply = ask(&stage, json!([search_tool(json!({}))])).await.unwrap();
    assert_eq!((to(&stage.amazon, MCP).len(), to(&stage.amazon, PATH).len()), (5, 6));
    assert_eq!(reply["stop_reason"], "pause_turn", "the model was told, and asks on");
    assert_eq!(reply["usage"]["server_tool_use"]["web_search_requests"], 5);

    // Side by side no more than five.
    let stage = Stage::set().await;
    let mut many = kiro::Answer::new();
    for at in 0..7 {
        many = many.tool_use(&format!("s{at}"), SEARCH, &json!({"query":format!("q{at}")}));
    }
    let empty = many.clone().tool_use("e", SEARCH, &json!({"query":" "}));
    stage.amazon.script_path(PATH, [empty.stream(), kiro::text("a")]);
    stage.amazon.script_path(MCP, [found(pages())]);
    ask(&stage, json!([search_tool(json!({}))])).await.unwrap();
    assert_eq!(to(&stage.amazon, MCP).len(), 5);
    let told = results(&to(&stage.amazon, PATH)[1]);
    let failed = told.as_array().unwrap().iter().filter(|result| result["status"] == "error").count();
    assert_eq!((told.as_array().unwrap().len(), failed), (8, 3), "every call is answered");
}

#[tokio::test]
async fn pages_that_the_client_does_not_want_are_sifted_out() {
    let stage = Stage::set().await;
    stage.amazon.script_path(PATH, [asks_for("s1", "news"), kiro::text("a")]);
    stage.amazon.script_path(MCP, [found(pages())]);
    let reply = ask(&stage, json!([search_tool(json!({"allowed_domains":["b.example"]}))])).await.unwrap();
    let list = reply["content"][2]["content"].as_array().unwrap();
    assert_eq!((list.len(), &list[0]["url"]), (1, &json!("https://b.example/2")));
    assert!(!results(&to(&stage.amazon, PATH)[1]).to_string().contains("a.example"));
}

#[tokio::test]
async fn where_the_client_is_called_too_the_turn_is_its_own() {
    let stage = Stage::set().await;
    let both = kiro::Answer::new()
        .tool_use("c", "f", &json!({"a":1}))
        .tool_use("s", SEARCH, &json!({"query":"q"}))
        .stream();
    stage.amazon.script_path(PATH, [both]);
    stage.amazon.script_path(MCP, [found(pages())]);
    let tools = json!([search_tool(json!({})), {"name":"f","input_schema":{"type":"object"}}]);
    let reply = ask(&stage, tools).await.unwrap();
    assert_eq!(kinds(&reply), ["tool_use", "server_tool_use", "web_search_tool_result"]);
    assert_eq!(reply["stop_reason"], "tool_use");
    assert_eq!(to(&stage.amazon, PATH).len(), 1, "the client brings the results of both");
}

#[tokio::test]
async fn a_later_reply_that_is_refused_fails_before_anything_of_the_search_is_told() {
    let stage = Stage::set().await;
    let silent = kiro::Answer::new().tool_use("s", SEARCH, &json!({"query":"q"})).stream();
    stage.amazon.script_path(PATH, [silent, kiro::error(401, "UnauthorizedException", "m")]);
    stage.amazon.script_path(MCP, [found(pages())]);
    let mut reply = begin(&stage, json!([search_tool(json!({}))])).await.unwrap();
    let mut all = Vec::new();
    let error = loop {
        match reply.body.next().await.unwrap() {
            Ok(piece) => all.extend_from_slice(&piece),
            Err(error) => break error,
        }
    };
    assert_eq!(
        error.kind(),
        ErrorKind::Unauthorized,
        "another credential may do all of it, or a renewed one"
    );
    assert!(!String::from_utf8_lossy(&all).contains("a.example"));
    assert!(reply.body.next().await.is_none(), "nothing follows");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_search() {
    let stage = Stage::set().await;
    stage.amazon.script_path(PATH, [asks_for("s1", "news")]);
    stage.amazon.script_path(MCP, [hang()]);
    let mut reply = begin(&stage, json!([search_tool(json!({}))])).await.unwrap();
    {
        let reading = async { while reply.body.next().await.is_some() {} };
        tokio::select! {
            () = reading => panic!("the search does not end"),
            () = stage.amazon.wait_for_requests(2) => {}
        }
    }
    drop(reply);
    stage.amazon.wait_for_abandoned(1).await;
    assert_eq!(to(&stage.amazon, PATH).len(), 1);
}
