"""Read which option a generated text names."""

from .questions import LETTERS, Question


def parse_answer(question: Question, text: str) -> int | None:
    """The index of the option a generated text names exactly, or None if it cannot be parsed.

    A choice is a single letter, alone or followed by . : or ); a direct answer is the option's
    words, case ignored.
    """
    text = text.strip()
    if question.form == "choice":
        letter = text.split(maxsplit=1)[0].rstrip(".:)").lstrip("(") if text else ""
        found = LETTERS.find(letter) if len(letter) == 1 else -1
        return found if 0 <= found < len(question.options) else None
    wanted = text.rstrip(".").casefold()
    return next(
        (i for i, option in enumerate(question.options) if option.casefold() == wanted), None
    )
