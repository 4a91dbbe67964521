//! What of a client's request is not what its format says, or refers to what only one service has, is told to the client
//! with its place: nothing is made of it that nobody said. Source: issues 2 and 3, "Bad input"; translation.md B26.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::model::PartKind;
use cliproxy_translator::registry::RequestCall;
use cliproxy_translator::{CodecError, CodecErrorKind, Profile};
use serde_json::{Value, json};

use crate::grid::{PROVIDERS, REGISTRY, codec, context, model};

const CC: &str = "openai";
const RS: &str = "openai-response";
const CL: &str = "claude";
const GE: &str = "gemini";

fn sent(client: &str, provider: &str, body: &Value) -> Result<Bytes, CodecError> {
    let bytes = Bytes::from(body.to_string());
    let profile = Profile::new(model(provider), false);
    let client = ClientFormat::from(client.to_owned());
    let provider = ProviderFormat::from(provider.to_owned());
    let call = RequestCall::new(&client, &provider, &bytes, &profile);
    REGISTRY.translate_request(&call, context()).map(|done| done.body)
}

/// The providers that a client's bytes do not pass to.
fn translated_to(client: &str) -> impl Iterator<Item = &'static str> {
    let family = codec(client).family();
    PROVIDERS.into_iter().filter(move |provider| codec(provider).family() != family)
}

/// Whether the wrong one is refused everywhere with this error.
#[track_caller]
fn refused(client: &str, kind: CodecErrorKind, body: &Value, param: &str, message: &str) {
    for provider in translated_to(client) {
        let error = match sent(client, provider, body) {
            Ok(out) => panic!("{client} to {provider}: {body} became {out:?}"),
            Err(error) => error,
        };
        let told = (error.kind(), error.param(), error.to_string());
        assert_eq!(
            told,
            (kind, Some(param), format!("{param}: {message}")),
            "{client} to {provider}: {body}"
        );
    }
}

#[track_caller]
fn malformed(client: &str, body: &Value, param: &str, message: &str) {
    refused(client, CodecErrorKind::Malformed, body, param, message);
}

/// A good request with this at this place.
fn with(good: &Value, place: &str, wrong: &Value) -> Value {
    let mut body = good.clone();
    let (parent, key) = place.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("nothing stands at {parent}"));
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = wrong.clone(),
        parent => parent[key] = wrong.clone(),
    }
    body
}

/// `/messages/1/id` as `messages[1].id`.
fn shown(place: &str) -> String {
    let mut path = String::new();
    for step in place.split('/').skip(1) {
        match step.parse::<usize>() {
            Ok(index) => path.push_str(&format!("[{index}]")),
            Err(_) if path.is_empty() => path.push_str(step),
            Err(_) => path.push_str(&format!(".{step}")),
        }
    }
    path
}

/// Every place with every wrong value that it can have.
#[track_caller]
fn check(client: &str, good: &Value, places: &[(&str, &str, &[Value])]) {
    // What a provider cannot say at all is another matter.
    let read = |provider: &str, body: &Value| match sent(client, provider, body) {
        Err(error) if error.kind() != CodecErrorKind::Inexpressible => {
            panic!("{client} to {provider}: {error}: {body}")
        }
        _ => {}
    };
    translated_to(client).for_each(|provider| read(provider, good));
    for (place, expected, values) in places {
        for value in *values {
            let found = match value {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::String(_) => "a string",
                Value::Array(_) => "an array",
                Value::Object(_) => "an object",
            };
            let message = format!("expected {expected}, found {found}");
            malformed(client, &with(good, place, value), &shown(place), &message);
        }
        // Absence, said aloud.
        let body = with(good, place, &Value::Null);
        translated_to(client).for_each(|provider| read(provider, &body));
        // A provider of the client's own format judges itself, and gets what was sent; but Gemini's roles are mended (B24).
        if !place.ends_with("/role") {
            let body = with(good, place, &values[0]);
            let out: Value = serde_json::from_slice(&sent(client, client, &body).unwrap()).unwrap();
            assert_eq!(out.pointer(place), body.pointer(place), "{client}: {place}");
        }
    }
}

