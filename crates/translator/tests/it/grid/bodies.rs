//! One conversation as every client format writes it.

use proptest::prelude::*;
use serde_json::{Value, json};

/// What somebody says.
#[derive(Clone, Debug)]
pub enum Piece {
    Text(String),
    Image,
    Document,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub name: String,
    pub args: Value,
    /// What the tool says; nothing where its user went on without it.
    pub result: Option<String>,
    /// It shows an image, too.
    pub shows: bool,
    /// What it says is why it failed.
    pub failed: bool,
}

/// One round: the user asks, the model answers, or calls and is answered.
#[derive(Clone, Debug, Default)]
pub struct Round {
    pub user: Vec<Piece>,
    pub thinks: Option<String>,
    pub says: Option<String>,
    pub calls: Vec<Call>,
}

#[derive(Clone, Debug, Default)]
pub struct Conversation {
    pub system: Option<String>,
    pub rounds: Vec<Round>,
    /// The last thing that the user says.
    pub last: String,
    pub tools: bool,
    pub structured: bool,
}

impl Call {
    /// What its result shows.
    pub fn image(&self) -> Option<&'static str> {
        (self.shows && self.result.is_some()).then_some(SHOWN)
    }
}

impl Round {
    /// The calls that were answered.
    fn results(&self) -> impl Iterator<Item = (&Call, &str)> {
        self.calls.iter().filter_map(|call| Some((call, call.result.as_deref()?)))
    }
}

/// A signature as Claude issues it.
const SIGNED: &str = "EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu";

/// Every client format.
pub const CLIENTS: [&str; 5] = ["openai", "claude", "openai-response", "gemini", "gemini-cli"];

pub const IMAGE: &str = "iVBORw0KGgoAAAANSUhE";
/// An image that a tool shows.
pub const SHOWN: &str = "iVBORw0KGgoAAAANSUhEU2hvd24A";
pub const DOCUMENT: &str = "JVBERi0xLjQKbmVlZGxl";
pub const TOOL: &str = "lookup_city";

/// The schema of the tool, and of the output.
fn schema(property: &str) -> Value {
    json!({"type": "object", "properties": {property: {"type": "string"}}, "required": [property], "additionalProperties": false})
}

pub fn text(text: &str) -> Vec<Piece> {
    vec![Piece::Text(text.to_owned())]
}

impl Conversation {
    pub fn body(&self, client: &str) -> Value {
        match client {
            "openai" => self.chat(),
            "claude" => self.claude(),
            "openai-response" => self.responses(),
            "gemini" => self.gemini(),
            "gemini-cli" => json!({"model": "m", "request": self.gemini()}),
            other => panic!("{other}"),
        }
    }

