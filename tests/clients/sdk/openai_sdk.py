"""The official OpenAI SDK: Chat Completions and Responses, whole and streamed, and its exceptions."""

import json

import openai

from task import BASE, DESCRIPTION, KEY, PROMPT, SCHEMA, SLOWLY, expect, heard, raises, run, word

client = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)


def chat(stream):
    tools = [{"type": "function", "function": {"name": "bash", "description": DESCRIPTION, "parameters": SCHEMA}}]
    messages = [{"role": "user", "content": PROMPT}]
    for _ in range(4):
        if stream:
            with client.chat.completions.stream(model="gpt-5", messages=messages, tools=tools) as events:
                for _event in events:
                    pass
                completion = events.get_final_completion()
        else:
            completion = client.chat.completions.create(model="gpt-5", messages=messages, tools=tools)
        choice = completion.choices[0]
        if not choice.message.tool_calls:
            expect(choice.finish_reason == "stop", f"stop, not {choice.finish_reason}")
            return choice.message.content
        expect(choice.finish_reason == "tool_calls", f"tool_calls, not {choice.finish_reason}")
        messages.append(choice.message.model_dump(exclude_none=True))
        for call in choice.message.tool_calls:
            result = run(json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise SystemExit("no end")


def responses(stream):
    tools = [{"type": "function", "name": "bash", "description": DESCRIPTION, "parameters": SCHEMA, "strict": True}]
    items = [{"role": "user", "content": PROMPT}]
    for _ in range(4):
        if stream:
            with client.responses.stream(model="gpt-5", input=items, tools=tools, store=False) as events:
                for _event in events:
                    pass
                response = events.get_final_response()
        else:
            response = client.responses.create(model="gpt-5", input=items, tools=tools, store=False)
        expect(response.status == "completed", f"completed, not {response.status}")
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return response.output_text
        items += [item.model_dump(exclude_none=True) for item in response.output]
        for call in calls:
            result = run(json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    raise SystemExit("no end")


for way in (chat, responses):
    for stream in (False, True):
        said = way(stream)
        expect(word() in said, f"the word {word()} in {said!r} ({way.__name__}, stream={stream})")

chunks = client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": SLOWLY}], stream=True)
heard([choice.delta.content or "" for chunk in chunks for choice in chunk.choices], "chat")
events = client.responses.create(model="gpt-5", input=SLOWLY, stream=True)
heard([event.delta for event in events if event.type == "response.output_text.delta"], "responses")

hello = [{"role": "user", "content": "hi"}]
wrong = client.with_options(api_key="nobody")
raises(openai.AuthenticationError, lambda: wrong.chat.completions.create(model="gpt-5", messages=hello))
raises(openai.AuthenticationError, lambda: wrong.responses.create(model="gpt-5", input="hi"))
raises(openai.NotFoundError, lambda: client.chat.completions.create(model="nothing-like-it", messages=hello))
raises(openai.NotFoundError, lambda: client.responses.create(model="nothing-like-it", input="hi"))
raises(openai.BadRequestError, lambda: client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": 7}]))
raises(openai.BadRequestError, lambda: client.responses.create(model="gpt-5", input=7))
KINDS = {
    400: openai.BadRequestError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
    529: openai.InternalServerError,
}
for status, kind in KINDS.items():
    failing = [{"role": "user", "content": f"FAIL-{status}"}]
    for call in (
        lambda: client.chat.completions.create(model="gpt-5", messages=failing),
        lambda: client.chat.completions.create(model="gpt-5", messages=failing, stream=True),
        lambda: client.responses.create(model="gpt-5", input=failing),
        lambda: client.responses.create(model="gpt-5", input=failing, stream=True),
    ):
        error = raises(kind, call)
        expect((type(error), error.status_code) == (kind, status), f"{kind.__name__} {status}, not {error!r}")
        expect("as you wished" in error.message and error.type, f"the provider's words, not {error!r}")
        # A provider that only fails is left alone for a while.
        client.responses.create(model="gpt-5", input="hi")
expect(any(model.id for model in client.models.list()), "a list of models")
