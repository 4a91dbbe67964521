//! Requests as coding agents send them: what they say in every turn, in the forms that they say it in. The words are
//! needles, the shapes the agents'.

use serde_json::{Value, json};

fn parameters(property: &str) -> Value {
    json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {property: {"type": "string", "description": "A path."}}, "required": [property], "additionalProperties": false})
}

/// Every agent: its name, the format it speaks, and a request from the midst of its work.
pub fn all() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("Claude Code", "claude", claude_code()),
        ("Codex CLI", "openai-response", codex_cli()),
        ("opencode", "openai", opencode()),
        ("Cline", "openai", cline()),
        ("aider", "openai", aider()),
        ("Qwen Code", "openai", qwen_code()),
        ("Copilot CLI", "openai", copilot_cli()),
        ("Copilot CLI, Responses", "openai-response", copilot_cli_in_responses()),
        ("Copilot CLI, Messages", "claude", copilot_cli_in_messages()),
        ("Gemini CLI", "gemini-cli", gemini_cli()),
        ("Gemini CLI with a key", "gemini", gemini_cli()["request"].clone()),
    ]
}

fn claude_code() -> Value {
    json!({
        "model": "m", "max_tokens": 31_733, "stream": true,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: needle-version; needle-entry"},
            {"type": "text", "text": "You are a needle agent.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Needle rules: needle-rule", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>\nneedle reminder\n</system-reminder>"},
                {"type": "text", "text": "fix the needle bug"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "needle thought", "signature": crate::responses::claude_signature()},
                {"type": "text", "text": "I look at the needle."},
                {"type": "tool_use", "id": "toolu_01", "name": "Read_needle", "input": {"file_path": "needle-file.rs"}},
                {"type": "tool_use", "id": "toolu_02", "name": "Bash_needle", "input": {"file_path": "needle-command"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": [{"type": "text", "text": "needle lines"}]},
                {"type": "tool_result", "tool_use_id": "toolu_02", "content": "needle failure", "is_error": true},
                {"type": "text", "text": "needle goes on", "cache_control": {"type": "ephemeral"}}]},
        ],
        "tools": [
            {"name": "Read_needle", "description": "needle reads", "input_schema": parameters("file_path")},
            {"name": "Bash_needle", "description": "needle runs", "input_schema": parameters("file_path")},
        ],
        "metadata": {"user_id": "user_needle_account__session_needle-session"},
        "thinking": {"type": "enabled", "budget_tokens": 30_911},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    })
}

fn codex_cli() -> Value {
    json!({
        "model": "m", "instructions": "You are a needle agent.", "stream": true, "store": false,
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "needle sandbox"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>needle cwd</environment_context>"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list needle files"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "needle thought"}], "content": null,
                "encrypted_content": crate::responses::gpt_signature()},
            {"type": "function_call", "call_id": "call_1", "name": "shell_needle", "arguments": "{\"command\":\"needle-ls\"}"},
            {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_needle", "input": "*** Begin Patch *** needle-patch"},
            {"type": "function_call_output", "call_id": "call_1", "output": "needle listing"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": "needle patched"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "needle answer"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "needle thanks"}]},
        ],
        "tools": [
            {"type": "function", "name": "shell_needle", "description": "needle runs", "strict": false, "parameters": parameters("command")},
            {"type": "custom", "name": "apply_needle", "description": "needle edits",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: needle-grammar"}},
            {"type": "namespace", "name": "mcp_needle", "description": "needle documents", "tools": [
                {"type": "function", "name": "search_needle", "description": "needle searches", "strict": false, "parameters": parameters("query")}]},
            {"type": "web_search", "external_web_access": true},
        ],
        "tool_choice": "auto", "parallel_tool_calls": false,
        "reasoning": {"effort": "low", "summary": "auto"}, "text": {"verbosity": "low"},
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "needle-session",
        "client_metadata": {"x-codex-installation-id": "needle-installation"},
    })
}

fn tool(name: &str, description: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters("path")}})
}

