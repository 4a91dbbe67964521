//! Payload rules. Source: runtime.md F.1.

mod edits;
mod paths;
mod selectors;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use cliproxy_translator::payload::{Applied, Outgoing, Rule, Rules, Selector};
use http::{HeaderMap, HeaderName, HeaderValue};

/// A request: `gpt-5` for Chat, unless a test says otherwise.
pub struct Ask {
    pub model: &'static str,
    pub requested: &'static str,
    pub client: &'static str,
    pub format: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
}

impl Default for Ask {
    fn default() -> Self {
        Self { model: "gpt-5", requested: "gpt-5", client: "openai", format: "openai", headers: &[] }
    }
}

impl Ask {
    pub fn apply(&self, rules: &[Rule], body: &Bytes) -> Applied {
        let mut all = Rules::new();
        rules.iter().cloned().for_each(|rule| all.push(rule));
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let outgoing = Outgoing {
            model: self.model,
            requested: self.requested,
            client: &ClientFormat::from_static(self.client),
            format: &ProviderFormat::from_static(self.format),
            headers: &headers,
        };
        all.apply(&outgoing, body)
    }
}

/// A rule for every model.
pub fn any() -> Rule {
    Rule::new([Selector::new("*")])
}

pub fn applied(rules: &[Rule], body: &str) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    String::from_utf8(Ask::default().apply(rules, &body).body.to_vec()).unwrap()
}

pub fn set(path: &str, json: &str) -> Rule {
    any().set(path, json).unwrap()
}

pub fn default(path: &str, json: &str) -> Rule {
    any().default(path, json).unwrap()
}

pub fn remove(path: &str) -> Rule {
    any().remove(path).unwrap()
}
