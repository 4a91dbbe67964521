//! What token endpoints answer, made standard: see the table in [`read`].

use std::time::SystemTime;

use cliproxy_core::{Mask, Timestamp, retry_after};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::error::TokenError;

/// An answer as RFC 6749 §5 has it.
#[derive(Debug)]
pub(super) enum Answer {
    /// Tokens or a device code.
    Granted(Map<String, Value>),
    /// An error code, for the flow to read: `authorization_pending` is one too.
    Refused { code: String, description: String },
}

/// How far a description is shown: it may be a page.
const MAX_DESCRIPTION: usize = 300;

/// No code is longer.
const MAX_CODE: usize = 100;

/// What a request is for: the same words mean something else to each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    /// Tokens for a refresh token: what refuses it ends a login.
    Refresh,
    /// Whether the user has agreed meanwhile.
    Consent,
    /// Anything else: a code's tokens, a device code.
    #[default]
    Grant,
}

/// Codes that say that the endpoint, not the grant, is the trouble. However they are spelt: see [`squashed`].
// Source: RFC 6749 §4.1.2.1 for the first two; RFC 8628 §3.5; AWS's common errors; the vendors' error types.
const TRANSIENT: [&str; 25] = [
    "temporarilyunavailable",
    "servererror",
    "internalerror",
    "internalservererror",
    "internalserver",
    "internalfailure",
    "backenderror",
    "apierror",
    "overloaded",
    "overloadederror",
    "ratelimit",
    "ratelimited",
    "ratelimiterror",
    "ratelimitexceeded",
    "requestlimitexceeded",
    "limitexceeded",
    "resourceexhausted",
    "toomanyrequests",
    "throttled",
    "throttling",
    "throttledrequest",
    "serviceunavailable",
    "unavailable",
    "requesttimeout",
    "slowdown",
];

/// How a device code's poll is told to go on.
const GO_ON: [&str; 2] = ["authorization_pending", "slow_down"];

/// `Too_ManyRequests` as `toomanyrequests`.
fn squashed(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Reads an answer.
///
/// | answer | reading |
/// |---|---|
/// | 2xx, an object without an error | granted; members spelt in camelCase, numbers as texts or with fractions are put right |
/// | any status, `authorization_pending` or `slow_down`, asked whether the user has agreed | refused with that code: the flow goes on |
/// | 429, 5xx, or a code that names such a trouble, those two among them | unavailable |
/// | `success: false` with a number for a code, or none, asked to renew | unavailable: nothing says that it is final |
/// | 2xx or 4xx with an error code, wherever it stands | refused |
/// | 4xx that the provider is known to mean for good, with any object | refused |
/// | anything else | unreadable |
// Source: providers-a.md 1.4, 3.4; providers-b.md 2.1 (errors under 200), 3.1 (`slow_down` under 429), 4.1
// (`success: false`), 4.5 "Failures are not classified", 5.1 (pending under 200).
pub(super) fn read(
    asked: Asked,
    (status, headers, body): (StatusCode, &HeaderMap, &[u8]),
    final_statuses: &[u16],
    mask: &Mask,
) -> Result<Answer, TokenError> {
    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    };
    let said = object.as_ref().map(|object| Said::of(object, mask)).unwrap_or_default();
    let go_on = GO_ON.contains(&&*said.code);
    if go_on && asked == Asked::Consent {
        return Ok(said.refused());
    }
    let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    let open = said.vague && asked == Asked::Refresh;
    if busy || go_on || open || TRANSIENT.contains(&&*squashed(&said.code)) {
        return Err(TokenError::Unavailable {
            status: status.as_u16(),
            description: said.told(),
            retry_after: retry_after(headers, now()),
        });
    }
    let Some(mut object) = object else {
        return Err(unreadable(status, body));
    };
    if !said.code.is_empty() {
        return Ok(said.refused());
    }
    if status.is_success() {
        standardize(&mut object);
        return Ok(Answer::Granted(object));
    }
    if final_statuses.contains(&status.as_u16()) {
        return Ok(Answer::Refused { code: format!("status_{}", status.as_u16()), description: said.told() });
    }
    Err(TokenError::Unavailable {
        status: status.as_u16(),
        description: said.told(),
        retry_after: retry_after(headers, now()),
    })
}

