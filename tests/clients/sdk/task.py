"""What the scripts share: where the server is, the task, and the shell tool that the model is given."""

import os
import subprocess

BASE = os.environ["BASE"]
KEY = os.environ["KEY"]
KIND = os.environ["KIND"]
PROMPT = "TASK-7Q: list the files, print note.txt, and tell me the word in it."
# The provider is silent before and behind its words, for longer than the server lets a stream be.
SLOWLY = "SLOWLY-7Q: hi"
DESCRIPTION = "Runs a command in a shell and returns what it prints."
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string", "description": "The command"}},
    "required": ["command"],
    "additionalProperties": False,
}


def word():
    with open("note.txt", encoding="utf-8") as note:
        return note.read().split("the word is: ")[1].strip()


def heard(words, what):
    """What came of a stream that was silent for a while."""
    expect("".join(words) == "A note with a word", f"a stream with silences is read to its end ({what}), not {words!r}")


def run(arguments):
    return subprocess.run(["bash", "-c", arguments["command"]], capture_output=True, text=True, check=True).stdout


def expect(condition, what):
    if not condition:
        raise SystemExit(f"expected: {what}")


def raises(kind, call):
    """The SDK's own exception type, with the status in it."""
    try:
        call()
    except kind as error:
        return error
    except Exception as error:  # noqa: BLE001
        raise SystemExit(f"expected {kind.__name__}, got {type(error).__name__}: {error}") from error
    raise SystemExit(f"expected {kind.__name__}, got a reply")
