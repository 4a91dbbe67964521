//! Requests and replies in no format: what every cell of the matrix is built from and compared with.

use serde_json::{Value, json};

/// One transparent pixel.
pub const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
/// The beginning of a document.
pub const PDF: &str = "JVBERi0xLjQKJdPr6eEKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoK";

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub system: Option<&'static str>,
    pub turns: Vec<Turn>,
    pub tools: bool,
    pub thinking: bool,
    pub structured: bool,
}

#[derive(Clone, Debug)]
pub enum Turn {
    User(Vec<Part>),
    Assistant(&'static str),
    /// Calls of the tool `weather`: id and city.
    Calls(Vec<(&'static str, &'static str)>),
    /// Their results: id and text.
    Results(Vec<(&'static str, &'static str)>),
}

#[derive(Clone, Debug)]
pub enum Part {
    Text(&'static str),
    Image,
    Document,
}

/// The schema of the tool's arguments, and of structured replies.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    })
}

/// What a provider answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub thinking: Option<&'static str>,
    pub text: Option<&'static str>,
    /// Calls of the tool `weather`: id and city.
    pub calls: Vec<(&'static str, &'static str)>,
}

/// What a provider was sent, as far as the matrix compares it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Got {
    pub system: String,
    /// Texts of users and of the assistant, in order.
    pub texts: Vec<String>,
    /// Media type and data.
    pub images: Vec<(String, String)>,
    pub documents: Vec<String>,
    /// Names and schemas.
    pub tools: Vec<(String, Value)>,
    /// Names and arguments of earlier calls.
    pub calls: Vec<(String, Value)>,
    pub results: Vec<String>,
    pub thinking: bool,
    pub schema: Option<Value>,
}

impl Ask {
    /// What any provider should be sent.
    pub fn expected(&self) -> Got {
        let mut got = Got {
            system: self.system.unwrap_or_default().to_owned(),
            thinking: self.thinking,
            schema: self.structured.then(schema),
            ..Got::default()
        };
        if self.tools {
            got.tools.push(("weather".to_owned(), schema()));
        }
        for turn in &self.turns {
            match turn {
                Turn::Assistant(text) => got.texts.push((*text).to_owned()),
                Turn::Calls(calls) => {
                    got.calls
                        .extend(calls.iter().map(|(_, city)| ("weather".to_owned(), json!({"city": city}))));
                }
                Turn::Results(results) => {
                    got.results.extend(results.iter().map(|(_, text)| (*text).to_owned()))
                }
                Turn::User(parts) => {
                    for part in parts {
                        match part {
                            Part::Text(text) => got.texts.push((*text).to_owned()),
                            Part::Image => got.images.push(("image/png".to_owned(), PNG.to_owned())),
                            Part::Document => got.documents.push(PDF.to_owned()),
                        }
                    }
                }
            }
        }
        got
    }
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    #[default]
    Stop,
    Calls,
}

/// What a client was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub thinking: String,
    pub text: String,
    /// Names and arguments.
    pub calls: Vec<(String, Value)>,
    pub finish: Finish,
    /// Tokens in and out.
    pub usage: (u64, u64),
    pub model: String,
}

impl Answer {
    /// What any client should be told, under the name of the model that it asked for.
    pub fn expected(&self, model: &str) -> Said {
        Said {
            thinking: self.thinking.unwrap_or_default().to_owned(),
            text: self.text.unwrap_or_default().to_owned(),
            calls: self.calls.iter().map(|(_, city)| ("weather".to_owned(), json!({"city": city}))).collect(),
            finish: if self.calls.is_empty() { Finish::Stop } else { Finish::Calls },
            usage: (12, 7),
            model: model.to_owned(),
        }
    }
}

/// One thing that every pair of formats has to carry.
pub struct Feature {
    pub name: &'static str,
    pub ask: Ask,
    pub answer: Answer,
}

pub fn features() -> Vec<Feature> {
    let user = |text| Turn::User(vec![Part::Text(text)]);
    let text = |text| Answer { text: Some(text), ..Answer::default() };
    vec![
        Feature {
            name: "text",
            ask: Ask {
                system: Some("Be brief."),
                turns: vec![
                    user("Hello"),
                    Turn::Assistant("Yes?"),
                    user("Größe in 日本語 \"quoted\" \\ 🦀?"),
                ],
                ..Ask::default()
            },
            answer: text("Größe: 12 — 日本語 🦀 \"ok\"\n\tdone"),
        },
        Feature {
            name: "a tool",
            ask: Ask { turns: vec![user("Weather in Paris?")], tools: true, ..Ask::default() },
            answer: Answer { text: Some("Let me look."), calls: vec![("call_1", "Paris")], thinking: None },
        },
        Feature {
            name: "a tool's result",
            ask: Ask {
                turns: vec![
                    user("Weather in Paris?"),
                    Turn::Calls(vec![("call_1", "Paris")]),
                    Turn::Results(vec![("call_1", "sunny")]),
                ],
                tools: true,
                ..Ask::default()
            },
            answer: text("It is sunny."),
        },
        Feature {
            name: "parallel tools",
            ask: Ask {
                turns: vec![
                    user("Weather in Rome and Oslo?"),
                    Turn::Calls(vec![("call_1", "Rome"), ("call_2", "Oslo")]),
                    Turn::Results(vec![("call_1", "warm"), ("call_2", "cold")]),
                    user("And in Paris and Bern?"),
                ],
                tools: true,
                ..Ask::default()
            },
            answer: Answer { calls: vec![("call_3", "Paris"), ("call_4", "Bern")], ..Answer::default() },
        },
        Feature {
            name: "an image",
            ask: Ask {
                turns: vec![Turn::User(vec![Part::Text("What is this?"), Part::Image])],
                ..Ask::default()
            },
            answer: text("A pixel."),
        },
        Feature {
            name: "a document",
            ask: Ask {
                turns: vec![Turn::User(vec![Part::Document, Part::Text("Sum it up.")])],
                ..Ask::default()
            },
            answer: text("Nothing in it."),
        },
        Feature {
            name: "thinking",
            ask: Ask { turns: vec![user("Think hard.")], thinking: true, ..Ask::default() },
            answer: Answer { thinking: Some("Hm, let me see."), text: Some("42"), calls: vec![] },
        },
        Feature {
            name: "structured output",
            ask: Ask { turns: vec![user("Which city?")], structured: true, ..Ask::default() },
            answer: text("{\"city\":\"Paris\"}"),
        },
    ]
}
