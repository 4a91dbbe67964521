//! Errors, both ways. Source: http-api.md A.8, translation.md B76 to B78.

use cliproxy_core::{ClientError, ClientErrorKind};

use crate::codec::ErrorText;
use crate::json::Writer;
use crate::pass::errors::{chat_code, chat_type, probe_error};
use crate::splice::TopLevel;

pub(super) fn decode(body: &[u8]) -> ErrorText {
    probe_error(body)
}

/// `{"error":{…}}`, as OpenAI writes it.
pub(super) fn is_own(body: &[u8]) -> bool {
    let Ok(top) = TopLevel::scan(body) else { return false };
    top.value("type").is_none() && top.object("error").is_some_and(|error| error.has("message"))
}

pub(super) fn encode(error: &ClientError) -> Vec<u8> {
    let mut w = Writer::new(Vec::with_capacity(256));
    w.begin_object();
    w.key("error");
    object(&mut w, error);
    w.end_object();
    w.into_bytes()
}

fn object(w: &mut Writer, error: &ClientError) {
    let status = error.status.as_u16();
    let own_code = match error.kind {
        // Source: http-api.md A.8 "Cool-down body".
        ClientErrorKind::ModelCooldown => Some("model_cooldown"),
        ClientErrorKind::ModelNotFound => Some("model_not_found"),
        ClientErrorKind::NotFound | ClientErrorKind::Permission => Some("none"),
        _ => None,
    };
    let code =
        error.code.as_deref().or(own_code).or_else(|| chat_code(status)).filter(|code| *code != "none");
    w.begin_object();
    w.field_string("message", &error.message);
    w.field_string("type", chat_type(status));
    w.key("param");
    match &error.param {
        Some(param) => w.string(param),
        None => w.null(),
    }
    w.key("code");
    match code {
        Some(code) => w.string(code),
        None => w.null(),
    }
    if error.kind == ClientErrorKind::ModelCooldown {
        if let Some(model) = &error.model {
            w.field_string("model", model);
        }
        if let Some(wait) = error.retry_after {
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            w.field_string("reset_time", &format!("{secs}s"));
            w.field_unsigned("reset_seconds", secs);
        }
    }
    w.end_object();
}
