//! Requests that say all that their formats can say. Every word has `needle` in it and every number is like no other, so
//! that a test finds out by itself whether it arrived.

use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgoAAAANSUhEneedle";
const PDF: &str = "JVBERi0xLjQKneedle";

fn schema(property: &str) -> Value {
    json!({"type": "object", "properties": {property: {"type": "string"}}, "required": [property],
        "additionalProperties": false})
}

/// Chat Completions with every documented member, and with what routers and vendors add.
pub fn chat() -> Value {
    json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "needle system", "name": "needle-operator"},
            {"role": "user", "name": "needle-alice", "content": [
                {"type": "text", "text": "needle question", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}"), "detail": "low"}},
                {"type": "file", "file": {"filename": "needle-file.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}},
                {"type": "text", "text": "needle more", "needle_part": "needle-in-part"},
            ]},
            {"role": "assistant", "content": "needle answer", "name": "needle-robot", "refusal": "needle refusal",
                "reasoning_content": "needle thought",
                "tool_calls": [{"id": "call_needle1", "type": "function",
                    "function": {"name": "needle_lookup", "arguments": "{\"city\":\"needle-oslo\"}"}}]},
            {"role": "tool", "tool_call_id": "call_needle1", "content": "needle result", "needle_message": "needle-in-message"},
            {"role": "user", "content": "needle last"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "needle_lookup", "description": "needle describes",
                "parameters": schema("needle_property"), "strict": true, "needle_function": "needle-in-function"},
                "needle_tool": "needle-in-tool"},
            {"type": "custom", "custom": {"name": "needle_patch", "description": "needle patches",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: needle-grammar"}}}},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "temperature": 1.3117,
        "top_p": 0.8713,
        "top_k": 4_139,
        "frequency_penalty": 0.1319,
        "presence_penalty": 0.1733,
        "logit_bias": {"4711": 3_109},
        "seed": 90_210,
        "stop": ["needle-stop-1", "needle-stop-2"],
        "logprobs": true,
        "top_logprobs": 1_907,
        "max_completion_tokens": 7_331,
        "response_format": {"type": "json_schema", "json_schema": {"name": "needle_form", "description": "needle form is",
            "strict": true, "schema": schema("needle_field")}},
        "verbosity": "low",
        "modalities": ["text", "audio"],
        "audio": {"voice": "needle-voice", "format": "mp3"},
        "prediction": {"type": "content", "content": "needle prediction"},
        "reasoning_effort": "low",
        "user": "needle-user",
        "safety_identifier": "needle-safety",
        "prompt_cache_key": "needle-key",
        "metadata": {"needle_meta": "needle-metadata"},
        "service_tier": "flex",
        "store": true,
        "web_search_options": {"search_context_size": "low"},
        "prompt_cache_retention": "24h",
        "needle_extension": "needle-in-body",
    })
}

/// Claude Messages with every documented member.
pub fn claude() -> Value {
    json!({
        "model": "m",
        "max_tokens": 7_331,
        "system": [{"type": "text", "text": "needle system", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "needle question", "cache_control": {"type": "ephemeral"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "document", "title": "needle-file.pdf", "context": "needle context", "citations": {"enabled": true},
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
                {"type": "search_result", "source": "https://needle.example", "title": "needle found",
                    "content": [{"type": "text", "text": "needle snippet"}]},
                {"type": "text", "text": "needle more", "needle_part": "needle-in-part"},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "needle thought", "signature": "EqQBCgIYAhIkneedlesignature"},
                {"type": "redacted_thinking", "data": "EmwKAhgBEgyneedleredacted"},
                {"type": "text", "text": "needle answer", "citations": [{"type": "char_location", "cited_text": "needle cited",
                    "document_index": 0, "document_title": "needle-file.pdf", "start_char_index": 0, "end_char_index": 6}]},
                {"type": "server_tool_use", "id": "srvtoolu_needle", "name": "web_search", "input": {"query": "needle query"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_needle", "content": [{"type": "web_search_result",
                    "url": "https://needle.example/page", "title": "needle page", "encrypted_content": "EqgfCioIneedle", "page_age": "needle age"}]},
                {"type": "tool_use", "id": "toolu_needle1", "name": "needle_lookup", "input": {"city": "needle-oslo"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_needle1", "is_error": true,
                    "content": [{"type": "text", "text": "needle result"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]},
                {"type": "text", "text": "needle last", "cache_control": {"type": "ephemeral"}},
            ], "needle_message": "needle-in-message"},
        ],
        "tools": [
            {"name": "needle_lookup", "description": "needle describes", "input_schema": schema("needle_property"), "strict": true,
                "cache_control": {"type": "ephemeral"}, "input_examples": [{"needle_property": "needle example"}]},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8_311, "allowed_domains": ["needle.example"],
                "user_location": {"type": "approximate", "city": "needle-town"}},
            {"type": "bash_20250124", "name": "bash"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "temperature": 0.9311,
        "top_k": 4_139,
        "stop_sequences": ["needle-stop-1", "needle-stop-2"],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema("needle_field")}},
        "metadata": {"user_id": "needle-user"},
        "service_tier": "standard_only",
        "container": "needle-container",
        "mcp_servers": [{"type": "url", "url": "https://needle.example/mcp", "name": "needle-mcp"}],
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
        "needle_extension": "needle-in-body",
    })
}

