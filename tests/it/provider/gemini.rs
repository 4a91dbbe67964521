//! Gemini and Vertex, with API keys.

use cliproxy_testkit::{Received, Reply, gemini};
use serde_json::{Value, json};

use super::{Provider, entries};
use crate::ask::{Answer, Got};
use crate::client::{list, text_of};

/// The two kinds share their format; they differ in their addresses.
pub struct Google {
    name: &'static str,
    section: &'static str,
    path: &'static str,
}

pub static GEMINI: Google = Google { name: "gemini", section: "gemini-api-key", path: "/v1beta/models/" };
pub static VERTEX: Google =
    Google { name: "vertex", section: "vertex-api-key", path: "/v1/publishers/google/models/" };

impl Provider for Google {
    fn name(&self) -> &'static str {
        self.name
    }

    fn config(&self, url: &str, keys: &[&str], name: &str, alias: &str) -> String {
        entries(self.section, url, keys, name, alias)
    }

    fn asked(&self, request: &Received) -> (String, bool) {
        let rest = request.path.strip_prefix(self.path).unwrap_or_else(|| panic!("{}", request.path));
        let (model, action) = rest.rsplit_once(':').expect("an action");
        let stream = action == "streamGenerateContent";
        assert_eq!(stream, request.query.contains("alt=sse"), "{} {}", request.path, request.query);
        assert!(stream || action == "generateContent", "{action}");
        (model.to_owned(), stream)
    }

    fn got(&self, request: &Received) -> Got {
        read(&request.json())
    }

    fn answer(&self, answer: &Answer, stream: bool) -> Reply {
        let made = generation(answer);
        if stream { made.stream() } else { made.whole() }
    }

    fn error(&self, status: u16, message: &str) -> Reply {
        error(status, message)
    }

    fn broken_stream(&self, message: &str) -> Reply {
        let good = gemini::stream("half of it");
        good.truncate(1).then(gemini::error_event(503, "UNAVAILABLE", message))
    }

    fn preamble(&self) -> usize {
        0
    }
}

/// A request of the format.
pub fn read(body: &Value) -> Got {
    let config = &body["generationConfig"];
    let schema = config.get("responseJsonSchema").or_else(|| config.get("responseSchema"));
    let budget = &config["thinkingConfig"];
    let mut got = Got {
        system: parts(&body["systemInstruction"]).iter().filter_map(|part| part["text"].as_str()).collect(),
        thinking: budget["thinkingBudget"].as_i64().is_some_and(|budget| budget > 0)
            || budget["thinkingLevel"].is_string(),
        schema: schema.cloned().map(plain),
        ..Got::default()
    };
    for function in list(&body["tools"]).flat_map(|tool| list(&tool["functionDeclarations"])) {
        let schema = function.get("parametersJsonSchema").or_else(|| function.get("parameters"));
        got.tools.push((text_of(&function["name"]), plain(schema.cloned().unwrap_or_default())));
    }
    for part in list(&body["contents"]).flat_map(parts) {
        if let Some(text) = part["text"].as_str() {
            got.texts.push(text.to_owned());
        } else if part["functionCall"].is_object() {
            let call = &part["functionCall"];
            got.calls.push((text_of(&call["name"]), call["args"].clone()));
        } else if part["functionResponse"].is_object() {
            let response = &part["functionResponse"]["response"];
            let text = response.get("result").or_else(|| response.get("output")).unwrap_or(response);
            got.results.push(text_of(text));
        } else {
            let data = part.get("inlineData").or_else(|| part.get("inline_data"));
            let data = data.unwrap_or_else(|| panic!("an unexpected part: {part}"));
            let kind = text_of(data.get("mimeType").unwrap_or(&data["mime_type"]));
            match kind.as_str() {
                "application/pdf" => got.documents.push(text_of(&data["data"])),
                _ => got.images.push((kind, text_of(&data["data"]))),
            }
        }
    }
    got
}

/// An answer, with twelve tokens in and seven out.
pub fn generation(answer: &Answer) -> gemini::Generation {
    let mut generation = gemini::Generation::new().usage(12, 7);
    if let Some(text) = answer.thinking {
        generation = generation.thought(text);
    }
    if let Some(text) = answer.text {
        generation = generation.text(text);
    }
    for (_, city) in &answer.calls {
        generation = generation.function_call("weather", &json!({"city": city}));
    }
    generation
}

/// An error in Google's words.
pub fn error(status: u16, message: &str) -> Reply {
    let kind = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        413 => "INVALID_ARGUMENT",
        503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    gemini::error(status, kind, message)
}

fn parts(content: &Value) -> Vec<&Value> {
    list(&content["parts"]).collect()
}

/// A schema in JSON Schema's spelling: Gemini's own has types in capitals, and no `additionalProperties`.
fn plain(mut schema: Value) -> Value {
    lower(&mut schema);
    if let Some(members) = schema.as_object_mut() {
        members.entry("additionalProperties").or_insert(json!(false));
    }
    schema
}

fn lower(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match member {
                    Value::String(text) if key == "type" => *text = text.to_lowercase(),
                    member => lower(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lower),
        _ => {}
    }
}
