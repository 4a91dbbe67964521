//! Requests for Claude that other formats' clients made, as far as the canonical model alone tells.

use std::borrow::Cow;
use std::sync::Arc;

use cliproxy_core::ModelInfo;
use cliproxy_translator::json::{self, Raw};
use cliproxy_translator::model::{
    Args, Builtin, CacheMark, CustomTool, FunctionTool, Issuer, Media, MediaClass, MediaSource, Namespace,
    OutputFormat, Part, PartKind, Reasoning, Request, Role, Signature, Tool, ToolCall, ToolChoice,
    ToolResult, Turn,
};
use cliproxy_translator::{Codec, Encoded, Profile};
use serde_json::{Value, json};

use super::{codec, profile};
use crate::schema::{assert_valid, assert_valid_bytes};

fn raw(text: &str) -> Raw<'static> {
    Cow::Owned(json::raw(text).unwrap())
}

fn mark() -> Option<CacheMark<'static>> {
    Some(CacheMark { raw: raw(r#"{"type":"ephemeral","ttl":"1h"}"#) })
}

fn hello() -> Request<'static> {
    Request {
        source: "openai",
        turns: vec![Turn::new(Role::User, vec![Part::text("hi")])],
        ..Request::default()
    }
}

fn encode(request: &Request<'_>, profile: &Profile) -> (Value, Encoded) {
    let encoded = codec().encode_request(request, profile).unwrap();
    (assert_valid_bytes("claude.request", &encoded.body), encoded)
}

fn function(name: &'static str) -> FunctionTool<'static> {
    FunctionTool {
        name: Cow::Borrowed(name),
        schema: Some(raw(r#"{"type":"object","properties":{}}"#)),
        ..FunctionTool::default()
    }
}

fn call(id: &'static str, name: &'static str) -> Part<'static> {
    Part::new(PartKind::ToolCall(ToolCall {
        id: id.into(),
        name: Cow::Borrowed(name),
        namespace: None,
        args: Args::Encoded("{}".into()),
    }))
}

fn result(id: &'static str, content: Vec<Part<'static>>) -> Part<'static> {
    Part::new(PartKind::ToolResult(ToolResult {
        call_id: id.into(),
        name: None,
        content,
        is_error: None,
        raw: None,
    }))
}

#[test]
fn max_tokens_is_never_missing() {
    // Source: translation.md B91, E021.
    let known = ModelInfo::new("m").with_limits(1, 64_000);
    for (asked, info, expected) in
        [(Some(7), Some(known.clone()), 7), (None, Some(known), 64_000), (None, None, 32_000)]
    {
        let request = Request { max_output: asked, ..hello() };
        let mut target = profile("m");
        target.info = info.map(Arc::new);
        assert_eq!(encode(&request, &target).0["max_tokens"], expected);
    }
}

#[test]
fn sampling_goes_as_far_as_the_model_takes_it() {
    // Source: translation.md A.8, F7, E007.
    let sampling = |temperature: &str, top_p: Option<&str>| {
        let mut request = hello();
        request.sampling.temperature = Some(raw(temperature));
        request.sampling.top_p = top_p.map(raw);
        request
    };
    let mut newest = profile("m");
    newest.sampling = false;
    for (request, target, expected, lost) in [
        (sampling("0.25", None), &profile("m"), json!([0.25, null]), &[][..]),
        (sampling("1.7", None), &profile("m"), json!([1, null]), &["temperature"]),
        (sampling("0.25", Some("0.5")), &profile("m"), json!([0.25, null]), &["top_p"]),
        (sampling("0.25", Some("0.5")), &newest, json!([null, null]), &["temperature", "top_p"]),
    ] {
        let (body, encoded) = encode(&request, target);
        assert_eq!(json!([body["temperature"], body["top_p"]]), expected);
        let told: Vec<_> = encoded.losses.iter().map(|loss| &*loss.what).collect();
        assert_eq!(told, lost);
    }
    let mut many = hello();
    many.sampling.candidates = Some(2);
    assert_eq!(codec().encode_request(&many, &profile("m")).unwrap_err().param(), Some("n"));
    let mut stops = hello();
    stops.sampling.stop = vec!["END".into(), " ".into()];
    assert_eq!(encode(&stops, &profile("m")).0["stop_sequences"], json!(["END"]));
}

#[test]
fn media_become_what_claude_has() {
    // Source: translation.md B79, B80, B83.
    let base64 = |mime: &'static str, data: &'static str| MediaSource::Base64 {
        mime: Cow::Borrowed(mime),
        data: data.into(),
    };
    let note = |text: &str| json!({"type":"text","text":text});
    for (class, source, expected) in [
        (
            MediaClass::Image,
            base64("image/png", "AA=="),
            json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}),
        ),
        (
            MediaClass::Image,
            base64("image/jpg", "AA=="),
            json!({"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AA=="}}),
        ),
        (
            MediaClass::Image,
            base64("", "iVBORw0KGgoAAAANSUhEUg=="),
            json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUg=="}}),
        ),
        (
            MediaClass::Image,
            base64("image/svg+xml", "AA=="),
            note("Media content: inline data (Type: image/svg+xml)"),
        ),
        (
            MediaClass::Image,
            MediaSource::Url("https://h.example/a.png".into()),
            json!({"type":"image","source":{"type":"url","url":"https://h.example/a.png"}}),
        ),
        (
            MediaClass::Image,
            MediaSource::Url("DATA:image/gif;x=1;BASE64,AA==".into()),
            json!({"type":"image","source":{"type":"base64","media_type":"image/gif","data":"AA=="}}),
        ),
        (
            MediaClass::Image,
            MediaSource::Url("gs://bucket/a.png".into()),
            note("Media content: a URL that Claude cannot fetch"),
        ),
        (
            MediaClass::Document,
            base64("application/pdf", "AA=="),
            json!({"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="},"title":"a.pdf"}),
        ),
        (
            MediaClass::Document,
            base64("text/csv", "YSxi"),
            json!({"type":"document","source":{"type":"text","media_type":"text/plain","data":"a,b"},"title":"a.pdf"}),
        ),
        (
            MediaClass::Document,
            base64("application/zip", "AA=="),
            note("Media content: inline data (Type: application/zip)"),
        ),
        (
            MediaClass::Document,
            MediaSource::File("file-1".into()),
            note("Media content: a file in another provider's store"),
        ),
        (
            MediaClass::Audio,
            base64("audio/wav", "AA=="),
            note("Media content: inline data (Type: audio/wav)"),
        ),
        (
            MediaClass::Video,
            MediaSource::Url("https://h.example/a.mp4".into()),
            note("Media content: a reference (Type: video)"),
        ),
    ] {
        let media = || Media {
            class,
            source: source.clone(),
            name: Some("a.pdf".into()),
            detail: None,
            context: None,
            citations: None,
        };
        let mut request = hello();
        request.turns[0].parts.push(Part::new(PartKind::Media(media())));
        assert_eq!(encode(&request, &profile("m")).0["messages"][0]["content"][1], expected);
        // The same inside a result (B21).
        request.turns = vec![
            Turn::new(Role::User, vec![Part::text("hi")]),
            Turn::new(Role::Assistant, vec![call("a", "f")]),
            Turn::new(
                Role::Tool,
                vec![result("a", vec![Part::text("see"), Part::new(PartKind::Media(media()))])],
            ),
        ];
        assert_eq!(encode(&request, &profile("m")).0["messages"][2]["content"][0]["content"][1], expected);
    }
}