#[test]
fn chat_clients_are_told_of_members_of_a_wrong_type() {
    let good = json!({"model":"m",
        "messages":[{"role":"user","content":"q"},
            {"role":"assistant","tool_calls":[
                {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},
                {"id":"c2","type":"custom","custom":{"name":"x","input":"ls"}}]},
            {"role":"tool","tool_call_id":"c1","content":"ok"},
            {"role":"tool","tool_call_id":"c2","content":"ok"},
            {"role":"assistant","function_call":{"name":"f","arguments":"{}"}},
            {"role":"function","name":"f","content":"ok"},
            {"role":"user","content":"go on"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},
            {"type":"function","name":"g","parameters":{"type":"object"}},
            {"type":"custom","custom":{"name":"x"}}],
        "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},
        "reasoning_effort":"low"});
    let (call, custom) = ("/messages/1/tool_calls/0", "/messages/1/tool_calls/1");
    let of = |call: &str, member: &str| format!("{call}/{member}");
    let no_string = [json!(7), json!([7]), json!(true), json!({})];
    let no_text = [json!(7), json!([7]), json!(false)];
    let no_schema = [json!(7), json!("str"), json!([])];
    check(
        CC,
        &good,
        &[
            (&of(call, "id"), "a string", &no_string),
            (&of(call, "function/name"), "a string", &no_string),
            (&of(call, "function/arguments"), "a string", &no_text),
            (&of(custom, "id"), "a string", &no_string),
            (&of(custom, "custom/name"), "a string", &no_string),
            (&of(custom, "custom/input"), "a string", &no_string),
            ("/messages/4/function_call/name", "a string", &no_string),
            ("/messages/4/function_call/arguments", "a string", &no_text),
            ("/tools/0/function/parameters", "an object", &no_schema),
            ("/tools/1/parameters", "an object", &no_schema),
            ("/response_format/json_schema/schema", "an object", &no_schema),
            ("/reasoning_effort", "a string", &no_string),
        ],
    );
}

