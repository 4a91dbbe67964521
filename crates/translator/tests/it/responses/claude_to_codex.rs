//! A Claude client's request as Codex gets it. Source: translation.md D.13.

use cliproxy_translator::Profile;
use serde_json::{Value, json};

use super::{CL, CX, RS, claude_signature, encoded, gpt_signature, items, request, request_with};

fn body(more: Value) -> Value {
    let mut body = json!({"model":"m","max_tokens":99,"messages":[{"role":"user","content":"q"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn codex(more: Value) -> Value {
    request(CL, CX, &body(more))
}

fn kinds(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| match item["role"].as_str() {
            Some(role) => format!("{role} {}", item["content"][0]["text"].as_str().unwrap_or("?")),
            None => item["type"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[test]
fn e211_e212_system_texts_are_the_developers_or_reminders() {
    let got = |system: Value| kinds(codex(json!({"system":system}))["input"].as_array().unwrap());
    assert_eq!(got("be brief".into()), ["developer be brief", "user q"]);
    let blocks = json!([{"type":"text","text":" x-anthropic-billing-header: v=1"},{"type":"text","text":"a"},{"type":"text","text":"b"}]);
    let full = codex(json!({"system":blocks}));
    assert_eq!(
        full["input"][0],
        json!({"type":"message","role":"developer","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]})
    );
    assert_eq!(full["instructions"], "");
    assert_eq!(got("".into()), ["user q"]);
    let later = items(
        CL,
        CX,
        &body(
            json!({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"system","content":"be brief"}]}),
        ),
    );
    assert_eq!(later[2]["role"], "user");
    assert_eq!(later[2]["content"][0]["text"], "<system-reminder>\nbe brief\n</system-reminder>");
    // A provider of the documented format has a place for them.
    assert_eq!(request(CL, RS, &body(json!({"system":"be brief"})))["instructions"], "be brief");
}

#[test]
fn e213_e216_e217_choice_and_parallel_calls() {
    let long = format!("mcp__{}__read", "x".repeat(80));
    let tools =
        json!([{"name":"f","input_schema":{"type":"object"}},{"name":long,"input_schema":{"type":"object"}}]);
    for (choice, expected, parallel) in [
        (Value::Null, json!("auto"), true),
        (json!({"type":"auto"}), json!("auto"), true),
        (json!({"type":"any","disable_parallel_tool_use":true}), json!("required"), false),
        (json!({"type":"none"}), json!("none"), true),
        (json!({"type":"tool","name":long}), json!({"type":"function","name":"mcp__read"}), true),
    ] {
        let mut more = json!({"tools":tools});
        if !choice.is_null() {
            more["tool_choice"] = choice.clone();
        }
        let got = codex(more);
        assert_eq!(
            (&got["tool_choice"], &got["parallel_tool_calls"]),
            (&expected, &json!(parallel)),
            "{choice}"
        );
        assert_eq!(got["tools"][1]["name"], "mcp__read");
    }
    let got = codex(json!({}));
    assert_eq!((got.get("tool_choice"), got.get("parallel_tool_calls")), (None, None));
}

#[test]
fn e214_tiers() {
    for (more, tier) in [
        (json!({"service_tier":"fast"}), Some("priority")),
        (json!({"service_tier":"priority"}), Some("priority")),
        (json!({"speed":"fast"}), Some("priority")),
        (json!({"service_tier":"standard_only"}), None),
        (json!({"speed":"slow"}), None),
    ] {
        assert_eq!(codex(more.clone())["service_tier"].as_str(), tier, "{more}");
    }
}

#[test]
fn e215_long_ids_are_shortened_alike() {
    let id = format!("toolu_{}", "x".repeat(84));
    let got = items(
        CL,
        CX,
        &body(json!({"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":[{"type":"tool_use","id":id,"name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":id,"content":"ok"}]}]})),
    );
    let short = got[1]["call_id"].as_str().unwrap();
    assert_eq!((short.len(), got[2]["call_id"].as_str().unwrap()), (64, short));
}

#[test]
fn e218_e219_web_search_is_the_providers() {
    let tools = json!([{"type":"web_search_20250305","name":"search","max_uses":3,"allowed_domains":["a.example"],
        "user_location":{"type":"approximate","city":"X"}},{"name":"f","input_schema":{"type":"object"}}]);
    let got = codex(json!({"tools":tools,"tool_choice":{"type":"tool","name":"search"}}));
    assert_eq!(
        got["tools"][0],
        json!({"type":"web_search","filters":{"allowed_domains":["a.example"]},"user_location":{"type":"approximate","city":"X"}})
    );
    assert_eq!(got["tool_choice"], json!({"type":"web_search"}));
    // Tools of Claude that have no counterpart are told as lost.
    let out = encoded(
        CL,
        CX,
        &body(json!({"tools":[{"type":"bash_20250124","name":"bash"}]})),
        &Profile::new("gpt-5", true),
    )
    .unwrap();
    assert!(out.losses.iter().any(|loss| loss.what == "tools.bash_20250124"));
}

fn thinking(signature: &str, text: &str) -> Value {
    json!({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[
        {"type":"thinking","thinking":text,"signature":signature},{"type":"text","text":"a"}]},{"role":"user","content":"next"}]})
}

#[test]
fn e220_e225_only_state_of_the_provider_goes_back() {
    let gpt = gpt_signature();
    // As Codex's thoughts were shown to the client: under a mark.
    let got = items(CL, CX, &body(thinking(&format!("cliproxy:gpt:{gpt}"), "why")));
    assert_eq!(got[1], json!({"type":"reasoning","summary":[],"encrypted_content":gpt}));
    assert_eq!(items(CL, CX, &body(thinking(&gpt, "why")))[1]["encrypted_content"], gpt);
    for foreign in [claude_signature(), "cliproxy:gemini:U3RhdGU=".to_owned(), String::new()] {
        let got = items(CL, CX, &body(thinking(&foreign, "why")));
        assert_eq!(kinds(&got), ["user q", "assistant a", "user next"], "{foreign}");
    }
}

#[test]
fn e223_e224_state_of_xai_goes_to_xai_only() {
    let more = thinking("cliproxy:grok:bm9pc2Vub2lzZQ", "why");
    let got = request_with(CL, CX, &body(more.clone()), &Profile::new("grok-5", true));
    assert_eq!(got["input"][1]["encrypted_content"], "bm9pc2Vub2lzZQ");
    assert_eq!(items(CL, CX, &body(more)).len(), 3);
}

#[test]
fn e226_services_that_keep_unsigned_thoughts_get_them() {
    let mut profile = Profile::new("m", true);
    profile.keeps_reasoning_text = true;
    let got = request_with(CL, CX, &body(thinking("", "")), &profile);
    assert_eq!(got["input"][1], json!({"type":"reasoning","summary":[],"encrypted_content":""}));
}

#[test]
fn e221_documents_and_images_are_inputs() {
    let got = items(
        CL,
        CX,
        &body(json!({"messages":[{"role":"user","content":[
        {"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain"}},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},
        {"type":"image","source":{"type":"url","url":"https://a.example/i.png"}}]}]})),
    );
    // What the reference skips has a spelling too (F28).
    assert_eq!(
        got[0]["content"],
        json!([{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},
            {"type":"input_text","text":"plain"},
            {"type":"input_image","detail":"auto","image_url":"data:image/png;base64,AA=="},
            {"type":"input_image","detail":"auto","image_url":"https://a.example/i.png"}])
    );
}

#[test]
fn e222_the_order_inside_a_turn_is_kept() {
    let got = items(
        CL,
        CX,
        &body(json!({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[
        {"type":"text","text":"a"},
        {"type":"thinking","thinking":"t","signature":gpt_signature()},
        {"type":"text","text":"b"},
        {"type":"tool_use","id":"c","name":"f","input":{}},
        {"type":"text","text":"d"}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"ok"}]}]})),
    );
    assert_eq!(
        kinds(&got),
        [
            "user q",
            "assistant a",
            "reasoning",
            "assistant b",
            "function_call",
            "assistant d",
            "function_call_output"
        ]
    );
}