#[test]
fn thoughts_go_back_to_their_issuer_only() {
    // Source: translation.md B29, B30, B36, E006, E645, E649 (the signature that Kimi gets is none).
    let two_layers = "RWhnS0ZnZ0JFaEpqYkdGMVpHVXRkR2hwYm10cGJtY3RZbWx1";
    for (signature, keeps_text, expected) in [
        (None, false, None),
        (None, true, Some("")),
        (Some((Issuer::Claude, "EhgK")), false, Some("EhgK")),
        (Some((Issuer::Claude, two_layers)), false, Some("EhgKFggBEhJjbGF1ZGUtdGhpbmtpbmctYmlu")),
        (Some((Issuer::Gpt, "gAAAA")), false, None),
        (Some((Issuer::Gemini, "AA")), true, Some("")),
        (Some((Issuer::Unknown, "zz")), false, None),
    ] {
        let mut thought =
            Part::new(PartKind::Reasoning(Reasoning { summary: vec!["why".into()], ..Reasoning::default() }));
        thought.signature = signature.map(|(issuer, value)| Signature { issuer, value: value.into() });
        let mut request = hello();
        request.turns.push(Turn::new(Role::Assistant, vec![thought, Part::text("so")]));
        request.turns.push(Turn::new(Role::User, vec![Part::text("ok")]));
        let mut target = profile("m");
        target.keeps_reasoning_text = keeps_text;
        let (body, encoded) = encode(&request, &target);
        let content = body["messages"][1]["content"].as_array().unwrap();
        match expected {
            Some(signature) => {
                assert_eq!(content[0], json!({"type":"thinking","thinking":"why","signature":signature}))
            }
            None => {
                assert_eq!(content.len(), 1);
                assert!(encoded.losses.iter().any(|loss| loss.what == "message.thinking"));
            }
        }
    }
}

