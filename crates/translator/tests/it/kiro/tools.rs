//! Declared tools. Source: providers-b.md 1.5.5; translation.md A.6, A.7, B6, B10.

use serde_json::{Value, json};

use super::{losses, to_kiro};

fn chat(tools: Value, more: Value) -> Value {
    let mut body = json!({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":tools});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn function(name: &str) -> Value {
    json!({"type":"function","function":{"name":name,"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}})
}

fn declared(value: &Value) -> Vec<Value> {
    let current = &value["conversationState"]["currentMessage"]["userInputMessage"];
    let tools = current["userInputMessageContext"]["tools"].as_array().cloned().unwrap_or_default();
    tools.into_iter().map(|tool| tool["toolSpecification"].clone()).collect()
}

fn content(value: &Value) -> &str {
    value["conversationState"]["currentMessage"]["userInputMessage"]["content"].as_str().unwrap()
}

#[test]
fn every_tool_has_a_description_and_a_schema() {
    let tools = json!([function("f"), {"type":"function","function":{"name":"g"}}, function("f")]);
    let sent = to_kiro("openai", chat(tools, json!({})));
    let all = declared(&sent);
    assert_eq!(all.len(), 2, "each name once");
    assert_eq!(all[0]["description"], "Tool: f");
    assert_eq!(all[0]["inputSchema"]["json"], json!({"type":"object","properties":{"a":{"type":"string"}}}));
    assert_eq!(all[1]["inputSchema"]["json"], json!({"type":"object","properties":{}}));
}

#[test]
fn a_description_that_is_too_long_is_cut_between_two_characters_and_told() {
    let mut tool = function("f");
    tool["function"]["description"] = json!("é".repeat(6000));
    let body = chat(json!([tool]), json!({}));
    let all = declared(&to_kiro("openai", body.clone()));
    let description = all[0]["description"].as_str().unwrap();
    assert!(description.len() <= 10_237 && description.ends_with("é… (truncated)"), "{}", description.len());
    assert_eq!(losses("openai", body), ["tools.description"]);
    let mut fits = function("f");
    fits["function"]["description"] = json!("x".repeat(10_237));
    assert_eq!(losses("openai", chat(json!([fits]), json!({}))), Vec::<String>::new());
}

#[test]
fn a_choice_is_kept_by_what_is_declared_or_asked_for_in_words() {
    let tools = json!([function("f"), function("g")]);
    let ask = |choice: Value| to_kiro("openai", chat(tools.clone(), json!({"tool_choice":choice})));
    let names = |value: &Value| -> Vec<String> {
        declared(value).iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((names(&ask(json!("auto"))).len(), content(&ask(json!("auto")))), (2, "hi"));
    assert_eq!((names(&ask(json!("none"))).len(), content(&ask(json!("none")))), (0, "hi"));
    assert!(content(&ask(json!("required"))).contains("at least one of the tools"));
    let one = ask(json!({"type":"function","function":{"name":"g"}}));
    assert!(content(&one).contains("You must call the tool g in this turn."), "{}", content(&one));
    let some = json!({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}});
    assert_eq!(names(&ask(some.clone())), ["g"]);
    assert!(content(&ask(some)).contains("at least one of the tools"));
}

#[test]
fn what_is_asked_of_this_turn_stands_with_its_words_and_not_with_the_first() {
    let mut body = chat(json!([function("f")]), json!({"tool_choice":"required"}));
    body["messages"] = json!([{"role":"system","content":"s"},{"role":"user","content":"one"},
        {"role":"assistant","content":"1"},{"role":"user","content":"two"}]);
    let sent = to_kiro("openai", body);
    let first = sent["conversationState"]["history"][0]["userInputMessage"]["content"].as_str().unwrap();
    assert_eq!(first, "--- SYSTEM PROMPT ---\ns\n--- END SYSTEM PROMPT ---\n\none");
    assert!(content(&sent).contains("at least one of the tools") && content(&sent).ends_with("\n\ntwo"));
}

#[test]
fn a_free_form_tool_is_a_function_with_one_text() {
    let tools = json!([{"type":"custom","custom":{"name":"exec","description":"runs"}}]);
    let all = declared(&to_kiro("openai", chat(tools, json!({}))));
    assert_eq!(all[0]["inputSchema"]["json"]["required"], json!(["input"]));
}

#[test]
fn tools_that_run_elsewhere_are_told() {
    let body = json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],
        "tools":[{"type":"web_fetch_20250910","name":"web_fetch"},{"type":"code_execution_20250522","name":"c"}]});
    assert_eq!(losses("claude", body), ["tools.web_fetch_20250910", "tools.code_execution_20250522"]);
}

#[test]
fn a_form_is_asked_for_in_words_and_its_schema_is_whole() {
    let schema = json!({"type":"object","properties":{"a":{"type":"string","description":"x".repeat(900)}}});
    let format = json!({"type":"json_schema","json_schema":{"name":"n","schema":schema}});
    let sent = to_kiro("openai", chat(json!([]), json!({"response_format":format})));
    assert!(content(&sent).contains(&schema.to_string()), "{}", content(&sent));
    let sent = to_kiro("openai", chat(json!([]), json!({"response_format":{"type":"json_object"}})));
    assert!(content(&sent).contains("one JSON object"));
}
