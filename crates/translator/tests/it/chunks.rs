//! What holds of every stream of Chat Completions, whatever it says.

use serde_json::Value;

/// Checks the frames of a stream without regard to the schema, and returns their data.
#[track_caller]
pub fn check_frames(text: &str) -> Vec<Value> {
    let frames = text.split_terminator("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
    let values =
        frames.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect();
    check_chunks(text, values)
}

/// Checks how chunks follow one another. Source: translation.md B53, B64, B77.
#[track_caller]
pub fn check_chunks(text: &str, values: Vec<Value>) -> Vec<Value> {
    let failed = values.last().is_some_and(|last| last.get("error").is_some());
    assert_eq!(text.ends_with("data: [DONE]\n\n"), !failed, "one end: {text}");
    assert_eq!(text.matches("data: [DONE]\n\n").count(), usize::from(!failed));
    let (mut begun, mut finished) = (Vec::new(), Vec::new());
    for (at, value) in values.iter().enumerate() {
        if value.get("error").is_some() {
            assert_eq!(at + 1, values.len(), "nothing follows an error: {text}");
            continue;
        }
        for key in ["id", "created", "model", "object"] {
            assert_eq!(value[key], values[0][key], "{key} stays: {text}");
        }
        for choice in value["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap();
            let first = !begun.contains(&index);
            assert_eq!(choice["delta"]["role"] == "assistant", first, "the role comes first, once: {text}");
            begun.push(index);
            assert!(!finished.contains(&index), "nothing follows a finish: {text}");
            if choice["finish_reason"].is_string() {
                finished.push(index);
            }
        }
    }
    assert!(failed || begun.iter().all(|index| finished.contains(index)), "each choice finishes: {text}");
    values
}