pub(super) fn unreadable(status: StatusCode, body: &[u8]) -> TokenError {
    let start = body.trim_ascii_start();
    let what = match start.first() {
        None => "nothing at all",
        // Source: providers-b.md 3.1 "a WAF challenge page can be returned".
        Some(b'<') => "a web page, perhaps of a firewall or a captive portal",
        Some(_) => "no JSON object",
    };
    TokenError::Unreadable { status: status.as_u16(), what }
}

#[derive(Default)]
struct Said {
    code: String,
    description: String,
    /// It failed, and no word says why.
    vague: bool,
}

impl Said {
    // Source: providers-a.md 3.4 [V] "code from `error.code`, or `error` as text, or `code`".
    fn of(object: &Map<String, Value>, mask: &Mask) -> Self {
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        let nested = object.get("error").and_then(Value::as_object);
        let inner = |key: &str| nested.map(|nested| text(nested.get(key))).unwrap_or_default();
        let failed = object.get("success").and_then(Value::as_bool) == Some(false);
        let mut code = [text(object.get("error")), inner("code"), inner("type"), text(object.get("__type"))]
            .into_iter()
            .find(|code| !code.is_empty())
            .map(standard_code)
            .unwrap_or_default();
        let mut vague = false;
        if code.is_empty()
            && (failed || (!object.contains_key("access_token") && object.contains_key("message")))
        {
            // `code` alone is an error's only beside its words: an authorization reply has one too.
            code = match object.get("code") {
                Some(Value::String(code)) if !code.trim().is_empty() => code.clone(),
                Some(Value::Number(code)) if failed => code.to_string(),
                _ if failed => "refused".to_owned(),
                _ => String::new(),
            };
            vague = failed && (code == "refused" || code.chars().all(|c| c.is_ascii_digit()));
        }
        // It is shown, on terminals too, and may repeat what we sent.
        let code: String =
            mask.apply(&code).chars().map(|c| if c.is_control() { '?' } else { c }).take(MAX_CODE).collect();
        let description =
            [text(object.get("error_description")), inner("message"), text(object.get("message"))];
        let description = description.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        Self { code, description: mask.apply(&description).into_owned(), vague }
    }

    fn told(&self) -> String {
        let mut told: String =
            self.description.chars().filter(|c| !c.is_control()).take(MAX_DESCRIPTION).collect();
        if told.is_empty() {
            told.clone_from(&self.code);
        }
        told
    }

    fn refused(&self) -> Answer {
        let description = if self.description.is_empty() { String::new() } else { self.told() };
        Answer::Refused { code: self.code.clone(), description }
    }
}