fn opencode() -> Value {
    json!({
        "model": "m", "max_tokens": 31_733, "temperature": 0.5531, "top_p": 0.9311, "stream": true,
        "stream_options": {"include_usage": true}, "tool_choice": "auto", "reasoning_effort": "low",
        "messages": [
            {"role": "system", "content": "You are a needle agent."},
            {"role": "system", "content": "needle environment"},
            {"role": "user", "content": [{"type": "text", "text": "fix the needle"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoneedle"}}]},
            {"role": "assistant", "content": "needle look", "reasoning_content": "needle thought", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "read_needle", "arguments": "{\"path\":\"needle-file\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "needle lines"},
        ],
        "tools": [tool("read_needle", "needle reads"), tool("edit_needle", "needle edits")],
    })
}

fn cline() -> Value {
    json!({
        "model": "m", "max_completion_tokens": 8_191, "temperature": 0, "stream": true, "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "You are a needle agent.", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": [{"type": "text", "text": "<task>needle task</task>"},
                {"type": "text", "text": "<environment_details>needle tabs</environment_details>", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": "<read_file>needle-file</read_file>",
                "reasoning_details": [{"type": "reasoning.text", "text": "needle thought", "index": 0}]},
            {"role": "user", "content": [{"type": "text", "text": "needle result"}]},
        ],
        "include_reasoning": true, "provider": {"sort": "needle-sort"}, "transforms": ["needle-transform"],
    })
}

fn aider() -> Value {
    json!({
        "model": "m", "temperature": 0.0547, "stream": false,
        "messages": [
            {"role": "system", "content": "Act as a needle expert."},
            {"role": "user", "content": "needle files"}, {"role": "assistant", "content": "Ok, needle."},
            {"role": "user", "content": "change the needle"},
        ],
        "extra_headers": {"needle": "needle-header"},
    })
}

fn qwen_code() -> Value {
    json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 31_733,
        "messages": [
            {"role": "system", "content": "You are a needle agent."},
            {"role": "user", "content": [{"type": "text", "text": "This is the needle setup."}]},
            {"role": "assistant", "content": "Got the needle context."},
            {"role": "user", "content": [{"type": "text", "text": "read the needle"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "read_needle", "arguments": "{\"path\":\"needle-file\"}"}},
                {"id": "call_2", "type": "function", "function": {"name": "edit_needle", "arguments": "{\"path\":\"needle-other\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "needle lines"},
            {"role": "tool", "tool_call_id": "call_2", "content": "needle edited"},
        ],
        "tools": [tool("read_needle", "needle reads"), tool("edit_needle", "needle edits")],
    })
}

fn copilot_cli() -> Value {
    json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true}, "parallel_tool_calls": true,
        "messages": [
            {"role": "system", "content": "You are the needle CLI."},
            {"role": "user", "content": "<current_datetime>needle time</current_datetime> list the needle"},
            {"role": "assistant", "content": "needle look", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "bash_needle", "arguments": "{\"path\":\"needle-ls\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "needle listing"},
        ],
        "tools": [tool("bash_needle", "needle runs")],
    })
}

fn copilot_cli_in_responses() -> Value {
    json!({
        "model": "m", "instructions": "You are the needle CLI.", "stream": true, "store": false,
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "list the needle"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "needle thought"}],
                "encrypted_content": crate::responses::gpt_signature()},
            {"type": "function_call", "call_id": "call_1", "name": "bash_needle", "arguments": "{\"path\":\"needle-ls\"}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "needle listing"},
        ],
        "tools": [{"type": "function", "name": "bash_needle", "description": "needle runs", "strict": false, "parameters": parameters("path")}],
        "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
    })
}

fn copilot_cli_in_messages() -> Value {
    json!({
        "model": "m", "max_tokens": 31_733, "stream": true,
        "system": [{"type": "text", "text": "You are the needle CLI.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "list the needle"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_01", "name": "bash_needle", "input": {"path": "needle-ls"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": "needle listing", "cache_control": {"type": "ephemeral"}}]},
        ],
        "tools": [{"name": "bash_needle", "description": "needle runs", "input_schema": parameters("path")}],
    })
}

fn gemini_cli() -> Value {
    json!({"model": "m", "project": "p", "user_prompt_id": "u", "request": {
        "contents": [
            {"role": "user", "parts": [{"text": "This is the needle CLI."}]},
            {"role": "model", "parts": [{"text": "Got the needle context."}]},
            {"role": "user", "parts": [{"text": "read the needle"}]},
            {"role": "model", "parts": [{"text": "needle thought", "thought": true},
                {"functionCall": {"id": "read-1", "name": "read_needle", "args": {"path": "needle-file"}}, "thoughtSignature": "CneedleSignatureOfCallBBBB"}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "read-1", "name": "read_needle", "response": {"output": "needle lines"}}}]},
        ],
        "systemInstruction": {"role": "user", "parts": [{"text": "You are a needle agent."}]},
        "tools": [{"functionDeclarations": [{"name": "read_needle", "description": "needle reads", "parametersJsonSchema": parameters("path")}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {"temperature": 0.0731, "topP": 0.9311, "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 20_011}},
        "session_id": "needle-session",
    }})
}
