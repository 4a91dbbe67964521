//! Requests, read.

use cliproxy_core::Level;
use cliproxy_translator::Codec;
use cliproxy_translator::model::{
    Args, Issuer, MediaClass, MediaSource, OutputFormat, PartKind, ReasoningMode, Role, Summary, Tool,
    ToolChoice,
};
use serde_json::json;

use super::codec;

#[test]
fn routing_reads_model_stream_and_session() {
    // Source: http-api.md A.3: anything but `false` streams.
    for (stream, streams) in [
        ("", false),
        (r#","stream":false"#, false),
        (r#","stream":null"#, false),
        (r#","stream":true"#, true),
        (r#","stream":"yes""#, true),
        (r#","stream":0"#, true),
        (r#","stream":true,"stream":false"#, false),
    ] {
        let body = format!(r#"{{"messages":[{{"model":"no"}}],"model":"a\u0062"{stream}}}"#);
        let peek = codec().peek(body.as_bytes()).unwrap();
        assert_eq!((peek.model.as_ref(), peek.stream), ("ab", streams), "{body}");
        assert_eq!(
            codec()
                .decode_request(body.replace("\"model\":\"no\"", "\"role\":\"user\"").as_bytes())
                .unwrap()
                .stream
                .enabled,
            streams
        );
    }
    for (user, session) in [
        ("user_9f_account_11-22_session_33-44", Some("33-44")),
        ("user_9f_account__session_33-44", Some("33-44")),
        (r#"{"device_id":"d","account_uuid":"","session_id":"s-1"}"#, Some("s-1")),
        (r#"{"device_id":"d"}"#, None),
        (r#"{"session_id":7}"#, None),
        ("user_9f_account_1_session_", None),
        ("somebody", None),
        ("", None),
    ] {
        let said = json!([{"role":"user","content":"hi"}]);
        let body = json!({"model":"m","messages":said,"metadata":{"user_id":user}}).to_string();
        assert_eq!(codec().peek(body.as_bytes()).unwrap().session.as_deref(), session, "{user}");
        let request = codec().decode_request(body.as_bytes()).unwrap();
        assert_eq!(
            request.identity.session.map(|text| text.decoded().into_owned()).as_deref(),
            session,
            "{user}"
        );
    }
}

#[test]
fn what_is_no_request_is_refused_with_the_place() {
    for (body, param, message) in [
        ("[]", None, "invalid type: sequence, expected an object"),
        ("{", None, "EOF while parsing an object"),
        (
            r#"{"messages":[{"role":"tool","content":"a"}]}"#,
            Some("messages[0].role"),
            r#"messages[0].role: expected user, assistant or system, found "tool""#,
        ),
        (
            r#"{"messages":[{"role":"user","content":5}]}"#,
            Some("messages[0].content"),
            "messages[0].content: expected a string or an array, found a number",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"text":"b"}]}]}"#,
            Some("messages[0].content[1].type"),
            "messages[0].content[1].type: missing",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":7}]}]}"#,
            Some("messages[0].content[0].text"),
            "messages[0].content[0].text: expected a string, found a number",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
            Some("messages[0].content[0].source"),
            "messages[0].content[0].source: missing",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":7}]}]}]}"#,
            Some("messages[0].content[0].content[0].text"),
            "messages[0].content[0].content[0].text: expected a string, found a number",
        ),
        (r#"{"messages":{}}"#, Some("messages"), "messages: invalid type: map, expected an array"),
        (
            r#"{"max_tokens":"9"}"#,
            Some("max_tokens"),
            r#"max_tokens: invalid type: string "9", expected u64"#,
        ),
        (r#"{"system":{}}"#, Some("system"), "system: expected a string or an array, found an object"),
        ("{}", Some("messages"), "messages: missing"),
        (r#"{"messages":null}"#, Some("messages"), "messages: missing"),
        (r#"{"messages":[],"tools":[{"input_schema":{}}]}"#, Some("tools[0].name"), "tools[0].name: missing"),
        (
            r#"{"thinking":{"type":"enabled","budget_tokens":"x"}}"#,
            Some("thinking.budget_tokens"),
            r#"thinking.budget_tokens: invalid type: string "x", expected u32"#,
        ),
    ] {
        let error = codec().decode_request(body.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(message), "{body}: {error}");
        assert_eq!(error.param(), param, "{body}: {error}");
    }
    assert!(codec().decode_request(b"{\"model\":\"\xff\"}").is_err());
}

#[test]
fn one_turn_a_message_with_everything_attached() {
    let body = json!({
        "model": "claude-sonnet-5", "max_tokens": 5, "stream": true,
        "system": [{"type":"text","text":"be brief","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "messages": [
            {"role":"user","content":"hi"},
            {"role":"user","content":[
                {"type":"image","source":{"type":"base64","media_type":"IMAGE/PNG","data":"AA=="}},
                {"type":"document","title":"t","context":"c","citations":{"enabled":true},
                 "source":{"type":"content","content":[{"type":"text","text":"inside"}]}}]},
            {"role":"assistant","content":[
                {"type":"thinking","thinking":"hm","signature":""},
                {"type":"thinking","thinking":"hm","signature":"gAAAA-nothing"},
                {"type":"redacted_thinking","data":"Eo"},
                {"type":"server_tool_use","id":"srv_1","name":"web_search","input":{"query":"q"}},
                {"type":"web_search_tool_result","tool_use_id":"srv_1","content":[]},
                {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":{"odd":1}}]},
            {"role":"system","content":"later"}
        ],
        "tools": [{"name":"f","input_schema":{"type":"object"}},{"type":"bash_20250124","name":"bash"}],
        "tool_choice": {"type":"tool","name":"f","disable_parallel_tool_use":true},
        "thinking": {"type":"adaptive","display":"omitted"},
        "output_config": {"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},
        "stop_sequences": ["a"], "container": "box"
    })
    .to_string();
    let request = codec().decode_request(body.as_bytes()).unwrap();
    assert!(request.instructions[0].cache.is_some() && !request.instructions_plain);
    let roles: Vec<_> = request.turns.iter().map(|turn| (turn.role, turn.plain, turn.parts.len())).collect();
    assert_eq!(
        roles,
        [
            (Role::User, true, 1),
            (Role::User, false, 2),
            (Role::Assistant, false, 6),
            (Role::User, false, 1),
            (Role::System, true, 1)
        ]
    );
    let PartKind::Media(image) = &request.turns[1].parts[0].kind else { panic!() };
    assert!(matches!(&image.source, MediaSource::Base64 { mime, .. } if mime == "image/png"));
    let PartKind::Media(document) = &request.turns[1].parts[1].kind else { panic!() };
    assert_eq!(document.class, MediaClass::Document);
    assert!(matches!(&document.source, MediaSource::Parts(parts) if parts.len() == 1));
    assert!(document.citations.is_some() && document.context.is_some());
    let parts = &request.turns[2].parts;
    // F30: an empty signature is none.
    assert!(parts[0].signature.is_none());
    assert_eq!(parts[1].signature.as_ref().unwrap().issuer, Issuer::Unknown);
    assert!(matches!(&parts[2].kind, PartKind::Reasoning(reasoning) if reasoning.redacted.is_some()));
    for (part, kind) in [(&parts[3], "server_tool_use"), (&parts[4], "web_search_tool_result")] {
        let PartKind::Server(server) = &part.kind else { panic!() };
        assert_eq!((&*server.kind, server.id.as_ref().unwrap()), (kind, &"srv_1".into()));
    }
    assert!(
        matches!(&parts[5].kind, PartKind::ToolCall(call) if matches!(&call.args, Args::Json(raw) if raw.get() == r#"{"a":1}"#))
    );
    let PartKind::ToolResult(result) = &request.turns[3].parts[0].kind else { panic!() };
    assert_eq!((result.is_error, result.raw.as_ref().unwrap().get()), (Some(true), r#"{"odd":1}"#));
    assert!(matches!(&request.tools[1], Tool::Builtin(tool) if tool.kind == "bash_20250124"));
    assert!(matches!(&request.tool_choice, Some(ToolChoice::Tool { name, .. }) if name == "f"));
    assert_eq!(request.parallel_tools, Some(false));
    assert_eq!(request.reasoning.mode, Some(ReasoningMode::Auto));
    assert_eq!(request.reasoning.level, Some(Level::High));
    assert_eq!(request.reasoning.summary, Summary::Disabled);
    assert!(matches!(request.output.format, Some(OutputFormat::JsonSchema { .. })));
    assert_eq!(request.extras.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["container"]);
}

#[test]
fn token_counts_read_and_write() {
    assert_eq!(codec().decode_count(br#"{"input_tokens": 12}"#), Some(12));
    assert_eq!(codec().decode_count(br#"{"error":1}"#), None);
    assert_eq!(codec().encode_count(12).unwrap(), br#"{"input_tokens":12}"#);
}

/// Content may stand in content: each level is read once, or a small body would take hours.
#[test]
fn content_in_content_is_read_once_at_each_level_and_not_without_end() {
    let body = |levels: usize, inmost: &str| {
        let open = r#"[{"type":"tool_result","tool_use_id":"t","content":"#.repeat(levels);
        // A block that has to stay whole, behind the one with the next level.
        let close = r#"},{"type":"new"}]"#.repeat(levels);
        format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":{open}{inmost}{close}}}]}}"#
        )
    };
    let read =
        |body: String| codec().decode_request(body.as_bytes()).map(|request| request.turns[0].parts.len());
    assert_eq!(read(body(16, r#""text""#)).unwrap(), 2);
    for (levels, inmost, expected) in [
        (16, "5", None),
        (16, r#"[{"type":"text","text":5}]"#, Some("nests too deeply")),
        (15, r#"[{"type":"text","text":5}]"#, Some("text: expected a string, found a number")),
        (500, r#""text""#, Some("nests too deeply")),
    ] {
        let told = read(body(levels, inmost));
        match expected {
            None => assert_eq!(told.unwrap(), 2, "{levels} {inmost}"),
            Some(words) => {
                let error = told.unwrap_err();
                assert!(error.to_string().contains(words), "{levels} {inmost}: {error}");
                assert!(error.param().unwrap().starts_with("messages[0].content[0].content"), "{error:?}");
            }
        }
    }
}

/// Source: design.md §12 "Duplicate JSON keys: last wins".
#[test]
fn an_earlier_list_of_messages_is_not_looked_at() {
    for wrong in [r#"[{"role":5}]"#, "[3]", "{}", r#""x""#] {
        let body = format!(
            r#"{{"model":"m","max_tokens":1,"messages":{wrong},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        assert_eq!(codec().decode_request(body.as_bytes()).unwrap().turns.len(), 1, "{wrong}");
        let chat = crate::chat::codec();
        assert_eq!(chat.decode_request(body.as_bytes()).unwrap().turns.len(), 1, "{wrong}");
    }
}
