//! Clients of Gemini's own format. Source: translation.md D.26.

use cliproxy_translator::model::{MediaSource, PartKind};
use serde_json::{Value, json};

use super::{
    CLAUDE, CLAUDE_SIGNED, CLAUDE_TWICE, GEMINI, SENTINEL, SIGNED, context, last, signed, text, thought, to,
    wrapped,
};
use crate::gemini::declared_names;

fn call(name: &str) -> Value {
    json!({"functionCall":{"id":name,"name":name,"args":{}}})
}

/// The model's parts, in the middle of a conversation.
fn parts(parts: Value, model: &str) -> Value {
    let answers: Vec<_> = parts
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|part| part["functionCall"]["id"].as_str())
        .map(|id| json!({"functionResponse":{"id":id,"name":id,"response":{"output":"ok"}}}))
        .chain([json!({"text":"r"})])
        .collect();
    let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":parts},{"role":"user","parts":answers}]});
    let contents = to("gemini", &body, model)["contents"].clone();
    if contents[1]["role"] == "model" { contents[1]["parts"].clone() } else { json!([]) }
}

#[test]
fn e498_to_e505_signatures_stand_where_the_models_maker_wants_them() {
    let odd = "client-signature";
    for (case, model, given, expected) in [
        ("E498", GEMINI, json!([signed(call("f"), odd)]), json!([signed(call("f"), SENTINEL)])),
        ("E499", GEMINI, json!([signed(text("a"), odd)]), json!([text("a")])),
        ("E500", GEMINI, json!([thought("hm"), text("a")]), json!([thought("hm"), text("a")])),
        ("a valid one stays", GEMINI, json!([signed(text("a"), SIGNED)]), json!([signed(text("a"), SIGNED)])),
        (
            "E501",
            CLAUDE,
            json!([signed(thought("hm"), CLAUDE_SIGNED), text("a")]),
            json!([signed(thought("hm"), CLAUDE_TWICE), text("a")]),
        ),
        ("E502", CLAUDE, json!([signed(thought(""), CLAUDE_SIGNED), text("a")]), json!([text("a")])),
        ("E502", CLAUDE, json!([thought("hm"), text("a")]), json!([text("a")])),
        ("E503", CLAUDE, json!([signed(call("f"), CLAUDE_SIGNED)]), json!([call("f")])),
        ("E503", CLAUDE, json!([signed(call("f"), SENTINEL)]), json!([call("f")])),
        ("E504", "CLAUDE-Opus-4-6", json!([call("f")]), json!([call("f")])),
        ("E505", GEMINI, json!([call("f"), call("g")]), json!([signed(call("f"), SENTINEL), call("g")])),
    ] {
        assert_eq!(parts(given, model), expected, "{case}");
    }
}

#[test]
fn states_of_claudes_models_come_back_through_gemini_clients() {
    let told = vec![signed(thought("hm"), CLAUDE_TWICE), text("a")];
    let body = wrapped(&last("STOP", json!(told))).to_string();
    let provider = super::codec_of("antigravity");
    let response = provider.decode_reply(body.as_bytes(), &context()).unwrap();
    let client = super::codec_of("gemini");
    let reply: Value = serde_json::from_slice(&client.encode_reply(&response, &context())).unwrap();
    assert_eq!(parts(reply["candidates"][0]["content"]["parts"].clone(), CLAUDE), json!(told));
}

