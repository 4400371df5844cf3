"""A task's messages, as lmms-eval writes them, as one question about pictures."""

from collections.abc import Sequence
from itertools import groupby

from ..errors import BadInput

ASKED = ["user"], ["system", "user"]  # whose messages a question is made of


def as_question(task: str, messages: Sequence) -> tuple[list, str, str]:
    """Pictures, text and system prompt of messages with `role` and `content`.

    Raises BadInput where one question, pictures first, would not be what the task asks: for turns
    before the last, for video and audio, and for pictures with text on both sides.
    """
    roles = [message.role for message in messages]
    if roles not in ASKED:
        raise BadInput(
            f"the task {task!r} asks in several turns ({', '.join(roles)}), and a question is one "
            "user message, behind a system message at most; ask it without examples"
        )
    asked = messages[-1].content
    said = [part for message in messages[:-1] for part in message.content]
    for kind in [part.type for part in said if part.type != "text"]:
        raise BadInput(
            f"the task {task!r} has {kind} in its system message, which can be text only; choose "
            "another task"
        )
    for kind in [part.type for part in asked if part.type not in ("text", "image")]:
        raise BadInput(
            f"the task {task!r} has {kind} in its question, which cannot be shown; choose a task "
            "about pictures"
        )
    shown = (part.type for part in asked if part.type == "image" or part.text.strip())
    if len(list(groupby(shown))) > 2:
        raise BadInput(
            f"the task {task!r} writes text on both sides of a picture, and a question shows its "
            "pictures first; choose a task, or a setting of it, that does not interleave them"
        )
    pictures = [part.url for part in asked if part.type == "image"]
    return pictures, _joined(asked), _joined(said)


def _joined(parts):
    """The texts one after the other, on lines of their own where no blank parts them."""
    joined = ""
    for text in (part.text for part in parts if part.type == "text" and part.text):
        touching = joined and not (joined[-1].isspace() or text[0].isspace())
        joined += f"\n{text}" if touching else text
    return joined
