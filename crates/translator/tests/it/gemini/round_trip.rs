//! Gemini → canonical → Gemini loses nothing. Source: translation.md A.1, F.1.

use cliproxy_translator::{Codec, Profile};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{SIGNED, check_request, codec, codec_of, context};

fn through(body: &Value) -> Value {
    let text = body.to_string();
    let request = codec().decode_request(text.as_bytes()).unwrap();
    let encoded = codec().encode_request(&request, &Profile::new("gemini-3-pro", false)).unwrap();
    assert_eq!(encoded.losses, []);
    serde_json::from_slice(&encoded.body).unwrap()
}

fn base() -> Value {
    json!({"contents":[{"role":"user","parts":[{"text":"hi"}]}]})
}

#[test]
fn every_official_member_survives() {
    for members in [
        json!({"systemInstruction":{"parts":[{"text":"a"},{"text":"b"}]}}),
        json!({"tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}},"behavior":"NON_BLOCKING","response":{"type":"OBJECT"}}]}]}),
        json!({"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object","required":["x"]}}]},{"googleSearch":{}},{"codeExecution":{}}]}),
        json!({"tools":[{"urlContext":{}},{"googleMaps":{"enableWidget":true}},{"fileSearch":{"fileSearchStoreNames":["s"]}}]}),
        json!({"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"VALIDATED","allowedFunctionNames":["f"]},"retrievalConfig":{"languageCode":"en"}}}),
        json!({"generationConfig":{"temperature":0.10,"topP":0.9,"topK":40,"presencePenalty":0.1,"frequencyPenalty":0.2,"seed":1,"maxOutputTokens":7,"stopSequences":["a"],"candidateCount":1,"responseLogprobs":true,"logprobs":2}}),
        json!({"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT"}}}),
        json!({"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}}),
        json!({"generationConfig":{"responseMimeType":"text/plain"}}),
        json!({"generationConfig":{"responseModalities":["TEXT","IMAGE"],"speechConfig":{"languageCode":"de"},"mediaResolution":"MEDIA_RESOLUTION_LOW"}}),
        json!({"generationConfig":{"thinkingConfig":{"thinkingBudget":-1,"includeThoughts":true}}}),
        json!({"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}}}),
        json!({"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"cachedContent":"cachedContents/1","labels":{"a":"b"},"serviceTier":"flex"}),
    ] {
        let mut body = base();
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        assert_eq!(through(&body), body);
    }
    let body = json!({"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"responseSchema":{"type":"STRING","enum":["a"]},"responseMimeType":"text/x.enum"}});
    assert_eq!(through(&body), body);
}

#[test]
fn every_part_survives() {
    let model = json!([
        {"text":"hm","thought":true},
        {"text":"hm","thought":true,"thoughtSignature":SIGNED},
        {"text":"caf\u{e9} \"q\"\n","thoughtSignature":SIGNED},
        {"text":"a"},
        {"text":"","thoughtSignature":SIGNED},
        {"executableCode":{"language":"PYTHON","code":"1"}},
        {"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}},
        {"toolCall":{"toolType":"GOOGLE_SEARCH_WEB","id":"s1","args":{}}},
        {"toolResponse":{"toolType":"GOOGLE_SEARCH_WEB","id":"s1","response":{}}},
        {"inlineData":{"mimeType":"image/png","data":"AA==","displayName":"n"},"thoughtSignature":SIGNED},
        {"functionCall":{"id":"c1","name":"f","args":{"a":1.50}},"thoughtSignature":SIGNED},
        {"functionCall":{"name":"g","args":{}}}
    ]);
    let user = json!([
        {"functionResponse":{"id":"c1","name":"f","response":{"result":"ok"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}],"scheduling":"SILENT"}},
        {"functionResponse":{"name":"g","response":{"error":"bad","more":[1]}}}
    ]);
    let rest = json!([
        {"text":"see"},
        {"inlineData":{"mimeType":"video/mp4","data":"AA=="},"videoMetadata":{"fps":2}},
        {"fileData":{"mimeType":"application/pdf","fileUri":"gs://b/a.pdf"}},
        {"fileData":{"fileUri":"https://www.youtube.com/watch?v=x"}},
        {"fileData":{"mimeType":"image/png","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/x","displayName":"d"},"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"}}
    ]);
    let body = json!({"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":model},{"role":"user","parts":user},{"role":"user","parts":rest}]});
    let out = through(&body);
    assert_eq!(out, body);
    check_request(&out);
}

#[test]
fn parts_of_tomorrow_survive() {
    let body = json!({"contents":[{"role":"user","mood":"calm","parts":[{"hologram":{"depth":[1,2]}},{"text":"a","glow":true},{}]}],
        "tomorrow":[null],"generationConfig":{"zest":1,"thinkingConfig":{"depth":3}},"tools":[{"timeTravel":{"to":1}}]});
    assert_eq!(through(&body), body);
}

#[test]
fn the_envelope_goes_on_and_off() {
    let inner = base();
    let wrapped = json!({"model":"gemini-3-pro","project":"p","request":inner});
    let (gemini, cli) = (codec(), codec_of("gemini-cli"));
    let text = wrapped.to_string();
    let request = cli.decode_request(text.as_bytes()).unwrap();
    assert_eq!(request.model, "gemini-3-pro");
    let profile = Profile::new("gemini-3-flash", false);
    let bare: Value =
        serde_json::from_slice(&gemini.encode_request(&request, &profile).unwrap().body).unwrap();
    assert_eq!(bare, inner);
    let again: Value = serde_json::from_slice(&cli.encode_request(&request, &profile).unwrap().body).unwrap();
    assert_eq!(again, json!({"model":"gemini-3-flash","request":inner}));
}

#[test]
fn a_reply_survives() {
    let reply = json!({"candidates":[{"content":{"parts":[{"text":"hm","thought":true,"thoughtSignature":SIGNED},{"text":"a"},
        {"functionCall":{"id":"c1","name":"f","args":{"a":1}},"thoughtSignature":SIGNED}],"role":"model"},"finishReason":"STOP","index":0,
        "groundingMetadata":{"webSearchQueries":["q"]},"avgLogprobs":-0.5}],
        "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":3,"totalTokenCount":18},
        "modelVersion":"gemini-3-pro","responseId":"r"});
    let text = reply.to_string();
    let response = codec().decode_reply(text.as_bytes(), &context()).unwrap();
    let again: Value = serde_json::from_slice(&codec().encode_reply(&response, &context())).unwrap();
    assert_eq!(again, reply);
    let wrapped: Value =
        serde_json::from_slice(&codec_of("gemini-cli").encode_reply(&response, &context())).unwrap();
    assert_eq!(wrapped, json!({"response":reply}));
}

pub fn part() -> impl Strategy<Value = Value> {
    let text = "[a-z\"\\\\\n\u{e9}\u{1f600}]{1,12}";
    prop_oneof![
        text.prop_map(|text| json!({"text":text})),
        (text, any::<bool>()).prop_map(|(text, signed)| match signed {
            true => json!({"text":text,"thought":true,"thoughtSignature":SIGNED}),
            false => json!({"text":text,"thought":true}),
        }),
        "[a-z]{1,5}".prop_map(|name| json!({"functionCall":{"id":format!("c{name}"),"name":name,"args":{"n":1}},"thoughtSignature":SIGNED})),
        Just(json!({"inlineData":{"mimeType":"image/png","data":"AA=="}})),
    ]
}

proptest! {
    #[test]
    fn any_request_gives_a_valid_one(parts in proptest::collection::vec(part(), 1..8)) {
        let body = json!({"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":parts},{"role":"user","parts":[{"text":"r"}]}]});
        let text = body.to_string();
        let request = codec().decode_request(text.as_bytes()).unwrap();
        let encoded = codec().encode_request(&request, &Profile::new("gemini-3-pro", false)).unwrap();
        check_request(&serde_json::from_slice(&encoded.body).unwrap());
        for provider in ["openai", "claude"] {
            let encoded = codec_of(provider).encode_request(&request, &Profile::new("m", false)).unwrap();
            prop_assert!(serde_json::from_slice::<Value>(&encoded.body).is_ok());
        }
    }
}
