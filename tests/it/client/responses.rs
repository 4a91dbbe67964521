//! OpenAI Responses.

use cliproxy_testkit::SseEvent;
use serde_json::{Value, json};

use super::{Client, Refusal, count_of, list, openai_kinds, openai_refusal, parsed, text_of};
use crate::ask::{Ask, Finish, PDF, PNG, Part, Said, Turn, schema};

pub struct Responses;

impl Client for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn path(&self, _model: &str, _stream: bool) -> String {
        "/v1/responses".to_owned()
    }

    fn body(&self, model: &str, ask: &Ask, stream: bool) -> Value {
        let input: Vec<Value> = ask.turns.iter().flat_map(turn).collect();
        let mut body = json!({"model": model, "input": input, "store": false});
        if stream {
            body["stream"] = json!(true);
        }
        if let Some(system) = ask.system {
            body["instructions"] = json!(system);
        }
        if ask.tools {
            body["tools"] = json!([{
                "type": "function", "name": "weather", "description": "The weather", "parameters": schema(),
                "strict": false,
            }]);
        }
        if ask.thinking {
            body["reasoning"] = json!({"effort": "high", "summary": "auto"});
        }
        if ask.structured {
            let format = json!({"type": "json_schema", "name": "city", "strict": true, "schema": schema()});
            body["text"] = json!({"format": format});
        }
        body
    }

    fn whole(&self, body: &Value) -> Said {
        assert_eq!((&body["object"], &body["status"]), (&json!("response"), &json!("completed")), "{body}");
        let mut said = Said {
            usage: (count_of(&body["usage"]["input_tokens"]), count_of(&body["usage"]["output_tokens"])),
            model: text_of(&body["model"]),
            ..Said::default()
        };
        for item in list(&body["output"]) {
            match item["type"].as_str() {
                Some("message") => {
                    said.text +=
                        &list(&item["content"]).map(|part| text_of(&part["text"])).collect::<String>();
                }
                Some("reasoning") => {
                    said.thinking +=
                        &list(&item["summary"]).map(|part| text_of(&part["text"])).collect::<String>();
                }
                Some("function_call") => {
                    assert!(!text_of(&item["call_id"]).is_empty(), "{item}");
                    said.calls.push((text_of(&item["name"]), parsed(&text_of(&item["arguments"]))));
                    said.finish = Finish::Calls;
                }
                _ => panic!("an unexpected item: {item}"),
            }
        }
        said
    }

    /// The deltas and the final response have to say the same.
    fn stream(&self, events: &[SseEvent]) -> Said {
        let mut streamed = Said::default();
        let mut arguments: Vec<(String, String)> = Vec::new();
        let mut sequence = None;
        for event in events {
            let data = event.json();
            assert_eq!(data["type"], event.event.as_str(), "{data}");
            let number = count_of(&data["sequence_number"]);
            assert!(sequence.is_none_or(|before| number > before), "{data}");
            sequence = Some(number);
            match event.event.as_str() {
                "response.output_text.delta" => streamed.text += &text_of(&data["delta"]),
                "response.reasoning_summary_text.delta" => streamed.thinking += &text_of(&data["delta"]),
                "response.output_item.added" if data["item"]["type"] == "function_call" => {
                    arguments.push((text_of(&data["item"]["id"]), String::new()));
                    streamed.calls.push((text_of(&data["item"]["name"]), Value::Null));
                }
                "response.function_call_arguments.delta" => {
                    let id = text_of(&data["item_id"]);
                    let open = arguments.iter_mut().find(|(item, _)| *item == id);
                    open.expect("a call has begun").1 += &text_of(&data["delta"]);
                }
                _ => {}
            }
        }
        for (call, (_, text)) in streamed.calls.iter_mut().zip(&arguments) {
            call.1 = parsed(text);
        }
        assert_eq!(events.first().map(|event| event.event.as_str()), Some("response.created"));
        let last = events.last().expect("a stream has an end");
        assert_eq!(last.event, "response.completed", "{}", last.data);
        let said = self.whole(&last.json()["response"]);
        assert_eq!((&streamed.text, &streamed.thinking), (&said.text, &said.thinking));
        assert_eq!(streamed.calls, said.calls);
        said
    }

    fn refusal(&self, _status: u16, body: &Value) -> Refusal {
        openai_refusal(body)
    }

    fn kinds(&self, status: u16) -> &'static [&'static str] {
        openai_kinds(status)
    }

    fn broken(&self, events: &[SseEvent]) -> Option<String> {
        assert!(events.iter().all(|event| event.event != "response.completed"));
        let last = events.last()?;
        let data = last.json();
        match last.event.as_str() {
            "error" => {
                assert_eq!(
                    (&data["type"], &data["code"]),
                    (&json!("error"), &json!("server_error")),
                    "{data}"
                );
                Some(text_of(&data["message"]))
            }
            "response.failed" => {
                let response = &data["response"];
                assert_eq!(response["status"], "failed", "{data}");
                let code = text_of(&response["error"]["code"]);
                assert!(["server_error", "server_is_overloaded"].contains(&&*code), "{data}");
                Some(text_of(&response["error"]["message"]))
            }
            _ => None,
        }
    }
}

fn turn(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User(parts) => {
            let parts: Vec<Value> = parts.iter().map(part).collect();
            vec![json!({"type": "message", "role": "user", "content": parts})]
        }
        Turn::Assistant(text) => {
            let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
            vec![json!({"type": "message", "role": "assistant", "content": content})]
        }
        Turn::Calls(calls) => calls
            .iter()
            .map(|(id, city)| {
                let arguments = json!({"city": city}).to_string();
                json!({"type": "function_call", "call_id": id, "name": "weather", "arguments": arguments})
            })
            .collect(),
        Turn::Results(results) => results
            .iter()
            .map(|(id, text)| json!({"type": "function_call_output", "call_id": id, "output": text}))
            .collect(),
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "input_text", "text": text}),
        Part::Image => {
            json!({"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{PNG}")})
        }
        Part::Document => {
            let data = format!("data:application/pdf;base64,{PDF}");
            json!({"type": "input_file", "filename": "a.pdf", "file_data": data})
        }
    }
}
