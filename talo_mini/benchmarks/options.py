"""How files write the options of a question: in columns, as a list, or as lettered text."""

import ast
import io
import json
import re
import tokenize
from itertools import pairwise

from ..errors import BadInput
from .questions import LETTERS
from .rows import FILLERS, SHOWN, Malformed, Notes, Unusable, check_unicode, text
from .tables import Doubled, single

OWN_LETTER = re.compile(r"(?:\(([A-Z])\)|([A-Z])[.):])[.:]?\s+")
NUMBERED = re.compile(r"option(?:[ _]?(\d{1,2})|[ _]([a-z]))")
INSTRUCTION = re.compile(r".*:|Select the best .*")  # around lettered lines (MME-RealWorld)
THOUSANDS = re.compile(r"(?<![\d.])\d{1,3},\d{3}(?!\d)")  # a comma in a number, or between two
TOO_DEEP = MemoryError, RecursionError
BESIDE = (tokenize.STRING, tokenize.NUMBER)


class NoList(Malformed):
    """A cell that is no list of options, and may be another text."""


def option_columns(where: str, columns) -> tuple[dict[str, str], int | None]:
    """The column of each letter, and the number of the first, where they are numbered.

    A, B, ... without a gap, or option1, option_1, option_a, ...; none where there are none. Raises
    BadInput where these have a gap or are too many: which option an answer names would be a guess.
    """
    if "A" in columns:
        missing = next((i for i, letter in enumerate(LETTERS) if letter not in columns), 26)
        return {letter: letter for letter in LETTERS[:missing]}, None
    matches = [match for match in map(NUMBERED.fullmatch, sorted(columns)) if match]
    column_of: dict[int | str, str] = {}
    for match in matches:
        mark = int(match[1]) if match[1] else match[2].upper()
        if mark in column_of:
            raise BadInput(
                f"{where} has two columns of one option, {column_of[mark]!r} and {match[0]!r}; "
                "keep one"
            )
        column_of[mark] = match[0]
    first = next((number for number in (0, 1) if number in column_of), None)
    marks = LETTERS if first is None else range(first, first + len(LETTERS))
    in_order = [column_of[mark] for mark in marks[: len(column_of)] if mark in column_of]
    if len(in_order) < len(column_of):
        shown = ", ".join(sorted(column_of.values())[:8])
        raise BadInput(
            f"{where} has the options' columns {shown}; name them "
            "option1, option2, ... or option_a, option_b, ..., up to 26 and none left out"
        )
    return dict(zip(LETTERS, in_order, strict=False)), first


def lettered(row: dict, columns: dict[str, str], notes: Notes) -> dict[str, str]:
    """The options that are not empty by their letter, fillers being empty.

    `columns` names the column of each letter. Where one is empty in between (AI2D), the later ones
    will be shown under other letters, but the answer names them by their own.
    """
    cells = {letter: text(row, column) for letter, column in columns.items()}
    return usable({letter: option for letter, option in cells.items() if option}, notes)


def usable(options: dict[str, str], notes: Notes) -> dict[str, str]:
    """Options by letter, without the letters they begin with and without missing values.

    Raises Unusable where none is left, Malformed where they begin with each other's letters.
    """
    bare_options = _without_letters(options, notes)
    usable_options = {
        letter: option for letter, option in bare_options.items() if option not in FILLERS
    }
    missing = [option for option in bare_options.values() if option in FILLERS]
    notes += [f"the option {option!r} is a missing value" for option in missing]
    if not usable_options:
        raise Unusable("no options to choose from")
    if list(usable_options) != list(LETTERS[: len(usable_options)]):
        notes.append("options are lettered anew, since one is empty")
    return usable_options


def by_letters(options: list[str]) -> dict[str, str]:
    """A list of options by their letters. Raises Malformed where letters do not suffice."""
    if len(options) > len(LETTERS):
        raise Malformed("options", f"are {len(options)}, but there are {len(LETTERS)} letters")
    return dict(zip(LETTERS, options, strict=False))


def without_fillers(options: list[str], notes: Notes) -> list[str]:
    """Options without an exporter's missing values at their end."""
    remaining_options = list(options)
    while remaining_options and remaining_options[-1].strip() in FILLERS:
        notes.append(f"the option {remaining_options.pop()!r} is a missing value")
    return remaining_options


