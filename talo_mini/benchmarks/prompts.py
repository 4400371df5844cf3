"""Prompt templates: how a question, its hint and its options become the text of a chat message."""

import hashlib
from dataclasses import dataclass
from string import Formatter

from ..errors import BadInput
from .questions import LETTERS, Question

DIRECT = "Answer the question using a single word or phrase."
SELECT = "Please select the correct answer from the options above."
LETTER = "Answer with the option's letter from the given choices directly."


@dataclass(frozen=True)
class Prompt:
    """The pieces of a template: `options` joins lines of `option`; `hint` is dropped where a
    question has none. `system` is said before the conversation.
    """

    form: str = "{hint}{question}\n{options}\n{ending}"
    hint: str = "{hint}\n"
    option: str = "{letter}. {option}"
    joined: str = "\n"
    ending: str = ""
    system: str = ""


PLACES = ("hint", "question", "options")  # what a template of the user's may show
DIVIDER = "\n---\n"  # between a system prompt and the template


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
    """The benchmark's own variant of a template where there is one, else the template.

    A text with "{question}" in it is a template itself ("{options}" and "{hint}" may stand there
    too); a line of three dashes divides a system prompt from it. Raises BadInput if unknown, or
    where a text shows something else.
    """
    if not isinstance(name, str):
        raise BadInput(f"prompt= is {name!r}; it is a prompt's name or a text")
    if "{question}" in name:
        _check_own(name)
        return name
    own = f"{name}-{benchmark}"
    if name not in PROMPTS and own not in PROMPTS:
        raise BadInput(
            f"unknown prompt {name!r}; use one of {', '.join(PROMPTS)}, or a text in which "
            "{question} and {options} stand"
        )
    return own if own in PROMPTS else name


def _check_own(text):
    quoted_prompt = f"the prompt {text[:60]!r}"
    try:
        shown = [place for _, place, _, _ in Formatter().parse(_own(text).form)]
    except ValueError as error:
        raise BadInput(f"{quoted_prompt} cannot be read ({error}); double a brace") from error
    odd = {place for place in shown if place is not None} - set(PLACES)
    if odd:
        raise BadInput(f"{quoted_prompt} shows {{{min(odd)}}}; it may show {', '.join(PLACES)}")


def _own(text) -> Prompt:
    """A user's template; the hint stands where it says, or in front."""
    system, _, form = text.rpartition(DIVIDER)
    return Prompt(form if "{hint}" in form else "{hint}" + form, system=system)


def prompt_of(name: str) -> Prompt:
    """The pieces of a template. Raises BadInput if unknown."""
    template = find_prompt(name)
    return PROMPTS[template] if template in PROMPTS else _own(template)


def prompt_key(name: str) -> str:
    """The template's name and 8 hex digits that change when any of its words changes."""
    prompt = prompt_of(name)
    if name not in PROMPTS:
        words, name = repr((prompt, "own")), "own"
    else:  # as it was before there were system prompts: answers stay where they are kept
        words = repr((prompt, DIRECT)).replace(", system=''", "")
    return f"{name}-{hashlib.blake2b(words.encode(), digest_size=4).hexdigest()}"


def write_prompt(question: Question, template: str = "bare") -> str:
    """The question as text. Raises BadInput for an unknown template, and for one that shows a text
    the question lacks.
    """
    prompt, own = prompt_of(template), template not in PROMPTS
    if prompt.form == "{written}":
        if not question.written:
            raise BadInput(
                f"question {question.id!r} has no text as its benchmark wrote it, which the "
                f"prompt {template!r} shows; use another"
            )
        return question.written
    hint = prompt.hint.format(hint=question.hint) if question.hint else ""
    if own and question.form == "choice" and "{options}" not in prompt.form:
        raise BadInput(
            f"question {question.id!r} has options, which the prompt {template[:60]!r} does not "
            "show; write {options} where they stand"
        )
    if question.form != "choice" and not own:
        return (
            f"{hint}{question.text}" if template == "bare" else f"{hint}{question.text}\n{DIRECT}"
        )
    options = prompt.joined.join(
        prompt.option.format(letter=letter, option=option)
        for letter, option in zip(LETTERS, question.options, strict=False)
    )
    options = options if question.form == "choice" else ""
    return prompt.form.format(
        hint=hint, question=question.text, options=options, ending=prompt.ending
    ).rstrip("\n")
