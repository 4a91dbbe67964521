//! Clients of OpenAI's formats. Source: translation.md D.27.

use serde_json::{Value, json};

use super::{CLAUDE, CLAUDE_SIGNED, CLAUDE_TWICE, GEMINI, SIGNED, sent, signed, text, thought, to, with};

const RS: &str = "openai-response";

fn chat(messages: Value, members: Value) -> Value {
    with(json!({"model":"m","messages":messages}), members)
}

fn hello(members: Value) -> Value {
    chat(json!([{"role":"user","content":"q"}]), members)
}

#[test]
fn e520_e521_claudes_models_take_back_no_thought_of_chat_clients() {
    let messages = json!([{"role":"user","content":"q"},{"role":"assistant","reasoning_content":"hm","content":"a"},
        {"role":"user","content":"r"},{"role":"assistant","reasoning_content":"hm","content":""},{"role":"user","content":"s"}]);
    let contents = to("openai", &chat(messages, json!({})), CLAUDE)["contents"].clone();
    assert_eq!(contents[1]["parts"], json!([text("a")]), "E520");
    let roles: Vec<_> =
        contents.as_array().unwrap().iter().map(|content| content["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "model", "user", "user"], "E521: a turn that is left empty is gone");
}

#[test]
fn e522_geminis_models_get_thought_text_and_call_in_their_order() {
    let messages = json!([{"role":"user","content":"q"},
        {"role":"assistant","reasoning_content":"hm","content":"a","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"ok"}]);
    let parts = to("openai", &chat(messages, json!({})), GEMINI)["contents"][1]["parts"].clone();
    assert_eq!((&parts[0], &parts[1]), (&thought("hm"), &text("a")), "E522");
    assert_eq!(parts[2]["functionCall"], json!({"id":"c1","name":"f","args":{}}), "E522");
}

#[test]
fn e523_an_explicit_flag_beats_what_the_effort_implies() {
    let google = |flag: Value| json!({"google":{"thinking_config":{"include_thoughts":flag}}});
    for (members, expected) in [
        (json!({"extra_body":google(json!(true))}), json!(true)),
        (json!({"extra_body":google(json!(false)),"reasoning_effort":"high"}), json!(false)),
        (json!({"extra_body":google(json!("false")),"reasoning_effort":"high"}), json!(true)),
        (json!({"extra_body":google(json!("true"))}), Value::Null),
        (json!({"reasoning_effort":"high"}), json!(true)),
        (json!({"reasoning_effort":"none"}), json!(false)),
    ] {
        let request = to("openai", &hello(members.clone()), GEMINI);
        assert_eq!(
            request["generationConfig"]["thinkingConfig"]["includeThoughts"], expected,
            "E523 {members}"
        );
    }
}

#[test]
fn e629_whether_thoughts_are_shown_is_said_as_the_client_said_it() {
    let google = |members: Value| with(json!({"contents":[{"role":"user","parts":[{"text":"q"}]}]}), members);
    let thinking = |config: Value| google(json!({"generationConfig":{"thinkingConfig":config}}));
    let responses = |reasoning: Value| json!({"model":"m","input":"q","reasoning":reasoning});
    for (client, body, expected) in [
        ("gemini", thinking(json!({"thinkingBudget":1024,"includeThoughts":false})), json!(false)),
        ("gemini", thinking(json!({"thinkingBudget":1024,"includeThoughts":true})), json!(true)),
        ("gemini", thinking(json!({"thinkingBudget":1024})), Value::Null),
        ("gemini", google(json!({})), Value::Null),
        (
            "gemini-cli",
            json!({"model":"m","request":thinking(json!({"includeThoughts":false}))}),
            json!(false),
        ),
        ("gemini-cli", json!({"model":"m","request":thinking(json!({"thinkingBudget":1024}))}), Value::Null),
        (RS, responses(json!({"effort":"high","summary":"auto"})), json!(true)),
        (RS, responses(json!({"effort":"high","summary":null})), json!(false)),
        (RS, responses(json!({"effort":"high"})), Value::Null),
    ] {
        for model in [GEMINI, CLAUDE] {
            let request = to(client, &body, model);
            assert_eq!(
                request["generationConfig"]["thinkingConfig"]["includeThoughts"], expected,
                "E629 {model} {body}"
            );
        }
    }
}

#[test]
fn e524_choices_are_modes() {
    for (choice, mode) in [("none", "NONE"), ("auto", "AUTO"), ("required", "ANY")] {
        let body = hello(json!({"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":choice}));
        assert_eq!(
            to("openai", &body, GEMINI)["toolConfig"]["functionCallingConfig"],
            json!({"mode":mode}),
            "E524"
        );
    }
}

#[test]
fn e525_a_schema_of_the_output_is_one_of_the_backend() {
    let schema = json!({"$schema":"x","type":"object","properties":{"a":{"type":["string","null"],"pattern":"^a"},"k":{"enum":["x","y"]}},
        "required":["a"],"additionalProperties":false});
    let body = hello(
        json!({"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":schema}}}),
    );
    let config = to("openai", &body, GEMINI)["generationConfig"].clone();
    assert_eq!(config["responseMimeType"], "application/json", "E525");
    assert!(config.get("responseJsonSchema").is_none(), "E525: {config}");
    let told = &config["responseSchema"];
    assert_eq!((&told["type"], &told["required"]), (&json!("object"), &json!(["a"])), "E525");
    assert_eq!(told["properties"]["a"]["nullable"], true, "E525");
    assert_eq!(told["properties"]["k"]["enum"], json!(["x", "y"]), "E525");
    assert!(
        told.get("$schema").is_none() && told["properties"]["a"].get("pattern").is_none(),
        "E525: {told}"
    );
    let object = hello(json!({"response_format":{"type":"json_object"}}));
    assert_eq!(
        to("openai", &object, GEMINI)["generationConfig"],
        json!({"responseMimeType":"application/json"})
    );
}

#[test]
fn e526_the_limit_goes_along_where_the_backend_takes_it() {
    // [fix]: Antigravity refuses it for Google's own models (providers-a.md 7.4); the loss is told.
    for key in ["max_completion_tokens", "max_tokens"] {
        let body = hello(json!({key:7}));
        assert_eq!(to("openai", &body, CLAUDE)["generationConfig"], json!({"maxOutputTokens":7}), "E526");
        let (request, encoded) = sent("openai", &body, GEMINI);
        assert!(request.get("generationConfig").is_none(), "E526");
        assert_eq!(encoded.losses[0].what, "max_output_tokens", "E526");
    }
}

fn reasoning(text: &str, state: &str) -> Value {
    let summary: Vec<_> =
        Some(json!({"type":"summary_text","text":text})).filter(|_| !text.is_empty()).into_iter().collect();
    json!({"type":"reasoning","summary":summary,"encrypted_content":state})
}

/// The model's parts of these items.
fn parts(items: Vec<Value>) -> Value {
    let mut all = vec![json!({"role":"user","content":"q"})];
    all.extend(items);
    all.push(json!({"role":"user","content":"r"}));
    to(RS, &json!({"model":"m","input":all}), CLAUDE)["contents"][1]["parts"].clone()
}

#[test]
fn e532_e533_e534_claudes_state_comes_back_on_its_own_thought() {
    let marked = format!("cliproxy:claude:{CLAUDE_SIGNED}");
    let said = json!({"role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]});
    let own = signed(thought("hm"), CLAUDE_TWICE);
    for state in [&marked, CLAUDE_SIGNED] {
        assert_eq!(
            parts(vec![reasoning("hm", state), said.clone()]),
            json!([own, text("a")]),
            "E532 {state}"
        );
    }
    // Clients may put anything under a mark (E403): what is not Claude's by its form is nobody's.
    for forged in [format!("cliproxy:claude:{SIGNED}"), "cliproxy:claude:Eodd".to_owned()] {
        assert_eq!(parts(vec![reasoning("hm", &forged), said.clone()]), json!([text("a")]), "{forged}");
    }
    assert_eq!(parts(vec![reasoning("", &marked), said.clone()]), json!([text("a")]), "E533");
    assert_eq!(
        parts(vec![reasoning("", &marked), reasoning("hm", &marked), said]),
        json!([own, text("a")]),
        "E534: what is dropped shifts no other"
    );
}

#[test]
fn e536_late_tools_and_a_forced_choice_survive() {
    let body = json!({"model":"m","input":[{"role":"user","content":"q"},{"type":"additional_tools","tools":[{"type":"function","name":"late","parameters":{"type":"object"}}]}],
        "tools":[{"type":"function","name":"early","parameters":{"type":"object"}}],"tool_choice":{"type":"function","name":"late"}});
    let request = to(RS, &body, GEMINI);
    assert_eq!(crate::gemini::declared_names(&request), ["early", "late"], "E536");
    assert_eq!(
        request["toolConfig"]["functionCallingConfig"],
        json!({"mode":"ANY","allowedFunctionNames":["late"]}),
        "E536"
    );
}
