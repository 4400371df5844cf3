"""Read which option an answer names: as a file writes it, or in generated text."""

import re
from collections.abc import Iterable, Sequence

from ..errors import BadInput
from .questions import LETTERS, Question

LETTER_AND_WORDS = re.compile(r"\(?([A-Za-z])[.):]+\s+(.+)", re.DOTALL)


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


def by_both(answer, options: Sequence[str]) -> int | None:
    """The option whose letter and words an answer is: "B. left", "(b) left"."""
    found = LETTER_AND_WORDS.fullmatch(answer) if isinstance(answer, str) else None
    if found is None:
        return None
    place = by_letter(found[1], options)
    return place if place is not None and options[place] == found[2] else None


def by_digits(answer, options: Sequence[str]) -> int | None:
    """The option whose place, counted from 0, an answer is, written as a text."""
    plain = isinstance(answer, str) and answer.isascii() and answer.isdecimal()
    return by_number(int(answer[:9]), options) if plain else None


WAYS = (by_letter, by_words, by_number, by_both)


def ways_of(rows: Iterable[tuple[object, Sequence[str]]]) -> tuple:
    """The ways of writing an answer that fit each (answer, options) of a file; all if none does.

    Rows that no way fits are wrong and do not count. Digits are places where nothing else fits.
    """
    places = [{way: way(*row) for way in WAYS} for row in rows]
    fits = [{way for way, place in own.items() if place is not None} for own in places]
    readable = [own for own in fits if own]
    if not readable:
        return (by_digits,)
    return tuple(way for way in WAYS if all(way in own for own in readable)) or WAYS


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
            f"{LETTERS[second]} ({options[second][:30]!r}); write the letters of the options, "
            "or, where these are letters themselves, their places as numbers of JSON, from 0"
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
