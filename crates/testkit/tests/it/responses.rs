//! Responses stand-ins: the order of their events, and what these add up to.

use std::collections::BTreeMap;

use cliproxy_testkit::responses::{self, Response};
use serde_json::{Value, json};

use crate::replies::events;

pub fn rich_response() -> Response {
    Response::new()
        .reasoning_parts(["let me think", "— carefully"], Some("b3BhcXVl"))
        .web_search("weather in Zürich")
        .texts(["héllo", "wörld"])
        .function_call("call_1", "get_weather", r#"{"city":"Zürich"}"#)
        .function_call("call_2", "get_time", "{}")
        .custom_tool_call("call_3", "apply_patch", "*** Begin Patch")
        .usage(100, 20)
        .usage_details(80, 4)
        .cache_written(5)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_responses_stream_has_its_events_in_the_services_order() {
    let events = events(Response::new().reasoning("hm", "c3RhdGU=").text("hello").stream()).await;
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..17).collect::<Vec<_>>());
    assert_eq!(events[8]["item"]["encrypted_content"], "c3RhdGU=");
}

#[tokio::test]
async fn a_responses_stream_adds_up_to_its_whole_reply() {
    let whole = rich_response().to_json();
    let (mut items, mut texts) = (Vec::new(), BTreeMap::<String, String>::new());
    let events = events(rich_response().stream()).await;
    for event in &events {
        let kind = event["type"].as_str().unwrap();
        if kind == "response.output_item.added" {
            assert_eq!(event["output_index"], items.len());
        } else if kind == "response.output_item.done" {
            items.push(event["item"].clone());
        } else if kind.ends_with(".delta") {
            let place = format!("{} {} {}", event["item_id"], event["content_index"], event["summary_index"]);
            texts.entry(place).or_default().push_str(event["delta"].as_str().unwrap());
        }
    }
    assert_eq!(json!(items), whole["output"]);
    assert_eq!(events.last().unwrap()["response"], whole);
    assert_eq!(
        texts.into_values().collect::<Vec<_>>(),
        ["*** Begin Patch", r#"{"city":"Zürich"}"#, "{}", "héllo", "wörld", "let me think", "— carefully"]
    );
}

#[tokio::test]
async fn a_responses_stream_says_how_it_ended() {
    let short = Response::new().text("cut sho").incomplete("max_output_tokens");
    let events_of_short = events(short.stream()).await;
    let last = events_of_short.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");

    let failed = events(Response::new().failed("rate_limit_exceeded", "slow down").stream()).await;
    assert_eq!(kinds(&failed), ["response.created", "response.in_progress", "response.failed"]);
    let response = &failed[2]["response"];
    assert_eq!(
        (&response["status"], &response["error"]["code"]),
        (&json!("failed"), &json!("rate_limit_exceeded"))
    );
    assert_eq!(response["usage"], Value::Null);

    let stream = responses::stream("hi").truncate(3).then(responses::error_event("server_error", "oops"));
    assert_eq!(kinds(&events(stream).await).last(), Some(&"error"));
}
