//! The merged tree, and reading typed values out of it. Every mistake goes to the report, with its key path.

use std::collections::BTreeMap;
use std::time::Duration;

use cliproxy_core::{Secret, parse_duration};
use serde_json::Value;

use crate::place::Place;
use crate::report::{Notice, Report};
use crate::yaml::{Resolved, Step, integer, resolve, wanted_bool};

/// A value of the merged tree.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) kind: SettingKind,
    pub(crate) place: Place,
}

#[derive(Clone)]
pub(crate) enum SettingKind {
    Null,
    Scalar { text: String, plain: bool },
    List(Vec<Setting>),
    Map(Vec<Member>),
}

/// One key of a mapping of the merged tree.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Setting,
}

impl Setting {
    pub(crate) fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            SettingKind::Map(members) => members.iter().find(|member| member.key == key),
            SettingKind::Null | SettingKind::Scalar { .. } | SettingKind::List(_) => None,
        }
    }

    pub(crate) fn step(&self, step: &Step) -> Option<&Self> {
        match (&self.kind, step) {
            (SettingKind::List(items), Step::Index(index)) => items.get(*index),
            (SettingKind::Map(_), Step::Key(key)) => self.member(key).map(|member| &member.value),
            _ => None,
        }
    }

    /// What it is, without its content: content may be a secret.
    fn sort(&self) -> &'static str {
        match &self.kind {
            SettingKind::Null => "nothing",
            SettingKind::Scalar { .. } => "a single value",
            SettingKind::List(_) => "a list",
            SettingKind::Map(_) => "a mapping",
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            SettingKind::Null => Value::Null,
            SettingKind::Scalar { text, plain: true } => resolve(text).to_json(text),
            SettingKind::Scalar { text, .. } => Value::String(text.clone()),
            SettingKind::List(items) => items.iter().map(Self::to_json).collect(),
            SettingKind::Map(members) => Value::Object(
                members.iter().map(|member| (member.key.clone(), member.value.to_json())).collect(),
            ),
        }
    }
}

/// A place in the merged tree, whether something is there or not.
#[derive(Clone)]
pub(crate) struct At<'s> {
    setting: Option<&'s Setting>,
    key: String,
    place: Place,
}

impl<'s> At<'s> {
    pub(crate) fn root(setting: &'s Setting) -> Self {
        Self { setting: Some(setting), key: String::new(), place: setting.place.clone() }
    }

