//! The `payload` section as rules.

use cliproxy_config::{Config, ImageGeneration, PayloadModel, Place};
use cliproxy_core::ProviderFormat;
use cliproxy_translator::payload::{Rule, RuleError, Rules, Selector};
use cliproxy_translator::splice::PathError;
use serde_json::Value;

/// What of the section `payload` has no effect because its path cannot be read, a line each with its place in the file.
#[must_use]
pub fn payload_problems(config: &Config) -> Vec<String> {
    compile(config).1
}

/// The rules, and what had to be left out of them.
pub(crate) fn compile(config: &Config) -> (Rules, Vec<String>) {
    let payload = &config.payload;
    let mut made = Made::default();
    // Source: runtime.md F.1 "default, default-raw, override, override-raw, filter; within a section in file order".
    for rule in &payload.default {
        let params = rule.params.iter().map(|(path, value)| (path, value.to_string()));
        made.rule("default", &rule.place, &rule.models, params, |rule, path, json| rule.default(path, &json));
    }
    for rule in &payload.default_raw {
        let params = rule.params.iter().map(|(path, json)| (path, json));
        made.rule("default-raw", &rule.place, &rule.models, params, |rule, path, json| {
            rule.default(path, json)
        });
    }
    for rule in &payload.overrides {
        let params = rule.params.iter().map(|(path, value)| (path, value.to_string()));
        made.rule("override", &rule.place, &rule.models, params, |rule, path, json| rule.set(path, &json));
    }
    for rule in &payload.override_raw {
        let params = rule.params.iter().map(|(path, json)| (path, json));
        made.rule("override-raw", &rule.place, &rule.models, params, |rule, path, json| rule.set(path, json));
    }
    for rule in &payload.filter {
        let params = rule.params.iter().map(|path| (path, ()));
        made.rule("filter", &rule.place, &rule.models, params, |rule, path, ()| rule.remove(path));
    }
    match without_image_tools(config.images.generation) {
        Ok(rules) => rules.into_iter().for_each(|rule| made.rules.push(rule)),
        Err(error) => made.problems.push(format!("`disable-image-generation` has no effect: {error}")),
    }
    (made.rules, made.problems)
}

/// Takes the tool that makes images out of requests, and what chooses it. It has no meaning outside Responses' formats.
// Source: runtime.md A.10 `disable-image-generation`. The tool is never added here, so that `false` and `passthrough` are
// the same; the endpoints that `chat` leaves open do not exist yet.
fn without_image_tools(policy: ImageGeneration) -> Result<Vec<Rule>, String> {
    if !matches!(policy, ImageGeneration::Disabled | ImageGeneration::DisabledInChat) {
        return Ok(Vec::new());
    }
    let tool = r#"#(type=="image_generation")#"#;
    let mut rules = Vec::new();
    for format in [ProviderFormat::CODEX, ProviderFormat::OPENAI_RESPONSES] {
        let all = Selector::new("*").protocol(format.as_str());
        let chosen = all.clone().equal("tool_choice.type", Value::from("image_generation"));
        let chosen = chosen.map_err(|error| error.to_string())?;
        let rule = Rule::new([all]).remove(&format!("tools.{tool}"));
        let rule = rule.and_then(|rule| rule.remove(&format!("tool_choice.tools.{tool}")));
        rules.push(rule.map_err(|error| error.to_string())?);
        rules.push(Rule::new([chosen]).remove("tool_choice").map_err(|error| error.to_string())?);
        // A choice among no tools is refused, and so is a choice without any.
        for (emptied, members) in
            [("tool_choice.tools", &["tool_choice"][..]), ("tools", &["tools", "tool_choice"])]
        {
            let emptied =
                Selector::new("*").protocol(format.as_str()).equal(emptied, Value::Array(Vec::new()));
            let mut rule = Rule::new([emptied.map_err(|error| error.to_string())?]);
            for member in members {
                rule = rule.remove(member).map_err(|error| error.to_string())?;
            }
            rules.push(rule);
        }
    }
    Ok(rules)
}

#[derive(Default)]
struct Made {
    rules: Rules,
    problems: Vec<String>,
}

impl Made {
    /// Adds one rule without the parts that cannot be read.
    fn rule<'c, V>(
        &mut self,
        section: &str,
        place: &Place,
        models: &[PayloadModel],
        params: impl Iterator<Item = (&'c String, V)>,
        add: impl Fn(Rule, &str, V) -> Result<Rule, RuleError>,
    ) {
        let mut selectors = Vec::new();
        for model in models {
            match selector(model) {
                Ok(selector) => selectors.push(selector),
                // Without its condition it would take more requests than it was written for.
                Err((path, error)) => self.problems.push(format!(
                    "{place}: `payload.{section}`: the model `{}` is left out, for its condition {path:?}: {error}",
                    model.name
                )),
            }
        }
        let mut rule = Rule::new(selectors);
        for (path, value) in params {
            match add(rule.clone(), path, value) {
                Ok(more) => rule = more,
                Err(error) => {
                    self.problems
                        .push(format!("{place}: `payload.{section}`: {path:?} is left out: {error}"));
                }
            }
        }
        self.rules.push(rule);
    }
}

fn selector(model: &PayloadModel) -> Result<Selector, (&str, PathError)> {
    let mut selector =
        Selector::new(&model.name).protocol(&model.protocol).from_protocol(&model.from_protocol);
    for (name, pattern) in &model.headers {
        selector = selector.header(name, pattern);
    }
    for wanted in &model.matches {
        let path = wanted.path.as_str();
        selector = selector.equal(path, wanted.value.clone()).map_err(|error| (path, error))?;
    }
    for unwanted in &model.not_matches {
        let path = unwanted.path.as_str();
        selector = selector.unequal(path, unwanted.value.clone()).map_err(|error| (path, error))?;
    }
    for path in &model.exist {
        selector = selector.exists(path).map_err(|error| (path.as_str(), error))?;
    }
    for path in &model.not_exist {
        selector = selector.missing(path).map_err(|error| (path.as_str(), error))?;
    }
    Ok(selector)
}
