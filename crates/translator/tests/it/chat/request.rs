//! Requests, read.

use cliproxy_core::Level;
use cliproxy_translator::model::{
    Args, MediaClass, MediaSource, OutputFormat, PartKind, ReasoningMode, Request, Role, Summary, Tool,
    ToolChoice,
};
use cliproxy_translator::{Codec, CodecErrorKind};
use serde_json::{Value, json};

use super::{body, codec};

/// Reads a body and hands the request to `check`.
fn read<T>(body: &Value, check: impl FnOnce(&Request<'_>) -> T) -> T {
    let text = body.to_string();
    check(&codec().decode_request(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}")))
}

#[test]
fn routing_reads_model_stream_and_session() {
    for (text, model, stream, session, key) in [
        (r#"{"model":"m","stream":true}"#, "m", true, None, None),
        (r#"{"model":"a\/b","stream":false}"#, "a/b", false, None, None),
        // Source: http-api.md A.3: only the literal `true` streams.
        (r#"{"stream":"true"}"#, "", false, None, None),
        (r#"{"stream":1}"#, "", false, None, None),
        (r#"{"model":"m","model":"n"}"#, "n", false, None, None),
        (r#"{"model":"m","session_id":"s","prompt_cache_key":"k"}"#, "m", false, Some("s"), Some("k")),
        (r#"{"conversation":{"id":"c"}}"#, "", false, Some("c"), None),
        (r#"{"conversation":"c"}"#, "", false, Some("c"), None),
        (r#"{"metadata":{"conversation_id":"c"}}"#, "", false, Some("c"), None),
        (r#"{"session_id":7,"prompt_cache_key":""}"#, "", false, None, None),
    ] {
        let peek = codec().peek(text.as_bytes()).unwrap();
        assert_eq!(
            (&*peek.model, peek.stream, peek.session.as_deref(), peek.cache_key.as_deref()),
            (model, stream, session, key),
            "{text}"
        );
    }
    for broken in ["", "[]", "{", r#"{"model":7}"#] {
        assert!(codec().peek(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn what_is_no_request_is_refused_with_the_place() {
    let message = |message: Value| json!({"model":"m","messages":[{"role":"user","content":"a"}, message]});
    let part = |part: Value| message(json!({"role":"user","content":[part]}));
    for (body, param, says) in [
        (json!({"model":"m"}), "messages", "missing"),
        (json!({"model":"m","messages":{}}), "messages", "expected an array"),
        (json!({"model":"m","messages":[7]}), "messages[0]", "expected an object"),
        (json!({"model":"m","prompt":"hi"}), "messages", "/v1/completions"),
        (json!({"model":7,"messages":[]}), "model", "expected a string, found a number"),
        (message(json!({"content":"x"})), "messages[1].role", "missing"),
        (message(json!({"role":"robot","content":"x"})), "messages[1].role", "robot"),
        (message(json!({"role":"user","content":7})), "messages[1].content", "found a number"),
        (message(json!({"role":"function","content":"x"})), "messages[1].name", "missing"),
        (part(json!({"text":"x"})), "messages[1].content[0].type", "missing"),
        (part(json!({"type":"text"})), "messages[1].content[0].text", "missing"),
        (part(json!({"type":"text","text":7})), "messages[1].content[0].text", "found a number"),
        (part(json!({"type":"image_url"})), "messages[1].content[0].image_url", "missing"),
        (part(json!({"type":"image_url","image_url":{}})), "messages[1].content[0].image_url.url", "missing"),
        (part(json!({"type":"input_audio"})), "messages[1].content[0].input_audio", "missing"),
        (part(json!({"type":"file"})), "messages[1].content[0].file", "missing"),
        (
            message(json!({"role":"assistant","tool_calls":[7]})),
            "messages[1].tool_calls[0]",
            "expected an object",
        ),
        (super::body(json!({"tools":[{"function":{}}]})), "tools[0].function.name", "missing"),
        (super::body(json!({"tools":[{"type":"custom"}]})), "tools[0].custom.name", "missing"),
        (super::body(json!({"tools":[{"x":1}]})), "tools[0].type", "missing"),
        (super::body(json!({"functions":[{}]})), "functions[0].name", "missing"),
        (super::body(json!({"tool_choice":"maybe"})), "tool_choice", "maybe"),
        (super::body(json!({"tool_choice":7})), "tool_choice", "found a number"),
        (super::body(json!({"tool_choice":{"type":"function"}})), "tool_choice", "names no tool"),
        (super::body(json!({"stop":7})), "stop", "found a number"),
        (super::body(json!({"stop":[7]})), "stop[0]", "found a number"),
        (super::body(json!({"n":"two"})), "n", "found a string"),
        (super::body(json!({"max_tokens":1.5})), "max_tokens", "found 1.5"),
        (super::body(json!({"logprobs":"yes"})), "logprobs", "expected a boolean"),
        (super::body(json!({"stream":"yes"})), "stream", "expected a boolean"),
        (super::body(json!({"stream":1})), "stream", "expected a boolean"),
        (super::body(json!({"parallel_tool_calls":"no"})), "parallel_tool_calls", "expected a boolean"),
        (
            super::body(json!({"response_format":{"type":"json_schema"}})),
            "response_format.json_schema",
            "missing",
        ),
    ] {
        let text = body.to_string();
        let error = codec().decode_request(text.as_bytes()).unwrap_err();
        assert_eq!(error.param(), Some(param), "{error}: {body}");
        assert!(error.to_string().contains(says), "{error}: {body}");
    }
    for text in [&b"not json"[..], b"\xff", b"[]", b""] {
        assert_eq!(codec().decode_request(text).unwrap_err().kind(), CodecErrorKind::Malformed);
    }
}

#[test]
fn one_turn_a_message_with_everything_attached() {
    let messages = json!([
        {"role":"system","content":"s"},
        {"role":"developer","content":[{"type":"text","text":"d"}]},
        {"role":"user","name":"n","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}],"mood":"calm"},
        {"role":"assistant","content":"b","refusal":"no","reasoning_content":"why","tool_calls":[
            {"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"S"}}},
            {"id":"d","type":"custom","custom":{"name":"g","input":"x"}},
            {"id":"e","function":{"name":"h","arguments":{"a":1}}}]},
        {"role":"tool","tool_call_id":"c","content":"r","cache_control":{"type":"ephemeral"}},
        {"role":"tool","tool_call_id":"d","content":{"a":1}},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"r"}
    ]);
    read(&body(json!({"messages":messages})), |request| {
        let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(
            roles,
            [
                Role::System,
                Role::Developer,
                Role::User,
                Role::Assistant,
                Role::Tool,
                Role::Tool,
                Role::Assistant,
                Role::Tool
            ]
        );
        assert!(request.turns[0].plain && !request.turns[1].plain);
        let user = &request.turns[2];
        assert_eq!(user.name.as_ref().unwrap(), "n");
        assert_eq!((&*user.extras[0].0, user.extras[0].1.get()), ("mood", r#""calm""#));
        assert!(user.parts[0].cache.is_some() && request.turns[4].cache.is_some());
        let said: Vec<String> =
            request.turns[3].parts.iter().map(|part| format!("{:?}", part.kind)).collect();
        // B35: thoughts come first.
        assert!(
            said[0].starts_with("Reasoning") && said[1].starts_with("Text") && said[2].starts_with("Refusal")
        );
        let calls: Vec<_> = request.turns[3].parts.iter().skip(3).collect();
        let PartKind::ToolCall(first) = &calls[0].kind else { panic!() };
        assert!(matches!(&first.args, Args::Encoded(text) if *text == "{}"));
        assert_eq!(calls[0].signature.as_ref().unwrap().value, "S");
        let PartKind::ToolCall(second) = &calls[1].kind else { panic!() };
        assert!(matches!(&second.args, Args::Freeform(text) if *text == "x"));
        let PartKind::ToolCall(third) = &calls[2].kind else { panic!() };
        assert!(matches!(&third.args, Args::Json(raw) if raw.get() == r#"{"a":1}"#));
        let PartKind::ToolResult(object) = &request.turns[5].parts[0].kind else { panic!() };
        assert_eq!(object.raw.as_ref().unwrap().get(), r#"{"a":1}"#);
        let PartKind::ToolResult(legacy) = &request.turns[7].parts[0].kind else { panic!() };
        assert_eq!((legacy.call_id.is_empty(), legacy.name.as_deref()), (true, Some("f")));
    });
}

#[test]
fn media_come_in_every_spelling() {
    type Expected = (MediaClass, &'static str, Option<&'static str>);
    for (part, expected) in [
        (
            json!({"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}),
            Some((MediaClass::Image, "image/png AA==", Some("low"))),
        ),
        (
            json!({"type":"image_url","image_url":"https://h.example/a.png"}),
            Some((MediaClass::Image, "url https://h.example/a.png", None)),
        ),
        (
            json!({"type":"image_url","image_url":{"url":"DATA:image/jpeg;x=y;BASE64,AA==","detail":7}}),
            Some((MediaClass::Image, "image/jpeg AA==", None)),
        ),
        (json!({"type":"image_url","image_url":{"url":"data:image/png;base64,"}}), None),
        (
            json!({"type":"video_url","video_url":{"url":"https://h.example/a.mp4"}}),
            Some((MediaClass::Video, "url https://h.example/a.mp4", None)),
        ),
        (
            json!({"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}}),
            Some((MediaClass::Audio, "audio/mpeg AA==", None)),
        ),
        (
            json!({"type":"input_audio","input_audio":{"data":"AA=="}}),
            Some((MediaClass::Audio, "audio/wav AA==", None)),
        ),
        (
            json!({"type":"file","file":{"filename":"a.pdf","file_data":"JVBE"}}),
            Some((MediaClass::Document, "application/pdf JVBE", None)),
        ),
        (
            json!({"type":"file","file":{"filename":"a.png","file_data":"data:;base64,AA=="}}),
            Some((MediaClass::Image, "image/png AA==", None)),
        ),
        (
            json!({"type":"file","file":{"mime_type":"Application/PDF","file_data":"AA=="}}),
            Some((MediaClass::Document, "application/pdf AA==", None)),
        ),
        (
            json!({"type":"file","file":{"file_id":"file_1"}}),
            Some((MediaClass::Document, "file file_1", None)),
        ),
        (
            json!({"type":"file","file":{"file_data":"https://h.example/a.pdf"}}),
            Some((MediaClass::Document, "url https://h.example/a.pdf", None)),
        ),
        (
            json!({"type":"file","file":{"file_url":"https://h.example/a.pdf"}}),
            Some((MediaClass::Document, "url https://h.example/a.pdf", None)),
        ),
        (json!({"type":"file","file":{"file_data":"AA=="}}), None),
        (json!({"type":"hologram","depth":2}), None),
    ] {
        let expected: Option<Expected> = expected;
        let wanted = body(json!({"messages":[{"role":"user","content":[part]}]}));
        read(&wanted, |request| match (&request.turns[0].parts[0].kind, expected) {
            (PartKind::Media(media), Some((class, source, detail))) => {
                let found = match &media.source {
                    MediaSource::Base64 { mime, data } => format!("{mime} {}", data.decoded()),
                    MediaSource::Url(url) => format!("url {}", url.decoded()),
                    MediaSource::File(id) => format!("file {}", id.decoded()),
                    other => panic!("{other:?}"),
                };
                assert_eq!((media.class, &*found), (class, source), "{part}");
                assert_eq!(
                    media.detail.as_ref().map(|detail| detail.decoded().into_owned()).as_deref(),
                    detail
                );
            }
            // B79: what has no payload of a known type is kept whole, and its own family may make sense of it.
            (PartKind::Opaque(opaque), None) => assert_eq!(opaque.raw.get(), part.to_string()),
            (other, _) => panic!("{part}: {other:?}"),
        });
    }
}

#[test]
fn tools_and_choices_are_read_in_both_spellings() {
    let tools = json!([
        {"type":"function","function":{"name":"a","description":"d","parameters":{"type":"object"},"strict":true,"x":1},"y":2},
        {"type":"function","name":"b","parameters":{}},
        {"type":"custom","custom":{"name":"c","format":{"type":"text"}}},
        {"type":"custom","name":"d"},
        {"type":"web_search"}
    ]);
    read(&body(json!({"tools":tools,"functions":[{"name":"e"}]})), |request| {
        let names: Vec<_> = request.tools.iter().map(|tool| tool.name().unwrap_or("-").to_owned()).collect();
        assert_eq!(names, ["a", "b", "c", "d", "-", "e"]);
        let Tool::Function(first) = &request.tools[0] else { panic!() };
        let extras: Vec<_> = first.extras.iter().map(|(key, _)| &**key).collect();
        assert_eq!((first.strict, extras), (Some(true), vec!["x", "tool.y"]));
        assert!(matches!(&request.tools[3], Tool::Custom(custom) if custom.format.is_none()), "F23");
        assert!(matches!(&request.tools[4], Tool::Builtin(builtin) if builtin.kind == "web_search"));
    });
    for (member, choice, expected) in [
        ("tool_choice", json!("auto"), "Auto"),
        ("tool_choice", json!("none"), "None"),
        ("tool_choice", json!("required"), "Any"),
        (
            "tool_choice",
            json!({"type":"function","function":{"name":"a"}}),
            r#"Tool { name: "a", custom: false }"#,
        ),
        ("tool_choice", json!({"type":"function","name":"a"}), r#"Tool { name: "a", custom: false }"#),
        (
            "tool_choice",
            json!({"type":"custom","custom":{"name":"c"}}),
            r#"Tool { name: "c", custom: true }"#,
        ),
        ("tool_choice", json!({"type":"custom","name":"c"}), r#"Tool { name: "c", custom: true }"#),
        (
            "tool_choice",
            json!({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"a"}},{"type":"custom","custom":{"name":"c"}}]}}),
            r#"Allowed { required: true, names: ["a", "c"] }"#,
        ),
        (
            "tool_choice",
            json!({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"a"}]}),
            r#"Allowed { required: false, names: ["a"] }"#,
        ),
        ("function_call", json!("none"), "None"),
        ("function_call", json!({"name":"a"}), r#"Tool { name: "a", custom: false }"#),
    ] {
        let mut wanted = body(json!({}));
        wanted[member] = choice.clone();
        read(&wanted, |request| assert_eq!(format!("{:?}", request.tool_choice.as_ref().unwrap()), expected));
    }
    read(&body(json!({"tool_choice":{"type":"web_search"}})), |request| {
        assert!(matches!(request.tool_choice, Some(ToolChoice::Hosted { format: "openai", .. })));
    });
}

#[test]
fn members_find_their_place_in_the_model() {
    let all = json!({
        "temperature":1.50,"top_p":0.9,"top_k":5,"frequency_penalty":0.1,"presence_penalty":-0.1,"logit_bias":{"1":2},"seed":7,
        "stop":"END","n":2,"logprobs":true,"top_logprobs":3,"max_completion_tokens":9,"verbosity":"low","modalities":["text"],
        "user":"u","safety_identifier":"i","prompt_cache_key":"k","metadata":{"a":"b"},"service_tier":"flex","stream":true,
        "stream_options":{"include_usage":true},"parallel_tool_calls":false,"store":true,"cache_control":{"type":"ephemeral"},
        "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{}}}});
    read(&body(all), |request| {
        let raw =
            |value: &Option<cliproxy_translator::json::Raw<'_>>| value.as_ref().unwrap().get().to_owned();
        let sampling = &request.sampling;
        assert_eq!((raw(&sampling.temperature), raw(&sampling.top_k)), ("1.5".to_owned(), "5".to_owned()));
        assert_eq!(
            (sampling.candidates, sampling.logprobs, raw(&sampling.top_logprobs)),
            (Some(2), Some(true), "3".to_owned())
        );
        assert_eq!(sampling.stop, ["END"]);
        assert_eq!((request.max_output, request.parallel_tools), (Some(9), Some(false)));
        assert!(matches!(&request.output.format, Some(OutputFormat::JsonSchema { strict: Some(true), .. })));
        assert!(request.stream.enabled && request.stream.include_usage && request.cache.is_some());
        assert_eq!(request.identity.user.as_ref().unwrap(), "u");
        assert_eq!(request.extras.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["store"]);
    });
    // B91, E021: the old limit wins; a float that is whole is a count.
    read(&body(json!({"max_tokens":4.0,"max_completion_tokens":5})), |request| {
        assert_eq!(request.max_output, Some(4))
    });
}

#[test]
fn e570_e571_e572_identity_is_found_where_clients_put_it() {
    for (members, user, session) in [
        (json!({"user":"u","metadata":{"user_id":"m"}}), Some("m"), None),
        (json!({"user":"u","metadata":{"user_id":7}}), Some("u"), None),
        (json!({"user":7}), None, None),
        (json!({"session_id":"s","metadata":{"session_id":"t"}}), None, Some("s")),
        (json!({"conversation":{"id":"c"}}), None, Some("c")),
        (json!({"conversation":"c"}), None, Some("c")),
        (json!({"conversation_id":"c"}), None, Some("c")),
        (json!({"metadata":{"conversation_id":"c"}}), None, Some("c")),
        (json!({"conversation":{"id":7}}), None, None),
    ] {
        read(&body(members.clone()), |request| {
            let text = |text: &Option<cliproxy_translator::json::Text<'_>>| {
                text.as_ref().map(|text| text.decoded().into_owned())
            };
            let found = (text(&request.identity.user), text(&request.identity.session));
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (user, session), "{members}");
        });
    }
}

#[test]
fn b44_e623_reasoning_is_asked_for_in_many_spellings() {
    use ReasoningMode::{Auto, Off, On};
    let auto = || Summary::Enabled(Some("auto".to_owned()));
    for (members, mode, level, budget, summary) in [
        (json!({}), None, None, None, Summary::Unspecified),
        (json!({"reasoning_effort":"high"}), Some(On), Some(Level::High), None, auto()),
        (json!({"reasoning_effort":"none"}), Some(Off), None, None, Summary::Disabled),
        (json!({"reasoning_effort":"auto"}), Some(Auto), None, None, auto()),
        (json!({"reasoning_effort":"ultra"}), None, None, None, Summary::Unspecified),
        (
            json!({"reasoning":{"effort":"low","exclude":true}}),
            Some(On),
            Some(Level::Low),
            None,
            Summary::Disabled,
        ),
        (json!({"reasoning":{"max_tokens":2000}}), Some(On), None, Some(2000), auto()),
        (json!({"reasoning":{"enabled":false}}), Some(Off), None, None, Summary::Disabled),
        (json!({"reasoning":{"enabled":true}}), Some(On), None, None, auto()),
        (json!({"reasoning":{"exclude":"yes"}}), None, None, None, Summary::Unspecified),
        (json!({"reasoning":"high"}), None, None, None, Summary::Unspecified),
        (json!({"include_reasoning":true}), None, None, None, Summary::Enabled(None)),
        (
            json!({"reasoning_effort":"low","include_reasoning":false}),
            Some(On),
            Some(Level::Low),
            None,
            Summary::Disabled,
        ),
        (json!({"thinking":{"type":"enabled","budget_tokens":4096}}), Some(On), None, Some(4096), auto()),
        (json!({"thinking":{"type":"enabled"}}), Some(Auto), None, None, auto()),
        (json!({"thinking":{"type":"disabled"}}), Some(Off), None, None, Summary::Disabled),
        (json!({"enable_thinking":false}), Some(Off), None, None, Summary::Disabled),
        (
            json!({"extra_body":{"google":{"thinking_config":{"thinking_budget":1024,"include_thoughts":true}}}}),
            Some(On),
            None,
            Some(1024),
            Summary::Enabled(None),
        ),
        (
            json!({"extra_body":{"extra_body":{"google":{"thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":false}}}}}),
            Some(On),
            Some(Level::High),
            None,
            Summary::Disabled,
        ),
        // The format's own member beats the vendors'.
        (
            json!({"reasoning_effort":"low","reasoning":{"effort":"high"}}),
            Some(On),
            Some(Level::Low),
            None,
            auto(),
        ),
    ] {
        read(&body(members.clone()), |request| {
            let found = &request.reasoning;
            assert_eq!(
                (found.mode, found.level, found.budget, &found.summary),
                (mode, level, budget, &summary),
                "{members}"
            );
        });
    }
}
