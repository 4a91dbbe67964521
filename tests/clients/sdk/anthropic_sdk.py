"""The official Anthropic SDK: Messages, whole and streamed, token counts, and its exceptions."""

import anthropic

from task import BASE, DESCRIPTION, KEY, PROMPT, SCHEMA, SLOWLY, expect, heard, raises, run, word

client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0)
TOOLS = [{"name": "bash", "description": DESCRIPTION, "input_schema": SCHEMA}]
MODEL = "claude-sonnet-4-6"


def messages(stream):
    turns = [{"role": "user", "content": PROMPT}]
    for _ in range(4):
        asked = {"model": MODEL, "max_tokens": 1000, "messages": turns, "tools": TOOLS}
        if stream:
            with client.messages.stream(**asked) as events:
                for _event in events:
                    pass
                message = events.get_final_message()
        else:
            message = client.messages.create(**asked)
        calls = [block for block in message.content if block.type == "tool_use"]
        if not calls:
            expect(message.stop_reason == "end_turn", f"end_turn, not {message.stop_reason}")
            return "".join(block.text for block in message.content if block.type == "text")
        expect(message.stop_reason == "tool_use", f"tool_use, not {message.stop_reason}")
        turns.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]})
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": run(call.input)} for call in calls]
        turns.append({"role": "user", "content": results})
    raise SystemExit("no end")


for stream in (False, True):
    said = messages(stream)
    expect(word() in said, f"the word {word()} in {said!r} (stream={stream})")

slowly = [{"role": "user", "content": SLOWLY}]
with client.messages.stream(model=MODEL, max_tokens=9, messages=slowly) as events:
    heard(list(events.text_stream), "messages")

hello = [{"role": "user", "content": "hi"}]
count = client.messages.count_tokens(model=MODEL, messages=hello)
expect(count.input_tokens > 0, "a token count")
wrong = client.with_options(api_key="nobody")
raises(anthropic.AuthenticationError, lambda: wrong.messages.create(model=MODEL, max_tokens=9, messages=hello))
raises(anthropic.NotFoundError, lambda: client.messages.create(model="nothing-like-it", max_tokens=9, messages=hello))
raises(anthropic.BadRequestError, lambda: client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": 7}]))
KINDS = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    413: ("ContentTooLargeError", "request_too_large"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    503: ("ServiceUnavailableError", "overloaded_error"),
    504: ("GatewayTimeoutError", "timeout_error"),
    529: ("OverloadedError", "overloaded_error"),
}
for status, (kind, name) in KINDS.items():
    failing = [{"role": "user", "content": f"FAIL-{status}"}]
    for stream in (False, True):
        error = raises(anthropic.APIStatusError, lambda: client.messages.create(model=MODEL, max_tokens=9, messages=failing, stream=stream))
        # Some of the types are not exported: they are told by their names.
        wanted = kind if isinstance(kind, str) else kind.__name__
        expect((type(error).__name__, error.status_code) == (wanted, status), f"{wanted} {status}, not {error!r}")
        said = error.body["error"]
        expect(said["type"] == name and "as you wished" in said["message"], f"{name}, not {error.body}")
        # A provider that only fails is left alone for a while.
        client.messages.create(model=MODEL, max_tokens=9, messages=hello)
expect(any(model.id for model in client.models.list()), "a list of models")
