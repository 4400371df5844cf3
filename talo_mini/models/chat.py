"""A prompt as a chat template writes it, and what a template may do to one without a word."""

import re

from jinja2 import TemplateError

from ..errors import BadInput

THINKING = re.compile(r"think|thought|reason", re.IGNORECASE)
# a template that expects one text writes the list of a message's parts out, as Python or as JSON
PARTS_WRITTEN_OUT = re.compile(r"""(['"])type\1: ?\1text\1""")


def chat_prompt(processor, name: str, text: str, answer: bool, system: str, pictures: int) -> str:
    """A prompt of one question, pictures first, behind a system prompt where there is one.

    With `answer` the beginning of the model's turn follows. Raises BadInput where the template is
    broken, or leaves a text out.
    """
    content = [*[{"type": "image"}] * pictures, {"type": "text", "text": text}]
    messages = [{"role": "user", "content": content}]
    if system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
    try:
        prompt = processor.apply_chat_template(messages, add_generation_prompt=answer)
    except (TemplateError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise BadInput(f"the chat template of {name} is broken: {error}") from error
    if not _holds(prompt, system):
        raise BadInput(
            f"the chat template of {name} leaves a system prompt out; say it in the prompt's text"
        )
    parts = len(PARTS_WRITTEN_OUT.findall(prompt))
    if not _holds(prompt, text) or parts > len(PARTS_WRITTEN_OUT.findall(system + text)):
        raise BadInput(
            f"the chat template of {name} does not write the question's text {text[:80]!r} as it "
            f"is, but {prompt[:200]!r}; use one that writes the 'text' of each part of a message"
        )
    return prompt


def _holds(prompt, text):
    """Whether a text stands in a prompt, white space aside: a template may strip or break lines."""
    return "".join(text.split()) in "".join(prompt.split())


def opens_thoughts(asked: str, answering: str) -> bool:
    """Whether a template opens a block of thoughts before the answer.

    `asked` and `answering` are one prompt without and with the beginning of the model's turn.
    """
    begun = answering[len(asked) :] if answering.startswith(asked) else answering[-40:]
    opened = THINKING.search(begun)
    return bool(opened) and len(THINKING.findall(begun)) % 2 == 1