#[test]
fn e510_e511_e516_declarations_are_there_once_and_renamed_everywhere_in_every_spelling() {
    let camel = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},
            {"role":"model","parts":[{"functionCall":{"name":"a b","args":{}},"thoughtSignature":SIGNED}]},
            {"role":"user","parts":[{"functionResponse":{"name":"a b","response":{"output":"ok"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"a b"},{"name":"a@b"}]},{"functionDeclarations":[{"name":"a b"},{"name":7}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a b"]}}});
    let snake = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},
            {"role":"model","parts":[{"function_call":{"name":"a b","args":{}},"thought_signature":SIGNED}]},
            {"role":"user","parts":[{"function_response":{"name":"a b","response":{"output":"ok"}}}]}],
        "tools":[{"function_declarations":[{"name":"a b"},{"name":"a@b"}]},{"function_declarations":[{"name":"a b"},{"name":7}]}],
        "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["a b"]}}});
    let request = to("gemini", &camel, GEMINI);
    assert_eq!(request, to("gemini", &snake, GEMINI), "E511");
    let names = declared_names(&request);
    assert_eq!(names.len(), 3, "E510: {names:?}");
    assert!(names[0] != names[1] && names.iter().all(|name| name != "a b"), "E510: {names:?}");
    // E516: a name that is no string is its text; one cannot begin with a digit.
    assert_eq!(names[2], "_7", "E516");
    let wire = json!(names[0]);
    assert_eq!(request["contents"][1]["parts"][0]["functionCall"]["name"], wire, "E510");
    assert_eq!(request["contents"][2]["parts"][0]["functionResponse"]["name"], wire, "E510");
    assert_eq!(request["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"], json!([wire]), "E510");
}

#[test]
fn e512_e513_e514_values_are_copied_whatever_they_look_like() {
    let codec = super::codec_of("gemini");
    let body = format!(
        r#"{{"contents":[{{"role":"user","parts":[{{"text":"q"}}]}},{{"role":"model","parts":[
            {{"functionCall":{{"name":"f","args":{{"n":12345678901234567890123,"x":1.50,"thoughtSignature":"mine","title":"t"}}}},"thoughtSignature":"{SIGNED}","thoughtSignature":"odd"}},
            {{"text":"thoughtSignature"}}]}},{{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{{"n":9007199254740993}}}}}}]}}]}}"#
    );
    let request = codec.decode_request(body.as_bytes()).unwrap();
    let profile = cliproxy_translator::Profile::new(CLAUDE, false);
    let encoded = super::codec_of("antigravity").encode_request(&request, &profile).unwrap();
    let sent = String::from_utf8(encoded.body).unwrap();
    // E512, E514: arguments and texts are data.
    assert!(
        sent.contains(
            r#""args":{"n":12345678901234567890123,"x":1.50,"thoughtSignature":"mine","title":"t"}}"#
        ),
        "E512: {sent}"
    );
    assert!(sent.contains(r#"{"n":9007199254740993}"#), "E512: {sent}");
    assert!(sent.contains(r#"{"text":"thoughtSignature"}"#), "E514: {sent}");
    // E513: neither of a part's signatures is left.
    assert!(!sent.contains(SIGNED) && !sent.contains("odd"), "E513: {sent}");
}

#[test]
fn e515_empty_lists_of_tools_leave_nothing() {
    for tools in [
        json!([]),
        json!([{}]),
        json!([{"functionDeclarations":[]}]),
        json!([{"functionDeclarations":[]},{}]),
    ] {
        let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"tools":tools});
        assert!(to("gemini", &body, GEMINI).get("tools").is_none(), "E515 {tools}");
    }
}

#[test]
fn e517_large_payloads_are_not_copied_before_they_are_sent() {
    let data = "A".repeat(4 << 20);
    let body = format!(
        r#"{{"contents":[{{"role":"user","parts":[{{"inlineData":{{"mimeType":"image/png","data":"{data}"}}}}]}}]}}"#
    );
    let codec = super::codec_of("gemini");
    let request = codec.decode_request(body.as_bytes()).unwrap();
    let PartKind::Media(media) = &request.turns[0].parts[0].kind else { panic!("media") };
    let MediaSource::Base64 { data: found, .. } = &media.source else { panic!("inline") };
    let range = body.as_bytes().as_ptr_range();
    assert!(range.contains(&found.as_plain().unwrap().as_ptr()), "E517: it is borrowed from the body");
    let profile = cliproxy_translator::Profile::new(GEMINI, false);
    let encoded = super::codec_of("antigravity").encode_request(&request, &profile).unwrap();
    assert!(encoded.body.len() < body.len() + 1024, "E517: it is there once");
}

#[test]
fn what_only_the_format_can_say_goes_along() {
    // Source: translation.md A.16 "same family".
    let body = json!({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"video/mp4","data":"AA=="},"videoMetadata":{"fps":2}}]}],
        "tools":[{"googleSearch":{}},{"codeExecution":{}}],"labels":{"a":"b"},
        "generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}}},"responseModalities":["TEXT"]}});
    let request = to("gemini", &body, GEMINI);
    assert_eq!(request["contents"], body["contents"]);
    assert_eq!((&request["tools"], &request["labels"]), (&body["tools"], &body["labels"]));
    assert_eq!(
        request["generationConfig"],
        json!({"responseMimeType":"application/json","responseModalities":["TEXT"],
            "responseSchema":{"type":"object","properties":{"a":{"type":"string","nullable":true}}}})
    );
    // What Google's tools do they do for Google's models.
    assert!(to("gemini", &body, CLAUDE).get("tools").is_none());
}
