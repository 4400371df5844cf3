"""Read which option an answer names: as a file writes it, or in generated text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import BadInput
from .questions import LETTERS, Question

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
LETTER_AND_WORDS = re.compile(r"\(?([A-Za-z])[.):]+\s+(.+)", re.DOTALL)


class Place(int):
    """A number that can only be a place, never an option's words: of a column that says so."""


def _there(place: int, options: Sequence[str]) -> int | None:
    """A place, None where no option stands there: an empty one only keeps the others' places."""
    return place if 0 <= place < len(options) and options[place] else None


def by_letter(answer, options: Sequence[str]) -> int | None:
    """The option whose letter an answer is: "B", "(b)", "B."."""
    letter = answer.strip("().: ").upper() if isinstance(answer, str) else ""
    return _there(LETTERS.find(letter) if len(letter) == 1 else -1, options)


def by_words(answer, options: Sequence[str]) -> int | None:
    """The option whose words an answer is; or the only one that writes the same number otherwise,
    one of the two with a decimal point: 2 or "2" where an option is "2.0".
    """
    if isinstance(answer, Place):
        return None
    if str(answer) in options:
        return options.index(str(answer))
    if isinstance(answer, bool) or not NUMBER.fullmatch(str(answer)):
        return None
    same = [
        place
        for place, option in enumerate(options)
        if NUMBER.fullmatch(option)
        and "." in f"{answer}{option}"
        and float(option) == float(answer)
    ]
    return same[0] if len(same) == 1 else None


def by_number(answer, options: Sequence[str]) -> int | None:
    """The option whose place an answer is, counted from 0; a number, not a text."""
    return Places(0)(answer, options)


@dataclass(frozen=True)
class Places:
    """Answers that are places. `first` is the first option's number, None where it is not known.

    `written`: digits in a text are places too.
    """

    first: int | None
    written: bool = False

    def number(self, answer) -> int | None:
        """The number that an answer is."""
        if isinstance(answer, int) and not isinstance(answer, bool):
            return answer
        digits = isinstance(answer, str) and answer.isascii() and answer.isdecimal()
        return int(answer[:9]) if digits and self.written else None

    def __call__(self, answer, options: Sequence[str]) -> int | None:
        """The option it names. Raises BadInput where the first option's number is not known."""
        number = self.number(answer)
        if number is None:
            return None
        if self.first is None:
            raise BadInput(
                f"{str(answer)[:60]!r} is a place, but the answers of the file do not tell whether "
                "the first option is 0 or 1: one that is 0 would, or one that is the number of its "
                "options, and there is none, or both; write the letters of the options"
            )
        return _there(number - self.first, options)


def by_both(answer, options: Sequence[str]) -> int | None:
    """The option whose letter and words an answer is: "B. left", "(b) left"."""
    match = LETTER_AND_WORDS.fullmatch(answer) if isinstance(answer, str) else None
    if match is None:
        return None
    place = by_letter(match[1], options)
    return place if place is not None and options[place] == match[2] else None


WAYS = (by_letter, by_words, by_both)


def ways_of(rows: Iterable[tuple[object, Sequence[str]]], first: int | None = None) -> tuple:
    """The ways of writing an answer that fit each (answer, options) of a file; all if none does.

    Rows that no way fits are wrong and do not count. Digits in a text are places where that fits
    every row and nothing else does. Places are counted from `first`, or as the answers tell: from 0
    where one is 0, from 1 where one is the number of its options; where both stand there, neither
    is known.
    """
    rows = list(rows)
    fits = [{way for way in WAYS if way(*row) is not None} for row in rows]
    written = _digits_are_places(rows, fits)
    numbers = Places(None, written)
    counted = [(numbers.number(answer), len(options)) for answer, options in rows]
    for row_ways, (number, size) in zip(fits, counted, strict=True):
        is_place = number is not None and (first is not None or 0 <= number <= size or not row_ways)
        row_ways |= {numbers} if is_place else set()
    signs = any(number == 0 for number, _ in counted), any(number == n for number, n in counted)
    if first is None and signs[0] != signs[1]:
        first = int(signs[1])
    readable = [row_ways for row_ways in fits if row_ways]
    fitting = [way for way in (*WAYS, numbers) if all(way in row_ways for row_ways in readable)]
    ways = fitting if readable and fitting else [*WAYS, numbers]
    return tuple(Places(first, written) if way is numbers else way for way in ways)


def _digits_are_places(rows, fits):
    """Whether all answers are digits that could be places, and no one way of WAYS fits them all."""
    digits, placed = Places(None, written=True), []
    for answer, options in rows:
        number = digits.number(answer)
        placed.append(number is not None and 0 <= number <= len(options))
    readable = [(ways, place) for ways, place in zip(fits, placed, strict=True) if ways or place]
    other = any(all(way in ways for ways, _ in readable) for way in WAYS)
    return not other and all(place for _, place in readable)


def answer_index(answer, options: Sequence[str], ways=(by_letter,)) -> int:
    """Which option an answer names, none of them the empty ones.

    Raises BadInput where it names none, or fits two ways.
    """
    places = {way(answer, options) for way in ways} - {None}
    quoted = f"{str(answer)[:60]!r}"
    if not places:
        lettered = [f"{a}. {o[:30]}" for a, o in zip(LETTERS, options, strict=False) if o]
        number = sum(map(bool, options))
        raise BadInput(f"{quoted} names none of the {number} options ({', '.join(lettered[:8])})")
    if len(places) > 1:
        first, second = sorted(places)[:2]
        raise BadInput(
            f"{quoted} fits two ways: option {LETTERS[first]} ({options[first][:30]!r}) and option "
            f"{LETTERS[second]} ({options[second][:30]!r}); write the letters of the options, "
            "or, where these are letters themselves, their places as numbers of JSON, from 0"
        )
    return places.pop()


def answer_text(question: Question) -> str:
    """The right answer as a model should write it: its letter, or the option's own words."""
    if question.form == "choice":
        return LETTERS[question.answer]
    return question.options[question.answer]


def count_unparsed(questions: Sequence[Question], texts: Sequence[str]) -> int:
    """How many generated texts, one a question, name no option exactly (`parse_answer`)."""
    pairs = zip(questions, texts, strict=True)
    return sum(parse_answer(question, text) is None for question, text in pairs)


def parse_answer(question: Question, text: str) -> int | None:
    """The index of the option a generated text names exactly, or None if it cannot be parsed.

    A choice is a single letter, alone on its line, followed by . : or ), or by its own option's
    words ("A dog" is no A where A is "cat"); a direct answer is the option's words, case ignored.
    """
    options = [option.casefold() for option in question.options]
    text = text.strip()
    if question.form != "choice":
        words = text.rstrip(".").casefold()
        return options.index(words) if words in options else None
    first, _, rest = text.partition("\n")[0].strip().partition(" ")
    letter, words = first.rstrip(".:)").lstrip("("), rest.strip(" .").casefold()
    place = LETTERS.find(letter) if len(letter) == 1 else -1
    if not 0 <= place < len(options):
        return None
    return place if first != letter or words in ("", options[place]) else None