    /// What must not get lost: words, names, data.
    pub fn needles(&self) -> Vec<String> {
        let mut needles: Vec<String> = self.system.iter().cloned().collect();
        for round in &self.rounds {
            for piece in &round.user {
                needles.push(match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Image => IMAGE.to_owned(),
                    Piece::Document => DOCUMENT.to_owned(),
                });
            }
            needles.extend(round.thinks.iter().chain(&round.says).cloned());
            for call in &round.calls {
                needles.push(call.args["city"].as_str().unwrap().to_owned());
                needles.extend(call.result.clone());
                needles.extend(call.image().map(str::to_owned));
            }
        }
        needles.push(self.last.clone());
        if self.tools {
            needles.extend([TOOL.to_owned(), "needle_property".to_owned()]);
        }
        if self.structured {
            needles.push("needle_field".to_owned());
        }
        needles
    }

    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.rounds.iter().flat_map(|round| &round.calls)
    }

    fn chat(&self) -> Value {
        let mut messages: Vec<Value> =
            self.system.iter().map(|text| json!({"role": "system", "content": text})).collect();
        for round in &self.rounds {
            let parts: Vec<Value> = round
                .user
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => json!({"type": "text", "text": text}),
                    Piece::Image => json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{IMAGE}")}}),
                    Piece::Document => json!({"type": "file", "file": {"filename": "a.pdf",
                        "file_data": format!("data:application/pdf;base64,{DOCUMENT}")}}),
                })
                .collect();
            messages.push(json!({"role": "user", "content": parts}));
            let mut turn = json!({"role": "assistant", "content": round.says});
            if let Some(thought) = &round.thinks {
                turn["reasoning_content"] = thought.as_str().into();
            }
            if !round.calls.is_empty() {
                turn["tool_calls"] = round
                    .calls
                    .iter()
                    .map(|call| {
                        json!({"id": call.id, "type": "function",
                        "function": {"name": call.name, "arguments": call.args.to_string()}})
                    })
                    .collect();
            }
            if round.says.is_some() || !round.calls.is_empty() {
                messages.push(turn);
            }
            for (call, result) in round.results() {
                let content = match call.image() {
                    None => result.into(),
                    Some(image) => json!([{"type": "text", "text": result},
                        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}}]),
                };
                messages.push(json!({"role": "tool", "tool_call_id": call.id, "content": content}));
            }
        }
        messages.push(json!({"role": "user", "content": self.last}));
        let mut body = json!({"model": "m", "messages": messages});
        if self.tools {
            body["tools"] = json!([{"type": "function", "function": {"name": TOOL, "description": "Looks up.",
                "parameters": schema("needle_property")}}]);
        }
        if self.structured {
            body["response_format"] = json!({"type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema("needle_field")}});
        }
        body
    }

    fn claude(&self) -> Value {
        let mut messages = Vec::new();
        let mut results: Vec<Value> = Vec::new();
        for round in &self.rounds {
            let mut parts = std::mem::take(&mut results);
            parts.extend(round.user.iter().map(|piece| match piece {
                Piece::Text(text) => json!({"type": "text", "text": text}),
                Piece::Image => json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}}),
                Piece::Document => json!({"type": "document", "title": "a.pdf",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": DOCUMENT}}),
            }));
            messages.push(json!({"role": "user", "content": parts}));
            let mut turn: Vec<Value> = round
                .thinks
                .iter()
                .map(|text| json!({"type": "thinking", "thinking": text, "signature": SIGNED}))
                .collect();
            turn.extend(round.says.iter().map(|text| json!({"type": "text", "text": text})));
            turn.extend(round.calls.iter().map(
                |call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.args}),
            ));
            results.extend(round.results().map(|(call, result)| {
                let content = match call.image() {
                    None => result.into(),
                    Some(image) => json!([{"type": "text", "text": result},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}]),
                };
                let mut block = json!({"type": "tool_result", "tool_use_id": call.id, "content": content});
                if call.failed {
                    block["is_error"] = true.into();
                }
                block
            }));
            if !turn.is_empty() {
                messages.push(json!({"role": "assistant", "content": turn}));
            }
        }
        results.push(json!({"type": "text", "text": self.last}));
        messages.push(json!({"role": "user", "content": results}));
        let mut body = json!({"model": "m", "max_tokens": 1000, "messages": messages});
        if let Some(system) = &self.system {
            body["system"] = system.as_str().into();
        }
        if self.tools {
            body["tools"] = json!([{"name": TOOL, "description": "Looks up.", "input_schema": schema("needle_property")}]);
        }
        if self.structured {
            body["output_config"] =
                json!({"format": {"type": "json_schema", "schema": schema("needle_field")}});
        }
        body
    }

    fn responses(&self) -> Value {
        let mut input = Vec::new();
        for round in &self.rounds {
            let parts: Vec<Value> = round
                .user
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => json!({"type": "input_text", "text": text}),
                    Piece::Image => json!({"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{IMAGE}")}),
                    Piece::Document => json!({"type": "input_file", "filename": "a.pdf",
                        "file_data": format!("data:application/pdf;base64,{DOCUMENT}")}),
                })
                .collect();
            input.push(json!({"type": "message", "role": "user", "content": parts}));
            if let Some(text) = &round.thinks {
                input.push(json!({"type": "reasoning", "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": text}]}));
            }
            if let Some(text) = &round.says {
                input.push(
                    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]}),
                );
            }
            for call in &round.calls {
                input.push(json!({"type": "function_call", "call_id": call.id, "name": call.name,
                    "arguments": call.args.to_string()}));
            }
            for (call, result) in round.results() {
                let output = match call.image() {
                    None => result.into(),
                    Some(image) => json!([{"type": "input_text", "text": result},
                        {"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{image}")}]),
                };
                input.push(json!({"type": "function_call_output", "call_id": call.id, "output": output}));
            }
        }
        input.push(json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": self.last}]}));
        let mut body = json!({"model": "m", "input": input});
        if let Some(system) = &self.system {
            body["instructions"] = system.as_str().into();
        }
        if self.tools {
            body["tools"] = json!([{"type": "function", "name": TOOL, "description": "Looks up.", "strict": false,
                "parameters": schema("needle_property")}]);
        }
        if self.structured {
            body["text"] = json!({"format": {"type": "json_schema", "name": "answer", "schema": schema("needle_field")}});
        }
        body
    }

    fn gemini(&self) -> Value {
        let mut contents = Vec::new();
        for round in &self.rounds {
            let parts: Vec<Value> = round
                .user
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => json!({"text": text}),
                    Piece::Image => json!({"inlineData": {"mimeType": "image/png", "data": IMAGE}}),
                    Piece::Document => {
                        json!({"inlineData": {"mimeType": "application/pdf", "data": DOCUMENT}})
                    }
                })
                .collect();
            contents.push(json!({"role": "user", "parts": parts}));
            let mut turn: Vec<Value> =
                round.thinks.iter().map(|text| json!({"text": text, "thought": true})).collect();
            turn.extend(round.says.iter().map(|text| json!({"text": text})));
            turn.extend(
                round.calls.iter().map(
                    |call| json!({"functionCall": {"id": call.id, "name": call.name, "args": call.args}}),
                ),
            );
            if !turn.is_empty() {
                contents.push(json!({"role": "model", "parts": turn}));
            }
            let results: Vec<Value> = round
                .results()
                .map(|(call, result)| {
                    let key = if call.failed { "error" } else { "output" };
                    let mut response = json!({"id": call.id, "name": call.name, "response": {key: result}});
                    if let Some(image) = call.image() {
                        response["parts"] = json!([{"inlineData": {"mimeType": "image/png", "data": image}}]);
                    }
                    json!({"functionResponse": response})
                })
                .collect();
            if !results.is_empty() {
                contents.push(json!({"role": "user", "parts": results}));
            }
        }
        contents.push(json!({"role": "user", "parts": [{"text": self.last}]}));
        let mut body = json!({"contents": contents});
        if let Some(system) = &self.system {
            body["systemInstruction"] = json!({"parts": [{"text": system}]});
        }
        if self.tools {
            let parameters = json!({"type": "OBJECT", "properties": {"needle_property": {"type": "STRING"}}});
            body["tools"] = json!([{"functionDeclarations": [{"name": TOOL, "description": "Looks up.", "parameters": parameters}]}]);
        }
        if self.structured {
            body["generationConfig"] = json!({"responseMimeType": "application/json",
                "responseSchema": {"type": "OBJECT", "properties": {"needle_field": {"type": "STRING"}}}});
        }
        body
    }
}

