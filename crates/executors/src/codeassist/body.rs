//! Envelopes of requests. Source: providers-a.md 5.4, 7.4.

use bytes::Bytes;
use cliproxy_core::{Attempt, ErrorKind, ExecutorError};
use cliproxy_translator::json::Writer;
use cliproxy_translator::splice::{Edits, TopLevel};
use cliproxy_transport::oauth::random_uuid;

use crate::google::body::malformed;

/// What a count does not need, or is refused for.
const NEEDLESS: [&str; 9] = [
    "generationConfig",
    "generation_config",
    "safetySettings",
    "safety_settings",
    "toolConfig",
    "tool_config",
    "session_id",
    "sessionId",
    "labels",
];

/// The request within an envelope.
fn inner<'a>(top: &TopLevel<'a>) -> Result<&'a str, ExecutorError> {
    top.raw("request")
        .map_err(malformed)?
        .filter(|json| json.starts_with('{'))
        .ok_or_else(|| ExecutorError::new(ErrorKind::InvalidRequest, "the request body has no `request`"))
}

/// The body for Code Assist as Gemini CLI speaks to it: the project is the credential's, whatever the client wrote.
pub(crate) fn cli(attempt: &Attempt, project: &str) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(&attempt.body).map_err(malformed)?;
    inner(&top)?;
    let edits = Edits::new().set_string("model", attempt.model.as_str()).set_string("project", project);
    Ok(edits.apply_scanned(&attempt.body, &top))
}

/// The same as Antigravity speaks to it: requests have an id, and all but searches a session.
pub(crate) fn antigravity(attempt: &Attempt, project: &str) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(&attempt.body).map_err(malformed)?;
    let request = inner(&top)?;
    let mut edits = Edits::new().set_string("model", attempt.model.as_str()).set_string("project", project);
    let kind = top.string("requestType").ok().flatten().unwrap_or_default();
    for (key, value) in [("userAgent", "antigravity"), ("requestType", "agent")] {
        if !top.has(key) {
            edits = edits.set_string(key, value);
        }
    }
    if kind == "web_search" {
        return Ok(edits.remove("requestId").apply_scanned(&attempt.body, &top));
    }
    let id = match &*kind {
        "image_gen" => format!("image_gen/{}/{}/12", attempt.now.as_millis(), random_uuid()?),
        _ => format!("agent-{}", random_uuid()?),
    };
    edits = edits.set_string("requestId", &id);
    if !TopLevel::scan(request.as_bytes()).map_err(malformed)?.has("sessionId") {
        // Nothing in it names the conversation. Source: providers-a.md 7.4 "no such text ⇒ random".
        let session = u64::from_str_radix(id.rsplit('-').next().unwrap_or_default(), 16).unwrap_or_default();
        let with_session = Edits::new().set_string("sessionId", &format!("-{session}"));
        let request = with_session.apply_str(request).map_err(malformed)?.into_owned();
        edits = edits.set("request", request);
    }
    Ok(edits.apply_scanned(&attempt.body, &top))
}

/// What is counted: the request alone, without project and model.
pub(crate) fn count(body: &Bytes) -> Result<Bytes, ExecutorError> {
    let top = TopLevel::scan(body).map_err(malformed)?;
    let edits = NEEDLESS.into_iter().fold(Edits::new().remove("model"), Edits::remove);
    let request = edits.apply_str(inner(&top)?).map_err(malformed)?;
    let mut w = Writer::new(Vec::with_capacity(request.len() + 16));
    w.begin_object();
    w.field_raw("request", &request);
    w.end_object();
    Ok(Bytes::from(w.into_bytes()))
}