/// `InvalidGrantException`, with or without a namespace before it, as `invalid_grant`: how AWS may spell a code.
// Source: providers-b.md 1.1.3 [H] "errors are also recognised in AWS PascalCase".
fn standard_code(code: String) -> String {
    let bare = code.rsplit_once('#').map_or(&*code, |(_, name)| name);
    let Some(name) = bare.strip_suffix("Exception").filter(|name| !name.is_empty()) else { return code };
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Puts names and types as the standard has them. What it does not know stays.
fn standardize(object: &mut Map<String, Value>) {
    for (camel, snake) in [
        ("accessToken", "access_token"),
        ("refreshToken", "refresh_token"),
        ("idToken", "id_token"),
        ("tokenType", "token_type"),
        ("expiresIn", "expires_in"),
        ("deviceCode", "device_code"),
        ("userCode", "user_code"),
        ("verificationUri", "verification_uri"),
        ("verificationUriComplete", "verification_uri_complete"),
    ] {
        if let Some(value) = object.get(camel).cloned() {
            object.entry(snake).or_insert(value);
        }
    }
    if !object.get("token_type").is_some_and(Value::is_string) && object.contains_key("access_token") {
        object.insert("token_type".to_owned(), Value::from("Bearer"));
    }
    for key in ["expires_in", "interval"] {
        let seconds = object.get(key).and_then(|value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        });
        // Bounded by a century; what is no length of time is as good as absent.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and 4e9")]
        let whole = seconds.filter(|seconds| (1.0..4.0e9).contains(seconds)).map(|seconds| seconds as u64);
        match whole {
            Some(whole) => object.insert(key.to_owned(), Value::from(whole)),
            None => object.remove(key),
        };
    }
    // A device code without a lifetime. Source: providers-b.md 1.1.3 "plus-head defaults to 600 s".
    if object.contains_key("device_code") {
        object.entry("expires_in").or_insert(Value::from(600));
    }
    // Source: providers-b.md 4.1 [H] "empty `access_token` too".
    for key in ["access_token", "refresh_token", "id_token", "scope", "verification_uri_complete"] {
        let text = object.get(key).and_then(Value::as_str).unwrap_or_default();
        if text.trim().is_empty() {
            object.remove(key);
        }
    }
}

