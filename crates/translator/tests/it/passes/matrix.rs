//! Every way to ask for thoughts, for every kind of model, at every provider: a golden table that is read row by row.
//! Source: translation.md B39 to B45, E614 to E617; runtime.md E.8.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use cliproxy_core::{ClientFormat, Level, ModelInfo, ProviderFormat, ReasoningProfile};
use cliproxy_translator::pass::reasoning::parse_suffix;
use cliproxy_translator::registry::{Registry, RequestCall};
use cliproxy_translator::{Profile, ReplyContext};
use serde_json::{Value, json};

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::with_builtin);

const PROVIDERS: [(&str, &str); 8] = [
    ("openai", "m"),
    ("openai-response", "m"),
    ("codex", "m"),
    ("claude", "claude-m"),
    ("gemini", "gemini-3-m"),
    ("gemini-cli", "gemini-3-m"),
    ("antigravity", "gemini-3-m"),
    ("kiro", "claude-m"),
];

/// The capability classes (B40).
fn models() -> Vec<(&'static str, Option<Arc<ModelInfo>>)> {
    let model = |profile: Option<ReasoningProfile>, own: bool| {
        let mut info = ModelInfo::new("m").with_limits(200_000, 64_000);
        info.reasoning = profile;
        info.user_defined = own;
        Some(Arc::new(info))
    };
    let budget = ReasoningProfile { budget: Some((1024, 32_000)), ..ReasoningProfile::default() };
    let levels = vec![Level::Low, Level::Medium, Level::High];
    vec![
        (
            "budgets",
            model(
                Some(ReasoningProfile { zero_allowed: true, dynamic_allowed: true, ..budget.clone() }),
                false,
            ),
        ),
        ("budgets, always on", model(Some(budget.clone()), false)),
        (
            "levels",
            model(Some(ReasoningProfile { levels: levels.clone(), ..ReasoningProfile::default() }), false),
        ),
        (
            "both",
            model(
                Some(ReasoningProfile { levels, zero_allowed: true, dynamic_allowed: true, ..budget }),
                false,
            ),
        ),
        ("cannot think", model(None, false)),
        ("the user's own", model(None, true)),
        ("unknown", None),
    ]
}

const SUFFIXES: [&str; 7] = ["none", "auto", "minimal", "high", "max", "8192", "100000"];

fn sent(provider: (&str, &str), info: Option<Arc<ModelInfo>>, body: &Value, suffix: Option<&str>) -> Value {
    // From a client of another format: in its own, `thinking` tests look at the bytes.
    let client = ClientFormat::from_static(if provider.0 == "openai" { "gemini" } else { "openai" });
    let wire = ProviderFormat::from(provider.0.to_owned());
    let bytes = Bytes::from(body.to_string());
    let mut profile = Profile::new(provider.1, false);
    profile.info = info;
    let suffix = suffix.and_then(parse_suffix);
    let call = RequestCall::new(&client, &wire, &bytes, &profile).with_suffix(suffix.as_ref());
    serde_json::from_slice(&REGISTRY.translate_request(&call, ReplyContext::default()).unwrap().body).unwrap()
}

/// Every leaf that differs, as `path=value`; what is gone has no value.
fn differences(before: &Value, after: &Value, path: &str, out: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
                let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differences(&before[key], &after[key], &place, out);
            }
        }
        (Value::Null, Value::Object(new)) => {
            for (key, value) in new {
                differences(&Value::Null, value, &format!("{path}.{key}"), out);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                differences(old, new, &format!("{path}[{at}]"), out);
            }
        }
        (old, new) if old == new => {}
        (_, Value::Null) => out.push(format!("-{path}")),
        (_, new) => out.push(format!("{path}={new}")),
    }
}

#[test]
fn e614_e617_every_suffix_for_every_kind_of_model_in_every_provider_s_words() {
    let mut table = String::new();
    for provider in PROVIDERS {
        writeln!(table, "{}", provider.0).unwrap();
        let body = match provider.0 {
            "openai" => {
                json!({"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"maxOutputTokens":50_000}})
            }
            _ => json!({"model":"m","max_tokens":50_000,"messages":[{"role":"user","content":"q"}]}),
        };
        for (class, info) in models() {
            let plain = sent(provider, info.clone(), &body, None);
            for suffix in SUFFIXES {
                let mut changed = Vec::new();
                differences(&plain, &sent(provider, info.clone(), &body, Some(suffix)), "", &mut changed);
                let shown = if changed.is_empty() { "nothing".to_owned() } else { changed.join(" ") };
                writeln!(table, "  {class:<20}({suffix:<7}) {shown}").unwrap();
            }
        }
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/reasoning");
    insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("every-suffix", table);
    });
}