/// The next request of a client that got this reply and repeats what its format has room for.
pub fn next_request(client: &str, reply: &Value) -> Value {
    let done = "It is done.";
    let result = |id: &Value| json!({"role": "tool", "tool_call_id": id, "content": done});
    match client {
        "openai" => {
            let message = &reply["choices"][0]["message"];
            // What people's programs keep of it.
            let kept = json!({"role": "assistant", "content": message["content"], "tool_calls": message["tool_calls"]
                .as_array().unwrap().iter().map(|call| json!({"id": call["id"], "type": "function", "function": call["function"]})).collect::<Vec<_>>()});
            let id = &message["tool_calls"][0]["id"];
            json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}, kept, result(id)]})
        }
        "claude" => {
            let id = reply["content"]
                .as_array()
                .unwrap()
                .iter()
                .find_map(|block| (block["type"] == "tool_use").then(|| block["id"].clone()));
            json!({"model": "m", "max_tokens": 1000, "messages": [
                {"role": "user", "content": "Hi"}, {"role": "assistant", "content": reply["content"]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": done}]}]})
        }
        "openai-response" => {
            let mut input = vec![
                json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}),
            ];
            let output = reply["output"].as_array().unwrap();
            input.extend(output.iter().cloned());
            let id = output
                .iter()
                .find_map(|item| (item["type"] == "function_call").then(|| item["call_id"].clone()));
            input.push(json!({"type": "function_call_output", "call_id": id, "output": done}));
            json!({"model": "m", "input": input})
        }
        "gemini" => {
            let content = &reply["candidates"][0]["content"];
            json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, content,
                {"role": "user", "parts": [{"functionResponse": {"name": TOOL, "response": {"output": done}}}]}]})
        }
        "gemini-cli" => json!({"model": "m", "request": next_request("gemini", &reply["response"])}),
        other => panic!("{other}"),
    }
}