/// For dates of when to come back: renewals are handed no clock.
fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(status: u16, body: &str) -> String {
        reading_of(Asked::Consent, status, body)
    }

    fn reading_of(asked: Asked, status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        match read(
            asked,
            (status, &HeaderMap::new(), body.as_bytes()),
            &[401],
            &Mask::of_texts(["refresh-CANARY-of-ours"]),
        ) {
            Ok(Answer::Granted(object)) => Value::Object(object).to_string(),
            Ok(Answer::Refused { code, description }) => format!("refused {code}: {description}"),
            Err(error) => format!("{:?}: {error}", error.kind()),
        }
    }

    #[test]
    fn answers_of_every_kind_are_read_as_what_they_mean() {
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"expired"}"#,
                "refused invalid_grant: expired",
            ),
            (
                401,
                r#"{"error":{"code":"refresh_token_reused","message":"m"}}"#,
                "refused refresh_token_reused: m",
            ),
            (
                400,
                r#"{"error":{"type":"invalid_request_error","message":"m"}}"#,
                "refused invalid_request_error: m",
            ),
            (400, r#"{"code":"refresh_token_expired","message":"m"}"#, "refused refresh_token_expired: m"),
            (200, r#"{"error":"authorization_pending"}"#, "refused authorization_pending: "),
            (400, r#"{"error":"AuthorizationPendingException"}"#, "refused authorization_pending: "),
            (400, r#"{"__type":"a.b#InvalidGrantException","message":"m"}"#, "refused invalid_grant: m"),
            (429, r#"{"error":"slow_down"}"#, "refused slow_down: "),
            (200, r#"{"success":false,"code":400,"message":"m"}"#, "refused 400: m"),
            (200, r#"{"success":false,"code":""}"#, "refused refused: "),
            (401, r#"{"detail":"x"}"#, "refused status_401: "),
            (
                400,
                r#"{"error":"bad refresh-CANARY-of-ours","error_description":"no refresh-CANARY-of-ours and eyJhbGciOiJ.x.y"}"#,
                "refused bad [redacted]: no [redacted] and eyJ[redacted]",
            ),
            (400, r#"{"error":"inv\u001b[31malid"}"#, "refused inv?[31malid: "),
        ] {
            assert_eq!(reading(status, body), expected, "{status} {body}");
        }
        for (status, body, kind) in [
            (429, r#"{"error":"too_many"}"#, "RateLimited"),
            (503, r#"{"error":"invalid_grant"}"#, "Server"),
            (400, r#"{"error":"temporarily_unavailable"}"#, "Server"),
            (403, r#"{"detail":"x"}"#, "Server"),
            (200, "<html>sign in to the hotel</html>", "BadReply"),
            (400, "", "BadReply"),
            (200, "[]", "BadReply"),
            (502, "<html>", "Server"),
        ] {
            let read = reading(status, body);
            assert!(read.starts_with(kind), "{status} {body}: {read}");
        }
    }

    #[test]
    fn what_a_word_means_depends_on_what_was_asked() {
        for (body, refresh, consent, grant) in [
            (r#"{"error":"slow_down"}"#, "Server", "refused slow_down", "Server"),
            (
                r#"{"error":"AuthorizationPendingException"}"#,
                "Server",
                "refused authorization_pending",
                "Server",
            ),
            (r#"{"success":false,"code":429}"#, "Server", "refused 429", "refused 429"),
            (r#"{"success":false,"code":"500"}"#, "Server", "refused 500", "refused 500"),
            (r#"{"success":false}"#, "Server", "refused refused", "refused refused"),
            (
                r#"{"success":false,"code":"invalid_grant"}"#,
                "refused invalid_grant",
                "refused invalid_grant",
                "refused invalid_grant",
            ),
            (r#"{"__type":"x#ThrottlingException"}"#, "Server", "Server", "Server"),
            (r#"{"error":"TooManyRequests"}"#, "Server", "Server", "Server"),
            (r#"{"error":"Request-Limit-Exceeded"}"#, "Server", "Server", "Server"),
        ] {
            for (asked, expected) in
                [(Asked::Refresh, refresh), (Asked::Consent, consent), (Asked::Grant, grant)]
            {
                let read = reading_of(asked, 400, body);
                assert!(read.starts_with(expected), "{asked:?} {body}: {read}");
            }
        }
    }

    #[test]
    fn half_a_secret_is_not_shown_either_where_a_description_is_cut() {
        let body =
            format!(r#"{{"error":"e","error_description":"{}refresh-CANARY-of-ours"}}"#, "x".repeat(295));
        let read = reading(400, &body);
        assert!(!read.contains("refr"), "{read}");
        let busy = reading(503, &body);
        assert!(!busy.contains("refr"), "{busy}");
    }

    #[test]
    fn when_to_come_back_is_read_of_every_trouble_in_seconds_or_as_a_date() {
        for (status, value, expected) in [
            (429, "30", 30..31),
            (503, "2.5", 2..3),
            (403, "7", 7..8),
            (429, "Fri, 01 Jan 2100 00:00:00 GMT", 9_999..u64::MAX),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            let error = read(Asked::Refresh, (status, &headers, b"{}"), &[], &Mask::default()).unwrap_err();
            let TokenError::Unavailable { retry_after: Some(wait), .. } = &error else { panic!("{error:?}") };
            assert!(expected.contains(&wait.as_secs()), "{status} {value}: {wait:?}");
            assert!(error.to_string().contains(&format!("come back in {} s", wait.as_secs())), "{error}");
        }
    }

    #[test]
    fn members_are_put_as_the_standard_has_them() {
        for (body, expected) in [
            (
                r#"{"access_token":"a","expires_in":3599.7}"#,
                r#"{"access_token":"a","expires_in":3599,"token_type":"Bearer"}"#,
            ),
            (
                r#"{"access_token":"a","token_type":"b","expires_in":"60","refresh_token":""}"#,
                r#"{"access_token":"a","token_type":"b","expires_in":60}"#,
            ),
            (r#"{"access_token":" ","expires_in":1}"#, r#"{"expires_in":1,"token_type":"Bearer"}"#),
            (
                r#"{"access_token":"a","token_type":null,"expires_in":-1,"scope":[]}"#,
                r#"{"access_token":"a","token_type":"Bearer"}"#,
            ),
            (r#"{"device_code":"d","interval":"7"}"#, r#"{"device_code":"d","interval":7,"expires_in":600}"#),
        ] {
            let got: Value = serde_json::from_str(&reading(200, body)).unwrap();
            assert_eq!(got, serde_json::from_str::<Value>(expected).unwrap(), "{body}");
        }
        assert!(reading(200, r#"{"accessToken":"a","expiresIn":5}"#).contains(r#""access_token":"a""#));
    }
}