#[test]
fn e227_a_name_that_is_no_string_is_refused_by_its_place() {
    // The reference makes a string of it; a name that is a number is a mistake of the client, and is told.
    let error =
        encoded(CL, CX, &body(json!({"tools":[{"name":5,"input_schema":{}}]})), &Profile::new("m", true))
            .unwrap_err();
    assert!(error.param().is_some_and(|param| param.contains("tools[0]")), "{error}");
}

#[test]
fn a15_b45_what_codex_demands_and_what_it_refuses() {
    let got = codex(json!({"temperature":1,"top_p":1,"stop_sequences":["x"],"metadata":{"user_id":"u"},
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"input_examples":[{}]}]}));
    assert_eq!(
        got,
        json!({"model":"gpt-5","instructions":"","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"q"}]}],
            "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":false}],
            "tool_choice":"auto","parallel_tool_calls":true,"reasoning":{"effort":"medium","summary":"auto"},
            "stream":true,"store":false,"include":["reasoning.encrypted_content"]})
    );
    let got = codex(json!({"thinking":{"type":"enabled","budget_tokens":2000},"max_tokens":9000}));
    assert_eq!(got["reasoning"]["effort"], "medium");
    let got = codex(json!({"thinking":{"type":"disabled"}}));
    assert_eq!(got["reasoning"], json!({"effort":"none"}));
}

#[test]
fn b22_failures_of_tools_are_told_in_words() {
    let got = items(
        CL,
        CX,
        &body(json!({"messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"a":1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","is_error":true,"content":"no such file"}]}]})),
    );
    assert_eq!(got[1]["arguments"], r#"{"a":1}"#);
    assert_eq!(got[2]["output"], "Error: no such file");
}

#[test]
fn a_provider_of_the_documented_format_gets_limits_and_sampling() {
    let got = request(
        CL,
        RS,
        &body(json!({"temperature":0.5,"max_tokens":1,"stream":true,
        "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}})),
    );
    assert_eq!(
        (&got["temperature"], &got["max_output_tokens"], &got["store"]),
        (&json!(0.5), &json!(16), &json!(false))
    );
    assert_eq!(
        got["text"]["format"],
        json!({"type":"json_schema","name":"response","schema":{"type":"object"}})
    );
}