#[test]
fn a_marker_of_ours_never_reaches_claude() {
    // Source: translation.md B33, F27: another provider's state, as a Claude client returns it.
    let gpt = "cliproxy:gpt:gAAAAxyz";
    for (signature, issuer) in [
        (gpt, Some(Issuer::Gpt)),
        ("cliproxy:grok:zz", Some(Issuer::Grok)),
        ("cliproxy:other:zz", None),
        ("cliproxy:gpt:cliproxy:gpt:x", None),
        ("cliproxy:claude:Eo", None),
        ("cliproxy:gpt:", None),
        ("cliproxy:", None),
    ] {
        let body = json!({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"q"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":signature},{"type":"text","text":"a"}]}]});
        let text = body.to_string();
        let request = codec().decode_request(text.as_bytes()).unwrap();
        assert_eq!(
            request.turns[1].parts[0].signature.as_ref().map(|signature| signature.issuer),
            issuer,
            "{signature}"
        );
        let encoded = encode(&request, &profile("m")).1;
        let sent = String::from_utf8_lossy(&encoded.body).into_owned();
        assert!(!sent.contains("cliproxy"), "{signature}: {sent}");
        assert!(!sent.contains("thinking"), "{signature}: {sent}");
    }
}

#[test]
fn tools_are_declared_as_claude_knows_them() {
    let mut request = hello();
    let mut spaced = function("term__run");
    spaced.namespace = Some(Namespace { name: "term".into(), local: "run".into(), description: None });
    let mut other = function("term__run");
    other.description = Some("direct".into());
    request.tools = vec![
        Tool::Function(spaced),
        Tool::Function(FunctionTool {
            schema: Some(raw(
                r#"{"oneOf":[{"properties":{"a":{"type":"string"}}}],"additionalProperties":false}"#,
            )),
            strict: Some(true),
            ..function("f")
        }),
        Tool::Function(FunctionTool { schema: None, ..function("bare") }),
        Tool::Custom(CustomTool {
            name: Cow::Borrowed("patch"),
            format: Some(raw(
                r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}"#,
            )),
            ..CustomTool::default()
        }),
        Tool::Builtin(Builtin {
            format: "openai-response",
            kind: Cow::Borrowed("web_search"),
            name: None,
            raw: raw(r#"{"type":"web_search","filters":{"allowed_domains":["a.example"]}}"#),
            cache: None,
        }),
        Tool::Builtin(Builtin {
            format: "openai-response",
            kind: Cow::Borrowed("file_search"),
            name: None,
            raw: raw("{}"),
            cache: None,
        }),
        Tool::Function(other),
        Tool::Function(function("dots.and spaces")),
    ];
    let (body, encoded) = encode(&request, &profile("claude-sonnet-5"));
    let object = json!({"type":"object","properties":{}});
    let mut tools = body["tools"].clone();
    assert_eq!(
        tools.as_array_mut().unwrap().pop().unwrap()["cache_control"],
        json!({"type":"ephemeral"}),
        "automatic"
    );
    assert_eq!(
        tools,
        json!([
            // B9: a direct declaration beats a namespace's child.
            {"name":"term__run","description":"direct","input_schema":object},
            {"name":"f","input_schema":{"properties":{"a":{"type":"string"}},"type":"object",
                "additionalProperties":false},"strict":true},
            {"name":"bare","input_schema":object},
            {"name":"patch","input_schema":{"type":"object","properties":{"input":{"type":"string",
                "description":"The whole input as free text, which must follow this lark grammar:\nstart: \"a\""}},"required":["input"]}},
            {"type":"web_search_20250305","name":"web_search","allowed_domains":["a.example"]},
        ])
    );
    assert_eq!(body["tools"][5]["name"], "dots_and_spaces");
    assert_eq!(encoded.names.declared("dots_and_spaces"), "dots.and spaces");
    let lost: Vec<_> = encoded.losses.iter().map(|loss| loss.what.as_ref()).collect();
    assert_eq!(lost, ["tools.file_search", "tools.duplicate"]);
    // Models before structured outputs refuse `strict`.
    assert_eq!(encode(&request, &profile("claude-3-7-sonnet-20250219")).0["tools"][1].get("strict"), None);
}

#[test]
fn choices_are_said_in_claudes_words() {
    // Source: translation.md A.7, F3, F5, E062.
    let tool = |name: &'static str| Some(ToolChoice::Tool { name: Cow::Borrowed(name), custom: false });
    for (choice, parallel, expected, declared) in [
        (None, None, json!(null), 2),
        (None, Some(true), json!(null), 2),
        (None, Some(false), json!({"type":"auto","disable_parallel_tool_use":true}), 2),
        (Some(ToolChoice::Auto), Some(true), json!({"type":"auto"}), 2),
        (Some(ToolChoice::None), Some(false), json!({"type":"none"}), 2),
        (Some(ToolChoice::Any), Some(false), json!({"type":"any","disable_parallel_tool_use":true}), 2),
        (tool("f"), None, json!({"type":"tool","name":"f"}), 2),
        (tool("unknown"), None, json!(null), 2),
        (
            Some(ToolChoice::Allowed { required: true, names: vec![Cow::Borrowed("g")] }),
            None,
            json!({"type":"any"}),
            1,
        ),
        (
            Some(ToolChoice::Allowed { required: false, names: vec![Cow::Borrowed("g")] }),
            None,
            json!({"type":"auto"}),
            1,
        ),
        (
            Some(ToolChoice::Hosted { format: "openai-response", raw: raw(r#"{"type":"file_search"}"#) }),
            None,
            json!(null),
            2,
        ),
        (
            Some(ToolChoice::Hosted {
                format: "openai-response",
                raw: raw(r#"{"type":"web_search_preview"}"#),
            }),
            None,
            json!({"type":"tool","name":"web_search"}),
            2,
        ),
    ] {
        let mut request = hello();
        request.tools = vec![Tool::Function(function("f")), Tool::Function(function("g"))];
        request.tool_choice = choice;
        request.parallel_tools = parallel;
        let body = encode(&request, &profile("m")).0;
        assert_eq!(body["tool_choice"], expected, "{:?}", request.tool_choice);
        assert_eq!(body["tools"].as_array().unwrap().len(), declared);
        request.tools.clear();
        assert_eq!(encode(&request, &profile("m")).0.get("tool_choice"), None, "no tools, no choice");
    }
}

#[test]
fn the_form_of_the_output_is_enforced_or_asked_for() {
    // Source: translation.md A.9, F2.
    let schema = |schema: &str| {
        let mut request = hello();
        request.output.format = Some(OutputFormat::JsonSchema {
            name: None,
            description: None,
            strict: None,
            schema: Some(raw(schema)),
        });
        request
    };
    let closed = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;
    let (body, _) = encode(&schema(closed), &profile("claude-sonnet-5"));
    let format = json!({"type":"json_schema","schema":serde_json::from_str::<Value>(closed).unwrap()});
    assert_eq!(body["output_config"], json!({"format":format}));
    assert_eq!(body.get("system"), None);
    let (body, _) = encode(&schema(r#"{"type":"object"}"#), &profile("claude-3-7-sonnet-20250219"));
    assert_eq!(body.get("output_config"), None);
    assert!(body["system"][0]["text"].as_str().unwrap().ends_with("no code fence.\n{\"type\":\"object\"}"));
    let mut object = hello();
    object.output.format = Some(OutputFormat::JsonObject);
    assert!(
        encode(&object, &profile("m")).0["system"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("Answer with one JSON object")
    );
    object.output.format = Some(OutputFormat::Text);
    assert_eq!(encode(&object, &profile("m")).0.get("system"), None);
}

#[test]
fn breakpoints_are_set_where_none_is() {
    // Source: providers-a.md 2.4, "Automatic cache control", and 2.7.
    let marks = |body: &Value| {
        let find = |list: &Value| -> Vec<usize> {
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter()
                .enumerate()
                .filter(|(_, item)| item.get("cache_control").is_some())
                .map(|(at, _)| at)
                .collect()
        };
        let messages: Vec<_> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .flat_map(|(at, message)| find(&message["content"]).into_iter().map(move |block| (at, block)))
            .collect();
        (find(&body["tools"]), find(&body["system"]), messages)
    };
    let mut request = hello();
    request.instructions = vec![Part::text("a"), Part::text("b")];
    request.tools = vec![Tool::Function(function("f")), Tool::Function(function("g"))];
    assert_eq!(marks(&encode(&request, &profile("m")).0), (vec![1], vec![1], vec![]), "one user turn");
    let turn = |role, text: &'static str| Turn { plain: true, ..Turn::new(role, vec![Part::text(text)]) };
    request.turns = vec![
        turn(Role::User, "1"),
        turn(Role::Assistant, "2"),
        Turn::new(Role::User, vec![Part::text("3"), Part::text("4")]),
        turn(Role::Assistant, "5"),
        turn(Role::User, "6"),
    ];
    assert_eq!(marks(&encode(&request, &profile("m")).0), (vec![1], vec![1], vec![(2, 1)]));
    // One mark anywhere, and nothing is added.
    request.turns[0].parts[0].cache = mark();
    let body = encode(&request, &profile("m")).0;
    assert_eq!(marks(&body), (vec![], vec![], vec![(0, 0)]));
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type":"ephemeral","ttl":"1h"}));
    // A Claude client decides for itself.
    request.turns[0].parts[0].cache = None;
    request.source = "claude";
    assert_eq!(marks(&encode(&request, &profile("m")).0), (vec![], vec![], vec![]));
}

#[test]
fn marks_of_results_and_thoughts_keep_their_number() {
    let mut answer = result(
        "a",
        vec![
            Part::text("x").with_cache(mark()),
            Part::text(" ").with_cache(mark()),
            Part::text("y").with_cache(mark()),
        ],
    );
    answer.cache = mark();
    let mut thought =
        Part::new(PartKind::Reasoning(Reasoning { summary: vec!["t".into()], ..Reasoning::default() }));
    thought.cache = mark();
    thought.signature = Some(Signature { issuer: Issuer::Claude, value: "Eo".into() });
    let mut request = hello();
    request.turns.push(Turn::new(Role::Assistant, vec![thought, call("a", "f").with_cache(mark())]));
    request.turns.push(Turn::new(Role::Tool, vec![answer]));
    request.instructions = vec![Part::text("s").with_cache(mark())];
    let (body, encoded) = encode(&request, &profile("m"));
    let text = body.to_string();
    assert_eq!(text.matches("cache_control").count(), 4, "{text}");
    assert_eq!(body["messages"][1]["content"][0].get("cache_control"), None);
    assert!(encoded.losses.iter().any(|loss| loss.what == "cache_control"));
}

#[test]
fn results_keep_their_form() {
    let mut odd = result("a", Vec::new());
    let PartKind::ToolResult(inner) = &mut odd.kind else { panic!() };
    inner.raw = Some(raw(r#"{"k":1}"#));
    inner.is_error = Some(true);
    for (part, expected) in [
        (result("a", vec![Part::text("ok")]), json!({"type":"tool_result","tool_use_id":"a","content":"ok"})),
        (result("a", vec![]), json!({"type":"tool_result","tool_use_id":"a"})),
        (result("a", vec![Part::text(""), Part::text(" ")]), json!({"type":"tool_result","tool_use_id":"a"})),
        (
            result("a", vec![Part::text("x"), Part::text("y")]),
            json!({"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}),
        ),
        (odd, json!({"type":"tool_result","tool_use_id":"a","content":"{\"k\":1}","is_error":true})),
    ] {
        let mut request = hello();
        request.turns.push(Turn::new(Role::Assistant, vec![call("a", "f")]));
        request.turns.push(Turn::new(Role::Tool, vec![part]));
        assert_eq!(encode(&request, &profile("m")).0["messages"][2]["content"], json!([expected]));
    }
}

#[test]
fn a_request_for_a_stream_says_so() {
    let (body, _) = encode(&hello(), &Profile::new("m", true));
    assert_eq!(body["stream"], true);
    assert_valid("claude.request", &body);
    assert_eq!(encode(&hello(), &profile("m")).0.get("stream"), None);
    let mut tier = hello();
    tier.service_tier = Some("priority".into());
    assert_eq!(encode(&tier, &profile("m")).0.get("speed"), None);
    // E071
    tier.source = "openai-response";
    assert_eq!(encode(&tier, &profile("m")).0["speed"], "fast");
}
