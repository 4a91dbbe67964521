//! What depends on values: each of these is said in a request that says little else.

use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgoneedle";

/// Small requests, each with one thing that some target cannot say so, or at all.
pub fn all() -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&'static str, Value)> = Vec::new();
    for more in [
        json!({"temperature": 1.9301, "service_tier": "priority"}),
        json!({"service_tier": "auto", "n": 1, "logprobs": false, "parallel_tool_calls": true}),
        json!({"stop": ["needle-1", "needle-2", "needle-3", "needle-4", "needle-5", "needle-6"]}),
        json!({"tools": [{"type": "function", "function": {"name": "needle_f"}}], "tool_choice": {"type": "function", "function": {"name": "needle_f"}}, "reasoning_effort": "low"}),
        json!({"tools": [{"type": "function", "function": {"name": "needle_f"}}], "tool_choice": "none"}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 20_011}}),
        json!({"reasoning": {"max_tokens": 20_011, "exclude": true}}),
        json!({"response_format": {"type": "json_object"}, "session_id": "needle-session"}),
        json!({"metadata": {"user_id": "needle-user", "needle": "needle-more"}}),
        json!({"user": "needle-other", "metadata": {"user_id": "needle-user"}}),
        json!({"image_config": {"aspect_ratio": "needle-ratio", "image_size": "needle-size"}, "modalities": ["image", "text"]}),
    ] {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "needle q"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.push(("openai", body));
    }
    for part in [
        json!({"type": "image_url", "image_url": {"url": "https://needle.example/needle-image.png", "detail": "high"}}),
        json!({"type": "image_url", "image_url": {"url": format!("data:image/bmp;base64,{PNG}")}}),
        json!({"type": "input_audio", "input_audio": {"data": "UklGneedle", "format": "wav"}}),
        json!({"type": "file", "file": {"filename": "needle-notes.txt", "file_data": "data:text/plain;base64,bmVlZGxlIHRleHQ="}}),
    ] {
        all.push(("openai", json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "needle q"}, part]}]})));
    }
    let mark = |text: &str| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}});
    for more in [
        json!({"tools": [{"name": "needle_f", "input_schema": {"type": "object", "properties": {"needle": {"type": "string"}}}}], "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 20_011}}),
        json!({"tools": [{"name": "needle_f", "input_schema": {"type": "object", "properties": {"needle": {"type": "string"}}}}], "tool_choice": {"type": "tool", "name": "needle_f"}, "output_config": {"effort": "low"}}),
        json!({"temperature": 0.3137, "top_p": 0.8713}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 20_011}, "temperature": 0.3137, "top_k": 4_703, "top_p": 0.5021}),
        json!({"thinking": {"type": "disabled"}, "speed": "fast", "service_tier": "auto"}),
        json!({"cache_control": {"type": "ephemeral"}, "tools": [{"type": "code_execution_20250825", "name": "code_execution"},
            {"type": "web_fetch_20250910", "name": "web_fetch", "max_content_tokens": 6_007}]}),
        json!({"messages": [{"role": "user", "content": [mark("needle a"), mark("needle b"), mark("needle c"), mark("needle d"), mark("needle e")]}]}),
        json!({"messages": [{"role": "user", "content": "needle q"}, {"role": "assistant", "content": "needle prefill"}]}),
        json!({"messages": [{"role": "user", "content": "needle q"}, {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "needle thought", "signature": "cliproxy:gpt:gAAAAneedlestate"}, {"type": "text", "text": "needle a"}]},
            {"role": "user", "content": "needle go"}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "needle page"}, "title": "needle-title"},
            {"type": "image", "source": {"type": "url", "url": "https://needle.example/needle-image.png"}}, {"type": "text", "text": "needle q"}]}]}),
        json!({"messages": [{"role": "user", "content": "needle q"}, {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "s1", "name": "code_execution", "input": {"code": "needle code"}},
            {"type": "code_execution_tool_result", "tool_use_id": "s1", "content": {"type": "code_execution_result", "stdout": "needle out"}},
            {"type": "text", "text": "needle a"}]}, {"role": "user", "content": "needle go"}]}),
    ] {
        let mut body = json!({"model": "m", "max_tokens": 31_013, "messages": [{"role": "user", "content": "needle q"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.push(("claude", body));
    }
    for more in [
        json!({"user": "needle-other", "metadata": {"user_id": "needle-user"}}),
        json!({"stream": true, "stream_options": {"reasoning_summary_delivery": "needle-delivery", "needle_option": "needle-in-options"}}),
        json!({"tools": [{"type": "function", "name": "needle_f"}, {"type": "function", "name": "needle_g"}],
            "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "needle_f"}]}}),
        json!({"tools": [{"type": "web_search_preview", "search_context_size": "low"}, {"type": "file_search", "vector_store_ids": ["needle-store"]}]}),
        json!({"reasoning": {"effort": "none"}, "service_tier": "default", "text": {"format": {"type": "text"}}}),
        json!({"input": [{"role": "user", "content": "needle q"},
            {"type": "reasoning", "summary": [], "encrypted_content": "cliproxy:claude:EneedleState"},
            {"role": "assistant", "content": "needle a"}, {"role": "user", "content": "needle go"}]}),
        json!({"input": [{"role": "user", "content": "needle q"}, {"type": "local_shell_call", "call_id": "l1", "status": "completed", "action": {"type": "exec", "command": ["needle-ls"]}},
            {"type": "local_shell_call_output", "call_id": "l1", "output": "needle listing"}, {"role": "user", "content": "needle go"}]}),
        json!({"session_id": "needle-conversation", "metadata": {"user_id": "needle-inner"}}),
    ] {
        let mut body = json!({"model": "m", "input": "needle q"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.push(("openai-response", body));
    }
    for more in [
        json!({"generationConfig": {"candidateCount": 1, "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"needle": {"type": "STRING"}}}}}),
        json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
        json!({"contents": [{"role": "needle-role", "parts": [{"text": "needle q"}]}, {"role": "model", "parts": [{"text": "needle a"}]},
            {"role": "user", "parts": [{"text": "needle go"}]}]}),
        json!({"contents": [{"role": "user", "parts": [{"text": "needle q"},
            {"fileData": {"mimeType": "image/png", "fileUri": "https://needle.example/needle-image.png"}}]}]}),
        json!({"tools": [{"functionDeclarations": [{"name": "needle_f", "parameters": {"type": "OBJECT", "properties": {"needle": {"type": "STRING"}}}}]}, {"urlContext": {}}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
        json!({"contents": [{"role": "user", "parts": [{"text": "needle q"}]}, {"role": "model", "parts": [
            {"functionCall": {"name": "needle_f", "args": {"a": "needle-arg"}}, "thoughtSignature": "Y2xpcHJveHk6Y2xhdWRlOkVuZWVkbGVTdGF0ZQ=="}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "needle_f", "response": {"needle": "needle r"}}}]}]}),
    ] {
        let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "needle q"}]}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.push(("gemini", body));
    }
    all
}
