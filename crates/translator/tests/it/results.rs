//! What tools return: images beside what they say, media that a provider takes nowhere, JSON that is no text.
//! Source: translation.md B20 to B22, B80, B82.

use bytes::Bytes;
use cliproxy_core::{ClientFormat, Modality, ModelInfo, ProviderFormat};
use cliproxy_translator::registry::RequestCall;
use cliproxy_translator::{CodecError, Profile};
use serde_json::{Value, json};

use crate::grid::{PROVIDERS, REGISTRY, check_request, context, model};

const PNG: &str = "iVBORw0KGgoAAAANSUhE";

fn sent(
    client: &str,
    provider: &str,
    body: &Value,
    change: impl Fn(&mut Profile),
) -> Result<(Value, Vec<String>), CodecError> {
    let bytes = Bytes::from(body.to_string());
    let mut profile = Profile::new(model(provider), false);
    change(&mut profile);
    let (client, wire) = (ClientFormat::from(client.to_owned()), ProviderFormat::from(provider.to_owned()));
    let call = RequestCall::new(&client, &wire, &bytes, &profile);
    let done = REGISTRY.translate_request(&call, context())?;
    let value = serde_json::from_slice(&done.body).unwrap();
    // Only OpenAI itself is held to its schema.
    if provider != "openai" || profile.strict {
        check_request(provider, &value);
    }
    Ok((value, done.losses.into_iter().map(|loss| loss.what.into_owned()).collect()))
}

/// A Gemini client's tool says this and shows these.
fn gemini(response: &Value, parts: &Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c", "name": "get_image", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "get_image", "response": response, "parts": parts}}]}]})
}

/// A Claude client's tool says so.
fn claude(content: &Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": content}]}]})
}

#[test]
fn b21_an_image_beside_json_arrives_with_it_everywhere() {
    let image = json!([{"inlineData": {"mimeType": "image/png", "data": PNG}}]);
    for response in [
        json!({"image_ref": {"$ref": "a.jpg"}, "needle": 1.5}),
        json!({"output": [{"needle": "a.jpg"}]}),
        json!({"output": "needle"}),
        json!({"error": {"code": "needle"}}),
    ] {
        let failed = response.get("error").is_some();
        for client in ["gemini", "gemini-cli"] {
            let body = gemini(&response, &image);
            let body = if client == "gemini" { body } else { json!({"model": "m", "request": body}) };
            for provider in PROVIDERS {
                for strict in [false, true] {
                    let change = |profile: &mut Profile| profile.strict = strict;
                    let (sent, losses) = sent(client, provider, &body, change).unwrap();
                    let text = sent.to_string();
                    assert!(
                        text.contains("needle") && text.contains(PNG),
                        "{client} to {provider}: {sent:#}"
                    );
                    assert!(!losses.iter().any(|loss| loss == "message.media"), "{provider}: {losses:?}");
                    let told = match provider {
                        "claude" => text.contains("\"is_error\":true"),
                        "kiro" => text.contains("\"status\":\"error\""),
                        "openai" | "openai-response" | "codex" => text.contains("Error:"),
                        _ => text.contains("\"error\":"),
                    };
                    assert_eq!(told, failed, "B22 {client} to {provider}: {sent:#}");
                }
            }
        }
    }
}

#[test]
fn json_and_an_image_are_a_text_and_an_image() {
    let body = gemini(&json!({"n": 1.50}), &json!([{"inlineData": {"mimeType": "image/png", "data": PNG}}]));
    let (got, _) = sent("gemini", "claude", &body, |_| {}).unwrap();
    assert_eq!(
        got["messages"][2]["content"][0]["content"],
        json!([{"type": "text", "text": "{\"n\":1.5}"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}])
    );
    let (got, _) = sent("gemini", "codex", &body, |_| {}).unwrap();
    assert_eq!(
        got["input"][2]["output"],
        json!([{"type": "input_text", "text": "{\"n\":1.5}"},
            {"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{PNG}")}])
    );
}

#[test]
fn b80_what_a_result_cannot_hold_is_named_in_words_and_told() {
    let image = |source: Value| json!({"type": "image", "source": source});
    let document = |source: Value| json!({"type": "document", "source": source});
    let stored = || json!({"type": "file", "file_id": "file_needle"});
    let linked = |name: &str| json!({"type": "url", "url": format!("https://h.example/{name}")});
    let nothing = || json!({"type": "base64", "media_type": "image/png", "data": ""});
    // Whether it is told, at Chat (strict or not), Responses and Gemini.
    let table = [
        ("a stored image", image(stored()), [true, true, true, true]),
        ("a stored document", document(stored()), [true, true, true, true]),
        ("a linked image", image(linked("a.png")), [false, false, false, true]),
        ("a linked document", document(linked("a.pdf")), [true, false, false, true]),
        ("an image without data", image(nothing()), [false, false, false, true]),
        (
            "a document",
            document(json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"})),
            [false; 4],
        ),
    ];
    for (name, part, told) in table {
        let body = claude(&json!([{"type": "text", "text": "see"}, part]));
        let strict: fn(&mut Profile) = |profile| profile.strict = true;
        let lenient: fn(&mut Profile) = |_| {};
        for ((provider, change), told) in
            [("openai", strict), ("openai", lenient), ("codex", lenient), ("gemini", lenient)]
                .into_iter()
                .zip(told)
        {
            let (sent, losses) = sent("claude", provider, &body, change).unwrap();
            assert_eq!(
                losses.contains(&"message.media".to_owned()),
                told,
                "{name} to {provider}: {losses:?} {sent:#}"
            );
            assert!(!sent.to_string().contains("file_needle"), "{name} to {provider}: {sent:#}");
        }
    }
}

#[test]
fn a_model_that_sees_nothing_is_told_of_images_of_tools_and_so_is_the_client() {
    let body = claude(
        &json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]),
    );
    let blind = |profile: &mut Profile| {
        let mut info = ModelInfo::new("m");
        info.input = vec![Modality::Text];
        profile.info = Some(std::sync::Arc::new(info));
    };
    let (got, losses) = sent("claude", "openai", &body, blind).unwrap();
    assert_eq!(got["messages"][2]["content"], "[an image that this model cannot see]");
    assert_eq!(losses, ["message.media"]);
}

#[test]
fn an_image_of_a_data_url_is_an_image_in_a_result_too() {
    let body = json!({"model": "m", "input": [{"role": "user", "content": "q"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [
            {"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}]}]});
    let (got, losses) = sent("openai-response", "gemini", &body, |_| {}).unwrap();
    let image = &got["contents"][2]["parts"][0]["functionResponse"]["parts"][0]["inlineData"];
    assert_eq!(*image, json!({"mimeType": "image/png", "data": PNG}), "{got:#}");
    assert_eq!(losses, [""; 0]);
}

#[test]
fn files_of_google_s_stores_stay_in_results_among_its_own_formats() {
    let file = json!([{"fileData": {"mimeType": "image/png", "fileUri": "gs://b/needle.png"}}]);
    let (got, losses) =
        sent("gemini", "antigravity", &gemini(&json!({"output": "see"}), &file), |_| {}).unwrap();
    let result = &got["request"]["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(result["parts"], file, "{got:#}");
    assert!(!losses.iter().any(|loss| loss == "message.media"), "{losses:?}");
}