#[test]
fn responses_clients_are_told_of_members_of_a_wrong_type() {
    let good = json!({"model":"m",
        "input":[{"role":"user","content":[{"type":"input_text","text":"q"},
                {"type":"input_image","image_url":"https://a.example/i.png"},
                {"type":"input_image","image_url":"https://a.example/i.png","file_id":null},
                {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}]},
            {"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"t"}],"content":[{"type":"reasoning_text","text":"t"}],"encrypted_content":null},
            {"type":"function_call","id":"i","call_id":"c1","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"c1","output":"ok"},
            {"type":"custom_tool_call","call_id":"c2","name":"x","input":"ls","namespace":null},
            {"type":"custom_tool_call_output","call_id":"c2","output":"ok"},
            {"role":"user","content":"go on"}],
        "tools":[{"type":"function","name":"f","parameters":{"type":"object"}},
            {"type":"function","function":{"name":"g","parameters":{"type":"object"}}},
            {"type":"custom","name":"x"}],
        "reasoning":{"effort":"low"},"parallel_tool_calls":true,
        "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}},"verbosity":"low"}});
    let no_string = [json!(7), json!([7]), json!(true), json!({})];
    let no_text = [json!(7), json!([7]), json!(false)];
    let no_schema = [json!(7), json!("str"), json!([])];
    let no_flag = [json!("str"), json!(7)];
    check(
        RS,
        &good,
        &[
            ("/input/0/content/1/image_url", "a string", &no_text),
            ("/input/0/content/2/file_id", "a string", &no_string),
            ("/input/0/content/3/filename", "a string", &no_string),
            ("/input/0/content/3/file_data", "a string", &no_string),
            ("/input/1/id", "a string", &no_string),
            ("/input/1/encrypted_content", "a string", &no_string),
            ("/input/2/id", "a string", &no_string),
            ("/input/2/call_id", "a string", &no_string),
            ("/input/2/name", "a string", &no_string),
            ("/input/2/arguments", "a string", &no_text),
            ("/input/3/call_id", "a string", &no_string),
            ("/input/4/call_id", "a string", &no_string),
            ("/input/4/name", "a string", &no_string),
            ("/input/4/namespace", "a string", &no_string),
            ("/input/4/input", "a string", &no_string),
            ("/tools/0/parameters", "an object", &no_schema),
            ("/tools/1/function/parameters", "an object", &no_schema),
            ("/text/format/schema", "an object", &no_schema),
            ("/text/verbosity", "a string", &no_string),
            ("/reasoning/effort", "a string", &no_string),
            ("/reasoning/summary", "a string", &no_string),
            ("/parallel_tool_calls", "a boolean", &no_flag),
        ],
    );
    for member in ["summary", "content"] {
        let body = with(&good, &format!("/input/1/{member}"), &json!(7));
        let param = format!("input[1].{member}");
        malformed(RS, &body, &param, "invalid type: integer `7`, expected an array");
    }
}

#[test]
fn claude_clients_are_told_of_members_of_a_wrong_type() {
    let good = json!({"model":"m","max_tokens":9000,
        "messages":[{"role":"user","content":[{"type":"text","text":"q"},
                {"type":"image","source":{"type":"url","url":"https://a.example/i.png"}}]},
            {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"ok"}]}],
        "tools":[{"name":"f","input_schema":{"type":"object"}}],
        "output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}}});
    let no_string = [json!(7), json!([7]), json!(true), json!({})];
    let no_schema = [json!(7), json!("str"), json!([])];
    check(
        CL,
        &good,
        &[
            ("/messages/1/content/0/id", "a string", &no_string),
            ("/messages/1/content/0/name", "a string", &no_string),
            ("/messages/2/content/0/tool_use_id", "a string", &no_string),
            ("/tools/0/input_schema", "an object", &no_schema),
            ("/output_config/effort", "a string", &no_string),
            ("/output_config/format/schema", "an object", &no_schema),
        ],
    );
    let url = with(&good, "/messages/0/content/1/source/url", &json!(7));
    malformed(CL, &url, "messages[0].content[1].source.url", "expected a string, found a number");
    let role = with(&good, "/messages/0/role", &json!(7));
    malformed(CL, &role, "messages[0].role", "expected a string, found a number");
    let format = with(&good, "/output_config/format", &json!(7));
    malformed(CL, &format, "output_config.format", "invalid type: integer `7`, expected an object");
    // E459: an input that is no object is kept where it can be, and `{}` where an object is demanded.
    let text = with(&good, "/messages/1/content/0/input", &json!(7));
    for provider in translated_to(CL).filter(|provider| *provider != "kiro") {
        sent(CL, provider, &text).unwrap();
    }
}

#[test]
fn gemini_clients_are_told_of_members_of_a_wrong_type() {
    let good = json!({
        "contents":[{"role":"user","parts":[{"text":"q"},{"fileData":{"fileUri":"https://a.example/i.png","mimeType":"image/png"}}]},
            {"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{}}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":{"output":"ok"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"}},{"name":"g","parametersJsonSchema":{"type":"object"}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},
        "generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"},
            "thinkingConfig":{"thinkingBudget":1024,"includeThoughts":true}}});
    let no_string = [json!(7), json!([7]), json!(true), json!({})];
    // E516: a number is taken for its text.
    let no_name = [json!([7]), json!(true), json!({})];
    let no_schema = [json!(7), json!("str"), json!([])];
    let no_args = [json!(7), json!([7]), json!(true)];
    let no_flag = [json!("str"), json!(7)];
    let no_count = [json!("str"), json!([7]), json!({})];
    let thinking = |member: &str| format!("/generationConfig/thinkingConfig/{member}");
    check(
        GE,
        &good,
        &[
            ("/contents/0/role", "a string", &no_string),
            ("/contents/0/parts/1/fileData/mimeType", "a string", &no_string),
            ("/contents/1/parts/0/functionCall/id", "a string", &no_name),
            ("/contents/1/parts/0/functionCall/name", "a string", &no_name),
            ("/contents/1/parts/0/functionCall/args", "an object", &no_args),
            ("/contents/2/parts/0/functionResponse/id", "a string", &no_name),
            ("/contents/2/parts/0/functionResponse/name", "a string", &no_name),
            ("/tools/0/functionDeclarations/0/parameters", "an object", &no_schema),
            ("/tools/0/functionDeclarations/1/parametersJsonSchema", "an object", &no_schema),
            ("/toolConfig/functionCallingConfig/mode", "a string", &no_string),
            ("/generationConfig/responseMimeType", "a string", &no_string),
            ("/generationConfig/responseJsonSchema", "an object", &no_schema),
            ("/generationConfig/responseSchema", "an object", &no_schema),
            ("/generationConfig/responseLogprobs", "a boolean", &no_flag),
            (&thinking("thinkingBudget"), "a whole number", &no_count),
            (&thinking("thinkingLevel"), "a string", &no_string),
            (&thinking("includeThoughts"), "a boolean", &no_flag),
        ],
    );
    for name in no_name {
        let body = with(&good, "/tools/0/functionDeclarations/0/name", &name);
        let error = sent(GE, CL, &body).unwrap_err();
        assert_eq!(error.param(), Some("tools[0].functionDeclarations[0].name"), "{error}");
    }
    // B39: a budget is a number of tokens, or one of the two words for it.
    for (budget, found) in [(json!(-5), "number of tokens"), (json!(1.5), "whole number")] {
        let body = with(&good, &thinking("thinkingBudget"), &budget);
        let message = format!("expected a {found}, found {budget}");
        malformed(GE, &body, "generationConfig.thinkingConfig.thinkingBudget", &message);
    }
    // In an envelope the place is the whole path.
    let body = json!({"model":"m","request":with(&good, "/contents/0/role", &json!(7))});
    let message = "expected a string, found a number";
    malformed("gemini-cli", &body, "request.contents[0].role", message);
}

#[test]
fn b26_a_conversation_without_a_word_is_refused_by_the_name_of_its_member() {
    let message = "nothing is said, and so nothing can be answered";
    let input = json!({"type":"function","name":"f"});
    for (client, body, param) in [
        (CC, json!({"model":"m","messages":[]}), "messages"),
        (CL, json!({"model":"m","max_tokens":9,"messages":[]}), "messages"),
        (RS, json!({"model":"m","input":[]}), "input"),
        (RS, json!({"model":"m"}), "input"),
        (RS, json!({"model":"m","input":null,"tools":[input]}), "input"),
        (GE, json!({"contents":[]}), "contents"),
        ("gemini-cli", json!({"model":"m","request":{"contents":[]}}), "request.contents"),
    ] {
        malformed(client, &body, param, message);
    }
    // Instructions alone are what the user says.
    for (client, body) in [
        (CC, json!({"model":"m","messages":[{"role":"system","content":"needle"}]})),
        (CL, json!({"model":"m","max_tokens":9,"system":"needle","messages":[]})),
        (RS, json!({"model":"m","instructions":"needle"})),
        (GE, json!({"systemInstruction":{"parts":[{"text":"needle"}]},"contents":[]})),
    ] {
        for provider in translated_to(client) {
            let out = sent(client, provider, &body).unwrap_or_else(|error| panic!("{client}: {error}"));
            assert!(String::from_utf8_lossy(&out).contains("needle"), "{client} to {provider}");
        }
    }
}

#[test]
fn what_only_its_own_service_keeps_is_refused_for_any_other() {
    let item = json!({"type":"item_reference","id":"msg_1"});
    for (more, param, message) in [
        (
            json!({"previous_response_id":"resp_1"}),
            "previous_response_id",
            "the provider of this model keeps no responses: send the whole conversation as input",
        ),
        (
            json!({"conversation":"conv_1"}),
            "conversation",
            "the provider of this model keeps no conversations: send the whole conversation as input",
        ),
        (
            json!({"conversation":{"id":"conv_1"},"input":null}),
            "conversation",
            "the provider of this model keeps no conversations: send the whole conversation as input",
        ),
        (
            json!({"prompt":{"id":"pmpt_1"}}),
            "prompt",
            "the provider of this model keeps no prompts: send instructions and input",
        ),
        (
            json!({"input":[item, {"role":"user","content":"and then?"}]}),
            "input",
            "item_reference: the provider of this model keeps no items: send the item itself, as clients do with `store: false`",
        ),
    ] {
        let mut body = json!({"model":"m","input":"and then?"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(RS, CodecErrorKind::Inexpressible, &body, param, message);
        // A client of Chat Completions may send such a body, too: a service that keeps things gets it.
        let error = sent(CC, CL, &body).unwrap_err();
        assert_eq!((error.kind(), error.param()), (CodecErrorKind::Inexpressible, Some(param)), "{error}");
        let error = sent(CC, "codex", &body).unwrap_err();
        assert_eq!(error.param(), Some(param), "{error}");
        for client in [RS, CC] {
            let out: Value = serde_json::from_slice(&sent(client, RS, &body).unwrap()).unwrap();
            if param == "input" {
                assert!(out["input"].to_string().contains("msg_1"), "{client}: {out}");
            } else {
                assert_eq!(out[param], body[param], "{client}");
            }
        }
    }
    // Codex is a service of the same format that keeps nothing.
    for member in ["previous_response_id", "conversation"] {
        let error = sent(RS, "codex", &json!({"model":"m","input":"q", member: "x"})).unwrap_err();
        assert_eq!((error.kind(), error.param()), (CodecErrorKind::Inexpressible, Some(member)));
    }
    // What says nothing refers to nothing; names of sessions are no conversations that a service keeps.
    for more in [
        json!({"previous_response_id":null,"conversation":null,"prompt":null}),
        json!({"session_id":"s","conversation_id":"c"}),
    ] {
        let mut body = json!({"model":"m","input":"q"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        for provider in PROVIDERS {
            sent(RS, provider, &body).unwrap_or_else(|error| panic!("{provider}: {error}"));
        }
    }
    sent(CC, CL, &json!({"model":"m","messages":[{"role":"user","content":"q"}],"conversation":"c"}))
        .unwrap();
}

#[test]
fn cached_contents_are_refused_where_nobody_has_them() {
    let message = "the provider of this model keeps no cached contents: send them as contents";
    for member in ["cachedContent", "cached_content"] {
        let inner = json!({"contents":[{"parts":[{"text":"q"}]}], member: "cachedContents/1"});
        for provider in PROVIDERS {
            let (plain, wrapped) = (sent(GE, provider, &inner), json!({"model":"m","request":inner}));
            let cli = sent("gemini-cli", provider, &wrapped);
            if codec(provider).name() == GE || matches!(provider, "gemini-cli" | "antigravity") {
                for out in [plain.unwrap(), cli.unwrap()] {
                    assert!(String::from_utf8_lossy(&out).contains("cachedContents/1"), "{provider}");
                }
                continue;
            }
            for (error, within) in [(plain.unwrap_err(), ""), (cli.unwrap_err(), "request.")] {
                let told = (error.kind(), error.param().map(str::to_owned), error.to_string());
                let (member, words) = (format!("{within}{member}"), format!("{within}{member}: {message}"));
                assert_eq!(told, (CodecErrorKind::Inexpressible, Some(member), words), "{provider}");
            }
        }
    }
    sent(GE, CL, &json!({"contents":[{"parts":[{"text":"q"}]}],"cachedContent":""})).unwrap();
}

#[test]
fn a_word_that_only_a_newer_format_has_is_refused_where_leaving_it_out_would_answer_another_question() {
    let tools = json!([{"type":"function","function":{"name":"f"}}]);
    let named = "\"foo\" means nothing to the provider of this model";
    let chat = |more: Value| {
        let mut body = json!({"model":"m","messages":[{"role":"user","content":"q"}],"tools":tools});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let unnamed = |param: &str| (param.to_owned(), "it means nothing to the provider of this model");
    for (client, body, (param, message)) in [
        (CC, chat(json!({"response_format":{"type":"foo"}})), ("response_format.type".to_owned(), named)),
        (CC, chat(json!({"response_format":{"schema":{}}})), unnamed("response_format.type")),
        (CC, chat(json!({"tool_choice":{"type":"foo"}})), ("tool_choice.type".to_owned(), named)),
        (
            RS,
            json!({"model":"m","input":"q","text":{"format":{"type":"foo"}}}),
            ("text.format.type".to_owned(), named),
        ),
        (
            RS,
            json!({"model":"m","input":"q","tool_choice":{"type":"foo"}}),
            ("tool_choice.type".to_owned(), named),
        ),
        (
            CL,
            json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"tool_choice":{"type":"foo"}}),
            ("tool_choice.type".to_owned(), named),
        ),
        (
            CL,
            json!({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"output_config":{"format":{"type":"foo"}}}),
            ("output_config.format.type".to_owned(), named),
        ),
        (
            GE,
            json!({"contents":[{"parts":[{"text":"q"}]}],"toolConfig":{"functionCallingConfig":{"mode":"FOO"}}}),
            unnamed("toolConfig.functionCallingConfig.mode"),
        ),
    ] {
        for provider in translated_to(client).filter(|provider| codec(provider).family() != "gemini-cli") {
            if client == GE && provider == "antigravity" {
                continue;
            }
            let error = match sent(client, provider, &body) {
                Ok(out) => panic!("{client} to {provider}: {out:?}"),
                Err(error) => error,
            };
            let told = (error.kind(), error.param(), error.to_string());
            let words = format!("{param}: {message}");
            assert_eq!(told, (CodecErrorKind::Inexpressible, Some(&*param), words), "{client} to {provider}");
        }
        // Its own format may know it.
        sent(client, client, &body).unwrap();
    }
    // A choice of a hosted tool goes the way of the tool.
    let hosted =
        json!({"model":"m","input":"q","tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}});
    for provider in PROVIDERS {
        sent(RS, provider, &hosted).unwrap_or_else(|error| panic!("{provider}: {error}"));
    }
}

/// How much to think is no other question: a newer word for it goes where it may be known, and is told elsewhere.
#[test]
fn a_newer_word_for_an_amount_of_thought_goes_on_or_is_told() {
    let config = json!({"thinkingConfig":{"thinkingLevel":"GALACTIC"}});
    for (client, more) in [
        (CC, json!({"reasoning_effort":"galactic","messages":[{"role":"user","content":"q"}]})),
        (RS, json!({"reasoning":{"effort":"galactic"},"input":"q"})),
        (
            CL,
            json!({"output_config":{"effort":"galactic"},"max_tokens":9,"messages":[{"role":"user","content":"q"}]}),
        ),
        (GE, json!({"generationConfig":config,"contents":[{"parts":[{"text":"q"}]}]})),
    ] {
        let mut body = json!({"model":"m"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        for provider in PROVIDERS {
            let (sent, losses) = crate::grid::translate(client, provider, &body).unwrap();
            let sent = sent.to_string().to_ascii_lowercase();
            let told = losses
                .iter()
                .any(|loss| ["effort", "thinkingLevel"].iter().any(|word| loss.what.ends_with(word)));
            assert!(sent.contains("galactic") != told, "{client} to {provider}: {losses:?} {sent}");
        }
    }
}

#[test]
fn chat_clients_are_told_of_thoughts_and_images_of_a_wrong_type() {
    let image = json!({"type":"image_url","image_url":{"url":"https://h.example/a.png"}});
    let good = json!({"model":"m","messages":[{"role":"user","content":"q"},
        {"role":"assistant","content":"a","reasoning_content":"t","reasoning":"t","reasoning_text":"t",
            "reasoning_details":[{"type":"reasoning.text","text":"t"}],"images":[image]},
        {"role":"user","content":"go on"}]});
    let no_string = [json!(7), json!([7]), json!(true), json!({})];
    let no_list = [json!(7), json!("str"), json!({})];
    check(
        CC,
        &good,
        &[
            ("/messages/1/reasoning_content", "a string", &no_string),
            ("/messages/1/reasoning", "a string", &no_string),
            ("/messages/1/reasoning_text", "a string", &no_string),
            ("/messages/1/reasoning_details", "an array", &no_list),
            ("/messages/1/reasoning_details/0/text", "a string", &no_string),
            ("/messages/1/images", "an array", &no_list),
        ],
    );
    let place = "/messages/1/images/0/image_url/url";
    malformed(CC, &with(&good, place, &json!(7)), &shown(place), "expected a string, found a number");
    for (member, budget) in [("thinking", "budget_tokens"), ("reasoning", "max_tokens")] {
        let body = json!({"model":"m","messages":[{"role":"user","content":"q"}],
            member:{"type":"enabled",budget:5_000_000_000_u64}});
        let param = format!("{member}.{budget}");
        malformed(CC, &body, &param, "expected a number of tokens, found 5000000000");
    }
}

#[test]
fn a_part_of_gemini_that_says_two_things_is_refused_and_of_a_reply_the_second_is_told() {
    let image = json!({"mimeType":"image/png","data":"AAAA"});
    for (part, found) in [
        (json!({"text":"what is this?","inlineData":image}), "inlineData and text"),
        (json!({"text":"a","functionCall":{"name":"f","args":{}}}), "functionCall and text"),
        (json!({"executable_code":{"code":"1"},"text":"a"}), "text and executableCode"),
    ] {
        let body = json!({"contents":[{"role":"user","parts":[{"text":"q"},part]}]});
        malformed(GE, &body, "contents[0].parts[1]", &format!("a part says one thing, found {found}"));
    }
    let fine = json!({"contents":[{"role":"user","parts":[{"text":"","inlineData":image}]}]});
    sent(GE, "claude", &fine).unwrap();
    let reply = json!({"candidates":[{"finishReason":"STOP","content":{"parts":[{"text":"a","inline_data":image}]}}]});
    let text = reply.to_string();
    let read = codec(GE).decode_reply(text.as_bytes(), &context()).unwrap();
    assert_eq!(read.candidates[0].parts[0].extras[0].0, "text");
}

/// A provider's mistakes are not its client's to mend: the rest of the reply is read.
#[test]
fn replies_are_taken_as_far_as_they_can_be() {
    let call = json!({"id":{},"type":"function","function":{"name":7,"arguments":[7]}});
    let chat = json!({"id":"r","model":"m","choices":[{"index":0,"finish_reason":"tool_calls",
        "message":{"role":"assistant","content":"said","tool_calls":[call]}}]});
    let responses = json!({"id":"r","status":"completed","output":[
        {"type":"reasoning","id":7,"summary":7,"encrypted_content":7},
        {"type":"function_call","id":[],"call_id":{},"name":7,"arguments":7},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"said"}]}]});
    let gemini = json!({"candidates":[{"finishReason":"STOP","content":{"role":7,"parts":[
        {"text":"said"},{"functionCall":{"id":{},"name":[7],"args":7}}]}}]});
    for (format, reply) in [(CC, chat), (RS, responses), (GE, gemini)] {
        let text = reply.to_string();
        let read = codec(format).decode_reply(text.as_bytes(), &context());
        let read = read.unwrap_or_else(|error| panic!("{format}: {error}"));
        let parts = &read.candidates[0].parts;
        assert!(parts.iter().any(|part| part.as_text().is_some_and(|text| *text == "said")), "{format}");
        let called = |kind: &PartKind<'_>| matches!(kind, PartKind::ToolCall(_));
        assert!(parts.iter().any(|part| called(&part.kind)), "{format}");
    }
}
