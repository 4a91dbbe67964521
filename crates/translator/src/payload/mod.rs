//! Rules that rewrite requests in a provider's format, just before they go out. Source: runtime.md F.1.
//!
//! A rule is made once, its paths and patterns read, and applied to any number of bodies. What no rule touches stays
//! byte for byte; where no rule fits, the buffer is the same.
//!
//! ```
//! use bytes::Bytes;
//! use cliproxy_core::{ClientFormat, ProviderFormat};
//! use cliproxy_translator::payload::{Outgoing, Rule, Rules, Selector};
//! let mut rules = Rules::new();
//! rules.push(Rule::new([Selector::new("gpt-*")]).set("reasoning.effort", "\"high\"")?);
//! let outgoing = Outgoing {
//!     model: "gpt-5",
//!     requested: "gpt-5",
//!     client: &ClientFormat::CLAUDE,
//!     format: &ProviderFormat::CODEX,
//!     headers: &http::HeaderMap::new(),
//! };
//! let applied = rules.apply(&outgoing, &Bytes::from_static(b"{\"input\":[]}"));
//! assert_eq!(applied.body, "{\"input\":[],\"reasoning\":{\"effort\":\"high\"}}");
//! assert_eq!(applied.told, ["override reasoning.effort"]);
//! # Ok::<(), cliproxy_translator::payload::RuleError>(())
//! ```

mod rule;
mod selector;

use std::borrow::Cow;

use bytes::Bytes;
use cliproxy_core::{ClientFormat, ProviderFormat};
use http::HeaderMap;

use crate::splice::Document;
use rule::{Action, Edit};

pub use rule::{Rule, RuleError};
pub use selector::Selector;

/// Edits of one request that are told one by one.
const MOST_TOLD: usize = 16;
/// Letters of a path that are told.
const LONGEST_TOLD: usize = 80;

/// Rules, in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules(Vec<Rule>);

/// What a rule can ask of a request.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'r> {
    /// The model in the provider's words.
    pub model: &'r str,
    /// The model as the client wrote it.
    pub requested: &'r str,
    /// The client's format.
    pub client: &'r ClientFormat,
    /// The format of the body.
    pub format: &'r ProviderFormat,
    /// The client's headers.
    pub headers: &'r HeaderMap,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The body; the same buffer where nothing changed.
    pub body: Bytes,
    /// What was done, for traces: paths of rules, never a value.
    pub told: Vec<String>,
}

impl Rules {
    /// No rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule, to run behind those that are there.
    pub fn push(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies what fits. A rule's conditions see what the rules before it made of the body.
    #[must_use]
    pub fn apply(&self, outgoing: &Outgoing<'_>, body: &Bytes) -> Applied {
        let mut applied = Applied { body: body.clone(), told: Vec::new() };
        let names = outgoing.names();
        let candidates: Vec<&Rule> =
            self.0.iter().filter(|rule| rule.selectors.iter().any(|s| s.fits(outgoing, &names))).collect();
        if candidates.is_empty() {
            return applied;
        }
        let mut document = match Document::scan(body) {
            Ok(document) => document,
            Err(error) => {
                applied.told.push(format!("no rule applied: {error}"));
                return applied;
            }
        };
        let enveloped =
            outgoing.has_envelope() && document.any(rule::envelope(), |text| text.first() == Some(&b'{'));
        let mut run = Run { document: &mut document, enveloped, appended: Vec::new(), told: Vec::new() };
        for rule in candidates {
            let mut selectors = rule.selectors.iter();
            if selectors.any(|s| s.fits(outgoing, &names) && s.holds(run.document, enveloped)) {
                for edit in &rule.edits {
                    run.edit(edit);
                }
            }
        }
        applied.told = run.into_told();
        applied.body = document.finish(body);
        applied
    }
}

impl<'r> Outgoing<'r> {
    /// The names that patterns are tried on. Source: runtime.md F.1 "upstream base model, requested base model and
    /// requested model with suffix".
    fn names(&self) -> Vec<&'r str> {
        let requested = self.requested.trim();
        let base = requested
            .strip_suffix(')')
            .and_then(|rest| rest.rsplit_once('('))
            .map(|(base, _)| base.trim())
            .filter(|base| !base.is_empty());
        let mut names = vec![self.model.trim(), requested];
        names.extend(base);
        names.retain(|name| !name.is_empty());
        names
    }

    /// Whether paths begin inside of an envelope. Source: runtime.md F.1 "for gemini-cli and antigravity paths are
    /// relative to `request`".
    fn has_envelope(&self) -> bool {
        matches!(self.format.as_str(), "gemini-cli" | "antigravity")
    }
}

/// One body under the rules.
struct Run<'d, 'a> {
    document: &'d mut Document<'a>,
    enveloped: bool,
    /// Defaults that append, and have: the first one wins.
    appended: Vec<&'a str>,
    told: Vec<String>,
}

impl<'a> Run<'_, 'a> {
    fn edit(&mut self, edit: &'a Edit) {
        let path = edit.place.of(self.enveloped);
        let result = match &edit.action {
            Action::Remove => Ok(self.document.remove(path)),
            Action::Set(json) => self.document.set(path, json),
            Action::Default(_) if path.appends() && self.appended.contains(&path.as_str()) => Ok(false),
            Action::Default(json) => self.document.set_default(path, json),
        };
        let path_text = clipped(path.as_str());
        let verb = edit.action.verb();
        match result {
            Ok(true) => {
                self.told.push(format!("{verb} {path_text}"));
                if matches!(edit.action, Action::Default(_)) && path.appends() {
                    self.appended.push(path.as_str());
                }
            }
            Ok(false) => {}
            // Source: runtime.md F.1 "a failing set or delete is skipped silently"; here the trace has it.
            Err(reason) => self.told.push(format!("{verb} {path_text} left out: {reason}")),
        }
    }

    fn into_told(self) -> Vec<String> {
        let mut told = self.told;
        if told.len() > MOST_TOLD {
            let more = told.len() - MOST_TOLD;
            told.truncate(MOST_TOLD);
            told.push(format!("{more} more"));
        }
        told
    }
}

fn clipped(path: &str) -> Cow<'_, str> {
    match path.char_indices().nth(LONGEST_TOLD).and_then(|(at, _)| path.get(..at)) {
        Some(start) => Cow::Owned(format!("{start}...")),
        None => Cow::Borrowed(path),
    }
}
