//! What AI Studio's own interface has no room for. Source: providers-a.md 8.3 "Body".

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::ExecutorError;
use cliproxy_translator::splice::{Edits, TopLevel};

use crate::google::body::{hygiene, malformed};

/// Members of the generation config that are left out, in both spellings. A schema asks for JSON, so without the type
/// that says so the older spelling of a schema is refused too; the reference leaves it in.
const REFUSED: [&str; 8] = [
    "maxOutputTokens",
    "max_output_tokens",
    "responseMimeType",
    "response_mime_type",
    "responseJsonSchema",
    "response_json_schema",
    "responseSchema",
    "response_schema",
];

pub(super) fn generate(body: &Bytes) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(body).map_err(malformed)?;
    let mut edits = hygiene();
    for key in ["generationConfig", "generation_config"] {
        let Some(config) = top.raw(key).map_err(malformed)?.filter(|config| config.starts_with('{')) else {
            continue;
        };
        let leaner = REFUSED.into_iter().fold(Edits::new(), Edits::remove);
        if let Cow::Owned(config) = leaner.apply_str(config).map_err(malformed)? {
            edits = edits.set(key, config);
        }
    }
    Ok(edits.apply_scanned(body, &top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_left_out_and_everything_else_stays_byte_for_byte() {
        for (body, sent) in [
            (
                r#"{"model":"m","contents":[ {"n":1e2} ],"session_id":"s","generationConfig":{ "temperature":0.50,"maxOutputTokens":9,"topK":1}}"#,
                r#"{"contents":[ {"n":1e2} ],"generationConfig":{ "temperature":0.50,"topK":1}}"#,
            ),
            (
                r#"{"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"a":[1]},"responseSchema":{},"thinkingConfig":{"thinkingBudget":1}}}"#,
                r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1}}}"#,
            ),
            (
                r#"{"generation_config":{"max_output_tokens":9,"response_mime_type":"x","response_json_schema":{},"response_schema":{}},"contents":[]}"#,
                r#"{"generation_config":{},"contents":[]}"#,
            ),
            (r#"{"contents":[],"generationConfig":null}"#, r#"{"contents":[],"generationConfig":null}"#),
            (r#"{"contents":[]}"#, r#"{"contents":[]}"#),
            // Elsewhere the words are somebody's own.
            (r#"{"contents":[{"maxOutputTokens":1}]}"#, r#"{"contents":[{"maxOutputTokens":1}]}"#),
        ] {
            assert_eq!(generate(&Bytes::from(body)).unwrap(), sent, "{body}");
        }
        for nonsense in ["", "[]", "{", r#"{"generationConfig":{"a""#] {
            generate(&Bytes::from(nonsense)).unwrap_err();
        }
    }
}
