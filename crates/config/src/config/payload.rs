//! Rules that rewrite outgoing bodies. Source: runtime.md F.1.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::place::Place;
use crate::report::Report;
use crate::setting::At;

/// Rewrites of outgoing bodies, in the order in which they run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Payload {
    /// `payload.default`: set what the body lacks; the first rule that sets a path wins.
    pub default: Vec<PayloadRule>,
    /// `payload.default-raw`: the same, with JSON texts.
    pub default_raw: Vec<RawRule>,
    /// `payload.override`: set, whatever the body says; the last rule wins.
    pub overrides: Vec<PayloadRule>,
    /// `payload.override-raw`: the same, with JSON texts.
    pub override_raw: Vec<RawRule>,
    /// `payload.filter`: delete.
    pub filter: Vec<FilterRule>,
}

/// Sets values for some models.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PayloadRule {
    /// Where it was written.
    pub place: Place,
    /// The models it is for; none is never.
    pub models: Vec<PayloadModel>,
    /// Path (dots and indexes) → value. Example `generationConfig.thinkingConfig.thinkingBudget: 32768`.
    pub params: Vec<(String, Value)>,
}

/// Sets JSON texts for some models.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawRule {
    /// Where it was written.
    pub place: Place,
    /// The models it is for; none is never.
    pub models: Vec<PayloadModel>,
    /// Path → JSON text, valid. Example `response_format: '{"type":"json_object"}'`.
    pub params: Vec<(String, String)>,
}

/// Deletes paths for some models.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterRule {
    /// Where it was written.
    pub place: Place,
    /// The models it is for; none is never.
    pub models: Vec<PayloadModel>,
    /// The paths.
    pub params: Vec<String>,
}

/// Which requests a rule is for: all that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadModel {
    /// `name`: a pattern with `*`, case-sensitive. Example `gemini-*`.
    pub name: String,
    /// `protocol`: the format sent; empty is any. Example `gemini`.
    pub protocol: String,
    /// `from-protocol`: the format of the client; empty is any. Example `openai`.
    pub from_protocol: String,
    /// `headers`: patterns for the client's headers. Example `user-agent: "codex*"`.
    pub headers: Vec<(String, String)>,
    /// `match`: values that the body must have.
    pub matches: Vec<Condition>,
    /// `not-match`: values that it must not have.
    pub not_matches: Vec<Condition>,
    /// `exist`: paths that must be there. Example `[tools]`.
    pub exist: Vec<String>,
    /// `not-exist`: paths that must not.
    pub not_exist: Vec<String>,
}

/// A path and the value it is compared to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Condition {
    /// The path in the body.
    pub path: String,
    /// The value.
    pub value: Value,
}

impl Payload {
    pub(super) fn read(at: &At<'_>, report: &mut Report) -> Self {
        at.must_be_map(report);
        Self {
            default: rules(&at.get("default"), report),
            default_raw: raw_rules(&at.get("default-raw"), report),
            overrides: rules(&at.get("override"), report),
            override_raw: raw_rules(&at.get("override-raw"), report),
            filter: filters(&at.get("filter"), report),
        }
    }
}

fn rules(at: &At<'_>, report: &mut Report) -> Vec<PayloadRule> {
    let items = at.items(report);
    let read = |item: &At<'_>, report: &mut Report| PayloadRule {
        place: item.place().clone(),
        models: models(&item.get("models"), report),
        params: item
            .get("params")
            .members(report)
            .into_iter()
            .map(|(path, value)| {
                (path.to_owned(), value.setting().map_or(Value::Null, |setting| setting.to_json()))
            })
            .collect(),
    };
    items.iter().map(|item| read(item, report)).filter(|rule| !rule.params.is_empty()).collect()
}

/// A raw rule with any invalid JSON is left out as a whole, and so is one without params.
fn raw_rules(at: &At<'_>, report: &mut Report) -> Vec<RawRule> {
    let mut found = Vec::new();
    for item in at.items(report) {
        let mut params = Vec::new();
        let mut valid = true;
        for (path, value) in item.get("params").members(report) {
            let text = raw_text(value.setting().map_or(Value::Null, |setting| setting.to_json()));
            if serde_json::from_str::<&RawValue>(&text).is_err() {
                value.dropped(report, "this is no valid JSON, so the whole rule is left out");
                valid = false;
            }
            params.push((path.to_owned(), text));
        }
        if params.is_empty() {
            item.dropped(report, "the rule has no `params`");
        } else if valid {
            let (place, models) = (item.place().clone(), models(&item.get("models"), report));
            found.push(RawRule { place, models, params });
        }
    }
    found
}

/// A string goes in verbatim, whatever else YAML can say is encoded.
fn raw_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn filters(at: &At<'_>, report: &mut Report) -> Vec<FilterRule> {
    let items = at.items(report);
    items
        .iter()
        .map(|item| FilterRule {
            place: item.place().clone(),
            models: models(&item.get("models"), report),
            params: item.get("params").texts(report),
        })
        .filter(|rule| !rule.params.is_empty())
        .collect()
}

fn models(at: &At<'_>, report: &mut Report) -> Vec<PayloadModel> {
    let mut found = Vec::new();
    for item in at.items(report) {
        let Some(name) = item.get("name").text(report) else {
            item.dropped(report, "it needs a `name`, such as `gemini-*`");
            continue;
        };
        let patterns = item.get("headers").members(report);
        found.push(PayloadModel {
            name,
            protocol: item.get("protocol").text(report).unwrap_or_default().to_lowercase(),
            from_protocol: item.get("from-protocol").text(report).unwrap_or_default().to_lowercase(),
            headers: patterns
                .into_iter()
                .filter_map(|(header, pattern)| Some((header.trim().to_lowercase(), pattern.text(report)?)))
                .collect(),
            matches: conditions(&item.get("match"), report),
            not_matches: conditions(&item.get("not-match"), report),
            exist: item.get("exist").texts(report),
            not_exist: item.get("not-exist").texts(report),
        });
    }
    found
}

/// A mapping path → value, or a list of such mappings.
fn conditions(at: &At<'_>, report: &mut Report) -> Vec<Condition> {
    let maps = if at.is_list() { at.items(report) } else { vec![at.clone()] };
    let mut found = Vec::new();
    for map in maps {
        for (path, value) in map.members(report) {
            let value = value.setting().map_or(Value::Null, |setting| setting.to_json());
            found.push(Condition { path: path.to_owned(), value });
        }
    }
    found
}