def _without_letters(options, notes):
    """Options without the letters they begin with, where each begins with its own."""
    matches = {letter: OWN_LETTER.match(option) for letter, option in options.items()}
    begins = [match[1] or match[2] if match else None for match in matches.values()]
    if begins != list(options):
        if len(begins) > 1 and set(begins) == set(options):
            raise Malformed(
                "options", f"begin with the letters {', '.join(begins)}; write them in this order"
            )
        return options
    notes.append("the letters that options begin with are dropped")
    return {letter: option[matches[letter].end() :] for letter, option in options.items()}


def check_split(column: str, options: list[str]):
    """Raise Malformed where an option that was split from a text seems to hold another one."""
    for option in options:
        if "\n" in option:
            raise Malformed(
                column, f"its options cannot be told apart where it says {option[:SHOWN]!r}"
            )


def options_list(value, column: str) -> list[str]:
    """A list of options: a list, words by letters, or one of them as text.

    As text it is written as JSON, in Python's or in numpy's way (without commas), or an option a
    line, each behind its letter, with lines around them that say what to do. Raises NoList for
    what is none, Malformed for a list of which it is not clear what it holds.
    """
    if isinstance(value, str):
        written, value = value.strip(), _written(value.strip(), column)
        _check_commas(written, value, column)
    if isinstance(value, dict):
        letters = [str(letter).upper() for letter in value]
        if not letters or letters != list(LETTERS[: len(letters)]):
            raise NoList(column, f"is no list of options ({str(value)[:SHOWN]})")
        value = list(value.values())
    if not isinstance(value, list | tuple):
        raise NoList(column, f"is no list of options ({str(value)[:SHOWN]})")
    for option in value:
        if not isinstance(option, str | int | float) or option != option:
            raise Malformed(column, f"holds an option that is no text ({str(option)[:SHOWN]})")
        if not str(option).strip():
            raise Malformed(column, "holds an empty option")
        check_unicode(str(option), column)
    return [str(option).strip() for option in value]


def _check_commas(written, values, column):
    """Raise Malformed where commas may stand in the numbers of a list: [1,500, 2,750].

    [100,250] is a list as programs write it; of right answers it may be a single number.
    """
    is_compact = written.startswith("[") and not re.search(r",\s|,0\d\d", written)
    if not isinstance(values, list | tuple) or (is_compact and column != "answer"):
        return
    if THOUSANDS.search(written) and any(isinstance(value, int | float) for value in values):
        raise Malformed(
            column,
            f"holds commas that may stand in numbers or between them ({written[:SHOWN]}); write "
            "each in quotes",
        )


def _written(value, column):
    try:
        return json.loads(value, object_pairs_hook=single)
    except Doubled as error:
        raise Malformed(column, f"names {error} twice") from error
    except (ValueError, RecursionError):
        pass
    lines = [line.strip() for line in value.split("\n") if line.strip()]
    lines = [line for line in lines if OWN_LETTER.match(line) or not INSTRUCTION.fullmatch(line)]
    letters = "".join(line[:2].strip("(.):") for line in lines if OWN_LETTER.match(line))
    if len(lines) > 1 and letters == LETTERS[: len(lines)]:
        return lines
    try:
        return _without_commas(value, column) or ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, *TOO_DEEP, tokenize.TokenError) as error:
        raise NoList(column, f"is not a list ({value[:SHOWN]!r})") from error


def _without_commas(value, column):
    """The items of ['a' 'b'], which Python would join; None where commas stand between items."""
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(value).readline)
        if token.string.strip()
    ]
    touching = [
        after for before, after in pairwise(tokens) if {before.type, after.type} <= {*BESIDE}
    ]
    if not touching:
        return None
    if any(token.string == "," for token in tokens if token.type == tokenize.OP):
        raise Malformed(column, f"a comma is missing before {touching[0].string[:SHOWN]}")
    opening, *items, closing = tokens
    if (opening.string, closing.string) != ("[", "]") or {t.type for t in items} > {*BESIDE}:
        raise NoList(column, f"is not a list ({value[:SHOWN]!r})")
    return [ast.literal_eval(token.string) for token in items]
