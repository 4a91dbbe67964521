//! What a client wants of its web search: written by the encoder, taken out again by whoever sends the request.

use bytes::Bytes;

use crate::codec::CodecError;
use crate::json::{List, Text, Writer};
use crate::loss::Loss;
use crate::model::Builtin;
use crate::splice::{Edits, TopLevel, Word};

use super::SearchRound;

/// The member that says it. The service refuses members that it does not know: it must be taken out.
const MEMBER: &str = "cliproxyWebSearch";
static NAMED: Word = Word::new("\"cliproxyWebSearch\"");

/// The limits that a client set, read from its own declaration. Source: translation.md B84.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Wanted {
    most: Option<u64>,
    allowed: Vec<String>,
    blocked: Vec<String>,
}

impl Wanted {
    /// Reads a declaration, and notes what the service's search cannot be told.
    pub(in super::super) fn of(tool: &Builtin<'_>, losses: &mut Vec<Loss>) -> Self {
        let Ok(scanned) = TopLevel::scan(tool.raw.get().as_bytes()) else { return Self::default() };
        // Gemini's declaration has a member for its options, OpenAI's one for its domains.
        let inner = scanned.object(&tool.kind).or_else(|| scanned.object("filters"));
        let list = |key: &str| {
            let own = scanned.raw(key).ok().flatten();
            let text = own.or_else(|| inner.as_ref()?.raw(key).ok().flatten())?;
            let list: List<Text<'_>> = serde_json::from_str(text).ok()?;
            Some(list.0.iter().map(|domain| domain.decoded().into_owned()).collect::<Vec<_>>())
        };
        for key in ["user_location", "search_context_size"] {
            if scanned.value(key).is_some_and(|value| value != b"null") {
                losses.push(Loss {
                    what: format!("tools.{}.{key}", tool.kind).into(),
                    why: "Kiro's web search is told a query and nothing else".into(),
                });
            }
        }
        Self {
            most: scanned.unsigned("max_uses"),
            allowed: list("allowed_domains").unwrap_or_default(),
            blocked: list("blocked_domains").or_else(|| list("excludeDomains")).unwrap_or_default(),
        }
    }
}

/// Writes the member.
pub(in super::super) fn write_order(w: &mut Writer, tool: &str, wanted: &Wanted) {
    w.key(MEMBER);
    w.begin_object();
    w.field_string("tool", tool);
    if let Some(most) = wanted.most {
        w.field_unsigned("most", most);
    }
    for (key, domains) in [("allowed", &wanted.allowed), ("blocked", &wanted.blocked)] {
        w.key(key);
        w.begin_array();
        domains.iter().for_each(|domain| w.string(domain));
        w.end_array();
    }
    w.end_object();
}

/// A web search that a request's model may ask for, and that its sender runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchOrder {
    tool: String,
    wanted: Wanted,
}

impl SearchOrder {
    /// Takes the order out of a request. A request without one stays as it is, at the cost of one look for a word.
    ///
    /// # Errors
    /// When the request is no JSON object.
    pub fn take(body: &Bytes) -> Result<(Bytes, Option<Self>), CodecError> {
        if !NAMED.is_in(body) {
            return Ok((body.clone(), None));
        }
        let top = TopLevel::scan(body)?;
        // The words may stand in a text of the conversation.
        if !top.has(MEMBER) {
            return Ok((body.clone(), None));
        }
        let order = top.object(MEMBER).and_then(|order| {
            let domains = |key: &str| {
                let list: List<Text<'_>> = serde_json::from_str(order.raw(key).ok().flatten()?).ok()?;
                Some(list.0.iter().map(|domain| domain.decoded().into_owned()).collect())
            };
            let tool = order.string("tool").ok().flatten()?.into_owned();
            let wanted = Wanted {
                most: order.unsigned("most"),
                allowed: domains("allowed").unwrap_or_default(),
                blocked: domains("blocked").unwrap_or_default(),
            };
            Some(Self { tool, wanted })
        });
        Ok((Edits::new().remove(MEMBER).apply_scanned(body, &top), order))
    }

    /// How many searches the client pays for; `None` where it set no limit.
    #[must_use]
    pub fn max_uses(&self) -> Option<u64> {
        self.wanted.most
    }

    /// Whether the client wants to know of a page: those of its allowed domains alone, none of its blocked ones. The
    /// service cannot be told, so its results are sifted.
    #[must_use]
    pub fn admits(&self, url: &str) -> bool {
        let Some((host, path)) = place(url) else { return false };
        let fits = |domain: &String| {
            let domain = domain.trim().to_ascii_lowercase();
            let domain = domain.split_once("://").map_or(&*domain, |(_, rest)| rest);
            let (name, below) = domain.split_once('/').unwrap_or((domain, ""));
            let name = name.strip_prefix("*.").unwrap_or(name);
            let within = host == name || host.strip_suffix(name).is_some_and(|front| front.ends_with('.'));
            !name.is_empty() && within && path.starts_with(below)
        };
        let Wanted { allowed, blocked, .. } = &self.wanted;
        (allowed.is_empty() || allowed.iter().any(fits)) && !blocked.iter().any(fits)
    }

    /// Reads the frames of one reply.
    #[must_use]
    pub fn round(&self) -> SearchRound {
        SearchRound::new(&self.tool)
    }

    pub(super) fn tool(&self) -> &str {
        &self.tool
    }
}

/// Host and path of an address of the web.
fn place(url: &str) -> Option<(String, &str)> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let head = url.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| url.get(scheme.len()..))?
    })?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), path.strip_prefix('/').unwrap_or(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(allowed: &[&str], blocked: &[&str]) -> SearchOrder {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let wanted = Wanted { most: None, allowed: owned(allowed), blocked: owned(blocked) };
        SearchOrder { tool: "t".into(), wanted }
    }

    #[test]
    fn pages_are_sifted_by_their_domain() {
        for (allowed, blocked, url, admitted) in [
            (&[][..], &[][..], "https://a.example/x", true),
            (&["a.example"], &[], "https://a.example/x", true),
            (&["a.example"], &[], "HTTPS://user@WWW.A.example:443?q", true),
            (&["a.example"], &[], "https://aa.example/", false),
            (&["a.example"], &[], "https://a.example.evil.example/a.example", false),
            (&["a.example/docs"], &[], "https://a.example/docs/1", true),
            (&["a.example/docs"], &[], "https://a.example/blog", false),
            (&["https://A.example", "*.b.example"], &[], "http://x.b.example", true),
            (&[], &["a.example"], "https://x.a.example/", false),
            (&["a.example"], &["x.a.example"], "https://x.a.example/", false),
            (&[""], &[], "https://a.example/", false),
            (&[], &[], "javascript:alert(1)", false),
            (&[], &[], "https://", false),
            (&[], &[], "é", false),
        ] {
            assert_eq!(order(allowed, blocked).admits(url), admitted, "{allowed:?} {blocked:?} {url}");
        }
    }
}
