//! The messages, written and read. Source: providers-a.md 8.2; http-api.md `/v1/ws`.

use std::collections::BTreeMap;

use bytes::Bytes;
use cliproxy_core::Timestamp;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::exchange::{Event, Head};
use crate::text::{Members, number, string, strings, text};

/// These are about bytes on a wire that is not ours: the page has decoded the body, and text is what comes here.
const OF_THE_WIRE: [HeaderName; 4] = [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Headers of a reply. A map of them takes no more than 32768, and no provider sends a hundred.
const MAX_HEADERS: usize = 256;

/// Bytes in the id of a page's `ping`: it is sent back, so it takes room.
const MAX_PING_ID: usize = 256;

/// A request that a page is to send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outbound<'a> {
    /// The method.
    pub method: &'a Method,
    /// The whole URL.
    pub url: &'a str,
    /// The headers. Of values that are not text nothing is sent.
    pub headers: &'a HeaderMap,
    /// The body. Pages are sent text.
    pub body: &'a str,
    /// Now.
    pub now: Timestamp,
}

impl<'a> Outbound<'a> {
    /// A request.
    #[must_use]
    pub fn new(
        method: &'a Method,
        url: &'a str,
        headers: &'a HeaderMap,
        body: &'a str,
        now: Timestamp,
    ) -> Self {
        Self { method, url, headers, body, now }
    }

    /// About how long its message will be: quotes in the body are escaped there.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        self.body.len() + self.body.len() / 8 + self.url.len() + headers + 512
    }

    pub(crate) fn message(&self, id: &str) -> Result<Bytes, serde_json::Error> {
        let mut headers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, value) in self.headers {
            if let Ok(value) = value.to_str() {
                headers.entry(canonical(name)).or_default().push(value);
            }
        }
        let payload = Request {
            method: self.method.as_str(),
            url: self.url,
            headers,
            body: self.body,
            sent_at: precise(self.now),
        };
        let mut message = Vec::with_capacity(self.size());
        serde_json::to_writer(&mut message, &Envelope { id, kind: "http_request", payload: Some(payload) })?;
        Ok(message.into())
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    method: &'a str,
    url: &'a str,
    headers: BTreeMap<String, Vec<&'a str>>,
    body: &'a str,
    sent_at: String,
}

/// The answer to a page's `ping`.
pub(crate) fn pong(id: &str) -> Bytes {
    let pong = Envelope { id, kind: "pong", payload: None };
    serde_json::to_vec(&pong).unwrap_or_default().into()
}

/// `Content-Type`, as pages that look a name up by its spelling expect it.
fn canonical(name: &HeaderName) -> String {
    let mut first = true;
    let spelt = name.as_str().chars().map(|letter| {
        let upper = std::mem::replace(&mut first, letter == '-');
        if upper { letter.to_ascii_uppercase() } else { letter }
    });
    spelt.collect()
}

/// RFC 3339 with fractions of a second.
fn precise(now: Timestamp) -> String {
    let whole = now.to_rfc3339();
    let millis = now.as_millis().rem_euclid(1000);
    format!("{}.{millis:03}Z", whole.strip_suffix('Z').unwrap_or(&whole))
}

/// What a page sent.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// About a request.
    Reply { id: String, event: Event },
    /// It wants to know whether we are there.
    Ping { id: String },
    /// It wants to know, by an id too long to be sent back.
    LongPing,
    /// Nothing we know. The type, to be told.
    Unknown(String),
    /// It is no JSON object.
    Garbage,
}

/// Reads a message. The payload of one that nobody waits for is not looked at.
pub(crate) fn read(message: &[u8], is_awaited: impl Fn(&str) -> bool) -> Inbound {
    let Some(members) = Members::of(message) else { return Inbound::Garbage };
    let id = members.get("id").and_then(string).unwrap_or_default();
    let kind = members.get("type").and_then(string).unwrap_or_default();
    let reader = match kind.as_str() {
        "ping" if id.len() > MAX_PING_ID => return Inbound::LongPing,
        "ping" => return Inbound::Ping { id },
        "http_response" => whole,
        "stream_start" => start,
        "stream_chunk" => chunk,
        "stream_end" => |_: &Members<'_>| Event::End,
        "error" => failed,
        _ => return Inbound::Unknown(kind),
    };
    if !is_awaited(&id) {
        return Inbound::Reply { id, event: Event::End };
    }
    let payload = match members.get("payload").map(|payload| Members::of(payload.as_bytes())) {
        None => Members::default(),
        Some(Some(payload)) => payload,
        Some(None) => {
            let event = Event::Malformed(format!("the payload of `{kind}` is not an object"));
            return Inbound::Reply { id, event };
        }
    };
    Inbound::Reply { event: reader(&payload), id }
}

fn whole(payload: &Members<'_>) -> Event {
    let whole = || Ok(Event::Whole(head(payload)?, body(payload, "http_response", "body")?));
    whole().unwrap_or_else(Event::Malformed)
}

fn start(payload: &Members<'_>) -> Event {
    head(payload).map_or_else(Event::Malformed, Event::Start)
}

fn chunk(payload: &Members<'_>) -> Event {
    body(payload, "stream_chunk", "data").map_or_else(Event::Malformed, Event::Chunk)
}

fn failed(payload: &Members<'_>) -> Event {
    let message = payload.get("error").map(|error| string(error).unwrap_or_else(|| error.to_owned()));
    Event::Failed {
        message: message.unwrap_or_else(|| "the page did not say why".to_owned()),
        status: payload.get("status").and_then(number).and_then(status_of),
    }
}

/// A text that may be left out. Another type would be somebody's reply, lost without a word.
fn body(payload: &Members<'_>, kind: &str, name: &str) -> Result<Bytes, String> {
    let Some(value) = payload.get(name) else { return Ok(Bytes::new()) };
    text(value).ok_or_else(|| format!("`{name}` of `{kind}` is not a text"))
}

/// A status that is not a number means 200, as does none; one that is no status of HTTP, or a payload that is not
/// there, means that the page has nothing to say. Source: providers-a.md 8.2, 8.6.
fn head(payload: &Members<'_>) -> Result<Head, String> {
    let status = match payload.get("status") {
        None if payload.get("headers").is_none() && payload.get("body").is_none() => StatusCode::BAD_GATEWAY,
        None => StatusCode::OK,
        Some(status) => number(status)
            .map_or(StatusCode::OK, |number| status_of(number).unwrap_or(StatusCode::BAD_GATEWAY)),
    };
    let listed =
        payload.get("headers").and_then(|headers| Members::of(headers.as_bytes())).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in listed.into_iter() {
        let Ok(name) = HeaderName::try_from(name) else { continue };
        if OF_THE_WIRE.contains(&name) {
            continue;
        }
        for value in strings(value) {
            let Ok(value) = HeaderValue::try_from(value) else { continue };
            if headers.len() == MAX_HEADERS || headers.try_append(name.clone(), value).is_err() {
                return Err(format!("it has more than {MAX_HEADERS} headers"));
            }
        }
    }
    Ok(Head { status, headers })
}

fn status_of(number: f64) -> Option<StatusCode> {
    // Final statuses of HTTP only: a fraction, a hundred-and-something or a minus is none.
    let whole = (200..=999).find(|status| f64::from(*status) == number)?;
    StatusCode::from_u16(whole).ok()
}

#[cfg(test)]
mod tests;