    pub(crate) fn get(&self, key: &str) -> Self {
        let member = self.setting.and_then(|setting| setting.member(key));
        Self {
            setting: member.map(|member| &member.value),
            key: if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) },
            place: member.map_or_else(|| self.place.clone(), |member| member.value.place.clone()),
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn setting(&self) -> Option<&'s Setting> {
        self.setting
    }

    /// Whether something other than null is there.
    pub(crate) fn is_set(&self) -> bool {
        self.setting.is_some_and(|setting| !matches!(setting.kind, SettingKind::Null))
    }

    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.setting, Some(Setting { kind: SettingKind::Scalar { .. }, .. }))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.setting, Some(Setting { kind: SettingKind::List(_), .. }))
    }

    /// Whether the value is built in, nobody wrote it.
    pub(crate) fn is_built_in(&self) -> bool {
        self.place.source() == crate::layers::DEFAULTS_NAME
    }

    pub(crate) fn wrong(&self, report: &mut Report, problem: impl Into<String>, remedy: impl Into<String>) {
        report.wrong(&self.place, self.key.clone(), problem, remedy);
    }

    pub(crate) fn adjusted(&self, report: &mut Report, reason: impl Into<String>) {
        report.note(Notice::Adjusted {
            place: self.place.clone(),
            key: self.key.clone(),
            reason: reason.into(),
        });
    }

    pub(crate) fn dropped(&self, report: &mut Report, reason: impl Into<String>) {
        report.note(Notice::Dropped {
            place: self.place.clone(),
            key: self.key.clone(),
            reason: reason.into(),
        });
    }

    pub(crate) fn legacy(&self, report: &mut Report, instead: impl Into<String>) {
        report.note(Notice::Legacy {
            place: self.place.clone(),
            key: self.key.clone(),
            instead: instead.into(),
        });
    }

    /// Must be a mapping, if anything; `false` when it is something else.
    pub(crate) fn must_be_map(&self, report: &mut Report) -> bool {
        match self.setting {
            Some(setting) if !matches!(setting.kind, SettingKind::Map(_) | SettingKind::Null) => {
                let problem = format!("this is {}", setting.sort());
                self.wrong(
                    report,
                    problem,
                    "expected a mapping: further `key: value` lines, indented below it",
                );
                false
            }
            _ => true,
        }
    }

    /// The items of a list; what is no list is reported. A variable or flag may hold `a, b, c`.
    pub(crate) fn items(&self, report: &mut Report) -> Vec<Self> {
        let Some(setting) = self.setting else { return Vec::new() };
        match &setting.kind {
            SettingKind::Null => Vec::new(),
            SettingKind::Scalar { text, .. } if text.is_empty() => Vec::new(),
            SettingKind::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self {
                    setting: Some(item),
                    key: format!("{}[{index}]", self.key),
                    place: item.place.clone(),
                })
                .filter(Self::is_set)
                .collect(),
            SettingKind::Scalar { .. } | SettingKind::Map(_) => {
                let problem = format!("this is {}", setting.sort());
                self.wrong(report, problem, "expected a list: lines that begin with `- `, indented below it");
                Vec::new()
            }
        }
    }

    /// The members of a mapping with free keys.
    pub(crate) fn members(&self, report: &mut Report) -> Vec<(&'s str, Self)> {
        if !self.must_be_map(report) {
            return Vec::new();
        }
        let Some(SettingKind::Map(members)) = self.setting.map(|setting| &setting.kind) else {
            return Vec::new();
        };
        members.iter().map(|member| (member.key.as_str(), self.get(&member.key))).collect()
    }

    fn scalar(&self, report: &mut Report, wanted: &str) -> Option<&'s str> {
        let setting = self.setting?;
        match &setting.kind {
            SettingKind::Null => None,
            SettingKind::Scalar { text, .. } => Some(text.as_str()),
            SettingKind::List(_) | SettingKind::Map(_) => {
                self.wrong(report, format!("this is {}", setting.sort()), format!("expected {wanted}"));
                None
            }
        }
    }

    /// Trimmed text; blank counts as absent.
    pub(crate) fn text(&self, report: &mut Report) -> Option<String> {
        let text = self.scalar(report, "text")?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A trimmed secret; blank counts as absent.
    pub(crate) fn secret(&self, report: &mut Report) -> Option<Secret> {
        let text = self.scalar(report, "a single value")?.trim();
        (!text.is_empty()).then(|| Secret::new(text))
    }

    pub(crate) fn flag(&self, report: &mut Report) -> Option<bool> {
        let text = self.scalar(report, "`true` or `false`")?;
        let flag = wanted_bool(text);
        if flag.is_none() {
            self.wrong(report, format!("{} is not a switch", shown(text)), "expected `true` or `false`");
        }
        flag
    }

    /// A flag that is off when absent.
    pub(crate) fn is_on(&self, report: &mut Report) -> bool {
        self.flag(report).unwrap_or(false)
    }

    /// A whole number within bounds; `example` shows a right one.
    pub(crate) fn number(&self, report: &mut Report, from: i64, to: i64, example: i64) -> Option<i64> {
        let remedy = format!("expected a whole number from {from} to {to}, such as {example}");
        let text = self.scalar(report, "a whole number")?.trim();
        let number = whole(text);
        match number {
            Some(number) if (from..=to).contains(&number) => Some(number),
            Some(_) => {
                self.wrong(report, format!("{} is out of range", shown(text)), remedy);
                None
            }
            None => {
                self.wrong(report, format!("{} is not a whole number", shown(text)), remedy);
                None
            }
        }
    }

    /// A count: negative means none, as in the reference.
    pub(crate) fn count(&self, report: &mut Report, example: i64) -> Option<u32> {
        let number = self.number(report, -i64::from(u32::MAX), i64::from(u32::MAX), example)?;
        Some(u32::try_from(number).unwrap_or(0))
    }

    /// A length of time: a number of seconds, or `1h30m`.
    pub(crate) fn seconds(&self, report: &mut Report) -> Option<Duration> {
        let text = self.scalar(report, "a length of time")?.trim();
        let length = parse_duration(text);
        if length.is_none() {
            let remedy = "expected seconds or a length such as `30s`, `5m`, `1h30m`";
            self.wrong(report, format!("{} is not a length of time", shown(text)), remedy);
        }
        length
    }

    /// A length of time where zero, a negative number or `off` means none.
    pub(crate) fn optional_seconds(&self, report: &mut Report) -> Option<Duration> {
        if let Some(Setting { kind: SettingKind::Scalar { text, .. }, .. }) = self.setting
            && (wanted_bool(text) == Some(false)
                || text.trim().starts_with('-')
                    && parse_duration(text.trim_start_matches([' ', '-'])).is_some())
        {
            return None;
        }
        self.seconds(report).filter(|length| !length.is_zero())
    }

    /// A size: bytes, or `64MiB`.
    pub(crate) fn bytes(&self, report: &mut Report) -> Option<usize> {
        let text = self.scalar(report, "a size")?.trim();
        let size = size(text).filter(|size| *size > 0);
        if size.is_none() {
            self.wrong(
                report,
                format!("{} is not a size", shown(text)),
                "expected bytes or a size such as `64MiB`",
            );
        }
        size
    }

    /// A list of trimmed texts without blanks. A variable may hold `a, b, c`.
    pub(crate) fn texts(&self, report: &mut Report) -> Vec<String> {
        if let Some(Setting { kind: SettingKind::Scalar { text, .. }, place }) = self.setting
            && place.line().is_none()
        {
            return text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect();
        }
        self.items(report).iter().filter_map(|item| item.text(report)).collect()
    }

    /// A list of texts, or a single one in place of a list of one.
    pub(crate) fn one_or_more(&self, report: &mut Report) -> Vec<String> {
        if self.is_scalar() { self.text(report).into_iter().collect() } else { self.texts(report) }
    }

    /// Header names and values, trimmed, pairs with an empty side left out. Source: runtime.md A.3.
    pub(crate) fn headers(&self, report: &mut Report) -> Vec<(String, Secret)> {
        let mut found = BTreeMap::new();
        for (name, value) in self.members(report) {
            let name = name.trim();
            if let Some(value) = value.secret(report)
                && !name.is_empty()
            {
                if name
                    .bytes()
                    .any(|byte| !(byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)))
                {
                    self.wrong(
                        report,
                        "a name in it cannot be the name of a header",
                        "letters, digits and `-` only",
                    );
                } else if value.expose().bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
                    self.wrong(
                        report,
                        format!("the value of `{name}` contains control characters"),
                        "write it on one line",
                    );
                } else {
                    found.insert(name.to_owned(), value);
                }
            }
        }
        found.into_iter().collect()
    }

    /// One of several spellings, compared without regard to case.
    pub(crate) fn choice<T: Copy>(&self, report: &mut Report, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(report)?;
        let found =
            choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text)).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.wrong(
                report,
                format!("{} is not known here", shown(&text)),
                format!("expected {}", names.join(", ")),
            );
        }
        found
    }
}

/// A value in an error: quoted and bounded. Never called with a secret.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// `10`, `0x10`, `1_000`, and `1e3` or `10.0`, which the reference's reader takes for whole numbers too.
fn whole(text: &str) -> Option<i64> {
    if let Some(number) = integer(text) {
        return i64::try_from(number).ok();
    }
    match resolve(text) {
        Resolved::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, checked above")]
            let number = number as i64;
            Some(number)
        }
        _ => None,
    }
}

fn size(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'_').count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: i64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    usize::try_from(whole(number)?.checked_mul(factor)?).ok()
}
