//! Imagen behind Gemini's form: a prompt goes in, images come out. Source: providers-a.md 6.4 "Imagen", 6.7.

use bytes::Bytes;
use cliproxy_core::{Attempt, ErrorKind, ExecutorError, ModelInfo, WireReply};
use serde_json::{Map, Value, json};

use crate::google::models::described;

const MODELS: [&str; 5] = [
    "imagen-4.0-generate-001",
    "imagen-4.0-ultra-generate-001",
    "imagen-4.0-fast-generate-001",
    "imagen-3.0-generate-002",
    "imagen-3.0-fast-generate-001",
];

pub(super) fn is_one(model: &str) -> bool {
    model.contains("imagen")
}

pub(super) fn models() -> impl Iterator<Item = ModelInfo> {
    MODELS.iter().map(|id| {
        let mut info = described(ModelInfo::new(*id));
        info.input.truncate(1);
        info.output = vec![cliproxy_core::Modality::Image];
        info
    })
}

/// Gemini's request as a prediction.
pub(super) fn request(body: &Bytes) -> Result<Bytes, ExecutorError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        ExecutorError::new(ErrorKind::InvalidRequest, "the request body is not JSON").with_source(error)
    })?;
    let Some(prompt) = prompt(&body) else {
        return Err(ExecutorError::new(ErrorKind::InvalidRequest, "an image model needs a prompt of text"));
    };
    let config =
        ["generationConfig", "generation_config", "parameters"].iter().find_map(|key| body.get(*key));
    let given = |names: &[&str]| {
        let places = [Some(&body), config, config.and_then(|config| config.get("imageConfig"))];
        places.into_iter().flatten().find_map(|place| names.iter().find_map(|name| place.get(*name))).cloned()
    };
    let mut instance = Map::new();
    instance.insert("prompt".to_owned(), Value::from(prompt));
    if let Some(negative) = given(&["negativePrompt"]) {
        instance.insert("negativePrompt".to_owned(), negative);
    }
    let mut parameters = Map::new();
    let count = given(&["sampleCount", "candidateCount"]).unwrap_or_else(|| json!(1));
    parameters.insert("sampleCount".to_owned(), count);
    if let Some(ratio) = given(&["aspectRatio"]) {
        parameters.insert("aspectRatio".to_owned(), ratio);
    }
    Ok(Bytes::from(json!({"instances": [instance], "parameters": parameters}).to_string()))
}

/// All text of the last turn of the user.
fn prompt(body: &Value) -> Option<String> {
    let turns = body.get("contents").and_then(Value::as_array).into_iter().flatten().rev();
    let mut prompts =
        turns.filter(|turn| turn.get("role").and_then(Value::as_str) != Some("model")).filter_map(|turn| {
            let parts = turn.get("parts")?.as_array()?;
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            Some(texts.join("\n")).filter(|text| !text.trim().is_empty())
        });
    prompts.next().or_else(|| body.get("prompt")?.as_str().map(str::to_owned))
}

/// The prediction as Gemini's reply. Without any image the filters took them all.
pub(super) fn reply(mut reply: WireReply, attempt: &Attempt) -> Result<WireReply, ExecutorError> {
    let body: Value = serde_json::from_slice(&reply.body).map_err(|error| {
        ExecutorError::new(ErrorKind::BadReply, "the prediction is not JSON").with_source(error)
    })?;
    let predictions = body.get("predictions").and_then(Value::as_array).into_iter().flatten();
    let images: Vec<Value> = predictions
        .filter_map(|prediction| {
            let data = prediction.get("bytesBase64Encoded")?.as_str()?;
            let kind = prediction.get("mimeType").and_then(Value::as_str).unwrap_or("image/png");
            Some(json!({"inlineData": {"mimeType": kind, "data": data}}))
        })
        .collect();
    let finish = if images.is_empty() { "IMAGE_SAFETY" } else { "STOP" };
    let whole = json!({
        "candidates": [{"index": 0, "content": {"role": "model", "parts": images}, "finishReason": finish}],
        "responseId": format!("imagen-{}", attempt.request_id),
        "modelVersion": attempt.model.as_str(),
        "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
    });
    reply.body = Bytes::from(whole.to_string());
    reply.headers.remove(http::header::CONTENT_LENGTH);
    Ok(reply)
}
