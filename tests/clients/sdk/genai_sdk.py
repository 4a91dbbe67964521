"""The official Google Gen AI SDK: generateContent, whole and streamed, token counts, and its exceptions."""

import asyncio

from google import genai
from google.genai import errors, types

from task import BASE, DESCRIPTION, KEY, PROMPT, SCHEMA, SLOWLY, expect, heard, raises, run, word


def client_with(key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=BASE))


client = client_with(KEY)
MODEL = "gemini-2.5-pro"
DECLARATION = types.FunctionDeclaration(
    name="bash", description=DESCRIPTION, parameters_json_schema={k: v for k, v in SCHEMA.items() if k != "additionalProperties"}
)
CONFIG = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[DECLARATION])],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


def parts_of(contents, stream):
    if not stream:
        reply = client.models.generate_content(model=MODEL, contents=contents, config=CONFIG)
        candidate = reply.candidates[0]
        return candidate.content.parts, candidate.finish_reason
    parts, reason = [], None
    for chunk in client.models.generate_content_stream(model=MODEL, contents=contents, config=CONFIG):
        for candidate in chunk.candidates or []:
            parts += (candidate.content and candidate.content.parts) or []
            reason = candidate.finish_reason or reason
    return parts, reason


def generate(stream):
    contents = [types.Content(role="user", parts=[types.Part(text=PROMPT)])]
    for _ in range(4):
        parts, reason = parts_of(contents, stream)
        expect(reason == types.FinishReason.STOP, f"STOP, not {reason}")
        calls = [part.function_call for part in parts if part.function_call]
        if not calls:
            return "".join(part.text or "" for part in parts if not part.thought)
        contents.append(types.Content(role="model", parts=parts))
        answers = []
        for call in calls:
            answer = types.FunctionResponse(id=call.id, name=call.name, response={"output": run(call.args)})
            answers.append(types.Part(function_response=answer))
        contents.append(types.Content(role="user", parts=answers))
    raise SystemExit("no end")


for stream in (False, True):
    said = generate(stream)
    expect(word() in said, f"the word {word()} in {said!r} (stream={stream})")

def words(chunk):
    parts = (candidate.content and candidate.content.parts for candidate in chunk.candidates or [])
    return "".join(part.text or "" for some in parts for part in some or [] if not part.thought)


async def slowly():
    stream = await client.aio.models.generate_content_stream(model=MODEL, contents=SLOWLY)
    return [words(chunk) async for chunk in stream]


heard([words(chunk) for chunk in client.models.generate_content_stream(model=MODEL, contents=SLOWLY)], "sync")
heard(asyncio.run(slowly()), "async")

expect(client.models.count_tokens(model=MODEL, contents="hi").total_tokens > 0, "a token count")
wrong = client_with("nobody")
error = raises(errors.ClientError, lambda: wrong.models.generate_content(model=MODEL, contents="hi"))
expect(error.code == 401, f"401, not {error.code}")
error = raises(errors.ClientError, lambda: client.models.generate_content(model="nothing-like-it", contents="hi"))
expect(error.code == 404, f"404, not {error.code}")
NAMES = {
    400: "INVALID_ARGUMENT",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
for status, name in NAMES.items():
    kind = errors.ClientError if status < 500 else errors.ServerError
    for call in (
        lambda: client.models.generate_content(model=MODEL, contents=f"FAIL-{status}"),
        lambda: list(client.models.generate_content_stream(model=MODEL, contents=f"FAIL-{status}")),
    ):
        error = raises(kind, call)
        expect((error.code, error.status) == (status, name), f"{status} {name}, not {error!r}")
        expect("as you wished" in error.message, f"the provider's words, not {error!r}")
        # A provider that only fails is left alone for a while.
        client.models.generate_content(model=MODEL, contents="hi")
expect(any(model.name for model in client.models.list()), "a list of models")
