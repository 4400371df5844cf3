"""Read which option an answer names: as a file writes it, or in generated text."""

from collections.abc import Iterable, Sequence

from ..errors import BadInput
from .questions import LETTERS, Question


def by_letter(answer, options: Sequence[str]) -> int | None:
    """The option whose letter an answer is: "B", "(b)", "B."."""
    letter = answer.strip("().: ").upper() if isinstance(answer, str) else ""
    found = LETTERS.find(letter) if len(letter) == 1 else -1
    return found if 0 <= found < len(options) else None


def by_words(answer, options: Sequence[str]) -> int | None:
    """The option whose words an answer is."""
    return options.index(str(answer)) if str(answer) in options else None


def by_number(answer, options: Sequence[str]) -> int | None:
    """The option whose place an answer is, counted from 0; a number, not a text."""
    whole = isinstance(answer, int) and not isinstance(answer, bool)
    return answer if whole and 0 <= answer < len(options) else None


WAYS = (by_letter, by_words, by_number)


def ways_of(rows: Iterable[tuple[object, Sequence[str]]]) -> tuple:
    """The ways of writing an answer that fit each (answer, options) of a file; all if none does."""
    rows = list(rows)
    fitting = tuple(way for way in WAYS if all(way(*row) is not None for row in rows))
    return fitting or WAYS


def answer_index(answer, options: Sequence[str], ways=(by_letter,)) -> int:
    """Which option an answer names. Raises BadInput where it names none, or fits two ways."""
    found = {way(answer, options) for way in ways} - {None}
    told = f"{str(answer)[:60]!r}"
    if not found:
        shown = ", ".join(option[:30] for option in options[:8])
        raise BadInput(f"{told} names none of the {len(options)} options ({shown})")
    if len(found) > 1:
        first, second = sorted(found)[:2]
        raise BadInput(
            f"{told} fits two ways: option {LETTERS[first]} ({options[first][:30]!r}) and option "
            f"{LETTERS[second]} ({options[second][:30]!r}); write the letters of the options"
        )
    return found.pop()


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
    options = (option.casefold() for option in question.options)
    return next((i for i, option in enumerate(options) if option == wanted), None)