/// Words that can be found again in JSON of any spelling.
fn words() -> impl Strategy<Value = String> {
    "[a-z]{3,8} [a-z]{3,8}"
}

/// What somebody thinks, that a test knows it.
pub const THOUGHT: &str = "thought ";

fn call(place: usize) -> impl Strategy<Value = Call> {
    // Of two calls in one round nobody has the same; some services count anew in each, others make long ones.
    let id = prop_oneof![
        2 => Just(format!("call_{place}")),
        1 => Just(format!("call_{}", place % 10)),
        1 => Just(format!("functions.lookup_city:{place}")),
        1 => Just(format!("chatcmpl-tool-{}{place}", "0123456789".repeat(6))),
    ];
    let result = prop::option::weighted(0.9, words());
    (id, words(), result, prop::bool::weighted(0.3), prop::bool::weighted(0.3)).prop_map(
        move |(id, city, result, shows, failed)| Call {
            id,
            name: TOOL.to_owned(),
            args: json!({"city": city}),
            result,
            shows,
            failed,
        },
    )
}

fn round(place: usize) -> impl Strategy<Value = Round> {
    let piece =
        prop_oneof![3 => words().prop_map(Piece::Text), 1 => Just(Piece::Image), 1 => Just(Piece::Document)];
    let calls = prop_oneof![
        2 => Just(Vec::new()).boxed(),
        1 => call(place * 10).prop_map(|call| vec![call]).boxed(),
        1 => (call(place * 10), call(place * 10 + 1)).prop_map(|(a, b)| vec![a, b]).boxed(),
    ];
    let thinks = prop::option::weighted(0.3, words().prop_map(|words| format!("{THOUGHT}{words}")));
    (prop::collection::vec(piece, 1..3), thinks, prop::option::of(words()), calls).prop_map(
        |(user, thinks, says, calls)| {
            // Nobody thinks and says nothing.
            let thinks = thinks.filter(|_| says.is_some() || !calls.is_empty());
            Round { user, thinks, says, calls }
        },
    )
}

/// Any conversation that has a form in every format.
pub fn conversation() -> impl Strategy<Value = Conversation> {
    let rounds = prop_oneof![
        Just(Vec::new()).boxed(),
        round(1).prop_map(|a| vec![a]).boxed(),
        (round(1), round(2)).prop_map(|(a, b)| vec![a, b]).boxed(),
    ];
    (prop::option::of(words()), rounds, words(), any::<bool>(), any::<bool>()).prop_map(
        |(system, rounds, last, tools, structured)| {
            let tools = tools || rounds.iter().any(|round| !round.calls.is_empty());
            Conversation { system, rounds, last, tools, structured }
        },
    )
}