/// Responses with every documented member that is not a reference to what its service keeps.
pub fn responses() -> Value {
    json!({
        "model": "m",
        "instructions": "needle system",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "needle developer"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "needle question", "prompt_cache_breakpoint": {"type": "needle-breakpoint"}},
                {"type": "input_image", "detail": "low", "image_url": format!("data:image/png;base64,{PNG}")},
                {"type": "input_file", "filename": "needle-file.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")},
                {"type": "input_text", "text": "needle more", "needle_part": "needle-in-part"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "needle thought"}],
                "content": [{"type": "reasoning_text", "text": "needle chain"}], "encrypted_content": "gAAAAneedlestate"},
            {"type": "web_search_call", "id": "ws_needle", "status": "completed",
                "action": {"type": "search", "query": "needle query", "sources": [{"type": "url", "url": "https://needle.example/page"}]}},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "needle-phase", "content": [
                {"type": "output_text", "text": "needle answer", "annotations": [{"type": "url_citation", "url": "https://needle.example",
                    "title": "needle found", "start_index": 0, "end_index": 6}], "logprobs": [{"token": "needle-token", "logprob": -0.7717, "bytes": [110], "top_logprobs": []}]},
                {"type": "refusal", "refusal": "needle refusal"}]},
            {"type": "function_call", "call_id": "call_needle1", "name": "needle_lookup", "arguments": "{\"city\":\"needle-oslo\"}"},
            {"type": "function_call_output", "call_id": "call_needle1", "output": "needle result"},
            {"type": "custom_tool_call", "call_id": "call_needle2", "name": "needle_patch", "input": "needle patch text"},
            {"type": "custom_tool_call_output", "call_id": "call_needle2", "output": "needle patched"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "needle last"}]},
        ],
        "tools": [
            {"type": "function", "name": "needle_lookup", "description": "needle describes",
                "parameters": schema("needle_property"), "strict": true, "needle_tool": "needle-in-tool"},
            {"type": "custom", "name": "needle_patch", "description": "needle patches",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: needle-grammar"}},
            {"type": "web_search", "search_context_size": "low", "filters": {"allowed_domains": ["needle.example"]},
                "user_location": {"type": "approximate", "city": "needle-town"}},
            {"type": "code_interpreter", "container": {"type": "auto"}},
        ],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "temperature": 1.3117,
        "top_p": 0.8713,
        "top_logprobs": 1_907,
        "max_output_tokens": 7_331,
        "max_tool_calls": 6_703,
        "text": {"format": {"type": "json_schema", "name": "needle_form", "description": "needle form is", "strict": true,
            "schema": schema("needle_field")}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "detailed", "needle_reasoning": "needle-in-reasoning"},
        "user": "needle-user",
        "safety_identifier": "needle-safety",
        "prompt_cache_key": "needle-key",
        "prompt_cache_retention": "24h",
        "metadata": {"needle_meta": "needle-metadata"},
        "service_tier": "flex",
        "store": true,
        "truncation": "auto",
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs", "file_search_call.results"],
        "background": false,
        "needle_extension": "needle-in-body",
    })
}

/// Gemini with every documented member.
pub fn gemini() -> Value {
    json!({
        "systemInstruction": {"parts": [{"text": "needle system"}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "needle question"},
                {"inlineData": {"mimeType": "image/png", "data": PNG, "displayName": "needle picture"}},
                {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
                {"text": "needle more", "needlePart": "needle-in-part"},
            ]},
            {"role": "model", "parts": [
                {"text": "needle thought", "thought": true},
                {"text": "needle answer", "thoughtSignature": "CneedleSignatureOfTextAAAA"},
                {"executableCode": {"language": "PYTHON", "code": "needle code"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "needle output"}},
                {"functionCall": {"id": "call_needle1", "name": "needle_lookup", "args": {"city": "needle-oslo"}},
                    "thoughtSignature": "CneedleSignatureOfCallBBBB"},
            ]},
            {"role": "user", "parts": [{"functionResponse": {"id": "call_needle1", "name": "needle_lookup",
                "response": {"needle_result": {"needle": "needle result"}},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": format!("{PNG}shown")}}]}}]},
            {"role": "user", "parts": [{"text": "needle last"}], "needleContent": "needle-in-message"},
        ],
        "tools": [
            {"functionDeclarations": [{"name": "needle_lookup", "description": "needle describes",
                "parametersJsonSchema": schema("needle_property"), "behavior": "NON_BLOCKING"}]},
            {"googleSearch": {"excludeDomains": ["needle.example"]}},
            {"codeExecution": {}},
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["needle_lookup"]},
            "retrievalConfig": {"languageCode": "needle-lang"}},
        "generationConfig": {
            "temperature": 1.3117, "topP": 0.8713, "topK": 4_139, "seed": 90_210, "presencePenalty": 0.1733, "frequencyPenalty": 0.1319,
            "maxOutputTokens": 7_331, "stopSequences": ["needle-stop-1", "needle-stop-2"],
            "responseLogprobs": true, "logprobs": 1_907,
            "responseMimeType": "application/json", "responseJsonSchema": schema("needle_field"),
            "responseModalities": ["TEXT", "IMAGE"], "mediaResolution": "MEDIA_RESOLUTION_LOW",
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "needle-voice"}}},
            "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": true},
            "needleConfig": "needle-in-config",
        },
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "serviceTier": "needle-tier",
        "labels": {"needle_label": "needle-in-labels"},
        "needleExtension": "needle-in-body",
    })
}

/// Gemini CLI's envelope.
pub fn gemini_cli() -> Value {
    let mut inner = gemini();
    inner["session_id"] = "needle-session".into();
    json!({"model": "m", "project": "needle-project", "user_prompt_id": "needle-prompt", "request": inner})
}
