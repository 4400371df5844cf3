"""Prompt templates: how a question, its hint and its options become the text of a chat message."""

import hashlib
from dataclasses import dataclass

from ..errors import BadInput
from .questions import LETTERS, Question

DIRECT = "Answer the question using a single word or phrase."
SELECT = "Please select the correct answer from the options above."
LETTER = "Answer with the option's letter from the given choices directly."


@dataclass(frozen=True)
class Prompt:
    """The pieces of a template: `options` joins lines of `option`; `hint` is dropped where a
    question has none.
    """

    form: str = "{hint}{question}\n{options}\n{ending}"
    hint: str = "{hint}\n"
    option: str = "{letter}. {option}"
    joined: str = "\n"
    ending: str = ""


# Sources: VLMEvalKit `ImageMCQDataset.build_prompt`; lmms-eval `tasks/*/utils.py`.
PROMPTS = {
    "bare": Prompt(),
    "vlmevalkit": Prompt(
        "{hint}Question: {question}\nOptions:\n{options}\n{ending}", "Hint: {hint}\n", ending=SELECT
    ),
    "lmms-eval": Prompt(hint="Context: {hint}\n", ending=LETTER),
    "lmms-eval-mmstar": Prompt(
        "{hint}{question}\nOptions: {options}\n{ending}",
        option="{letter}: {option}",
        joined=", ",
        ending=LETTER.rstrip("."),
    ),
    "lmms-eval-mmbench": Prompt(
        "{hint}{question} There are several options:\n{options}\n{ending}", "{hint} ", ending=LETTER
    ),
    "lmms-eval-realworldqa": Prompt("{written}"),
    "lmms-eval-mmmu": Prompt("{hint}{question}\n{options}\n\n{ending}", ending=LETTER),
}


def find_prompt(name: str, benchmark: str = "") -> str:
    """The benchmark's own variant of a template where there is one, else the template. Raises
    BadInput if unknown.
    """
    own = f"{name}-{benchmark}"
    if name not in PROMPTS and own not in PROMPTS:
        raise BadInput(f"unknown prompt {name!r}; use one of {', '.join(PROMPTS)}")
    return own if own in PROMPTS else name


def prompt_key(name: str) -> str:
    """The template's name and 8 hex digits that change when any of its words changes."""
    words = repr((PROMPTS[find_prompt(name)], DIRECT))
    return f"{name}-{hashlib.blake2b(words.encode(), digest_size=4).hexdigest()}"


def write_prompt(question: Question, template: str = "bare") -> str:
    """The question as text. Raises BadInput for an unknown template, and for one that shows a text
    the question lacks.
    """
    prompt = PROMPTS[find_prompt(template)]
    if prompt.form == "{written}":
        if not question.written:
            raise BadInput(
                f"question {question.id!r} has no text as its benchmark wrote it, which the "
                f"prompt {template!r} shows; use another"
            )
        return question.written
    hint = prompt.hint.format(hint=question.hint) if question.hint else ""
    if question.form != "choice":
        return (
            f"{hint}{question.text}" if template == "bare" else f"{hint}{question.text}\n{DIRECT}"
        )
    options = prompt.joined.join(
        prompt.option.format(letter=letter, option=option)
        for letter, option in zip(LETTERS, question.options, strict=False)
    )
    return prompt.form.format(
        hint=hint, question=question.text, options=options, ending=prompt.ending
    ).rstrip("\n")
