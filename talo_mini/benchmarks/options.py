"""How files write the options of a question: in columns, as a list, or as lettered text."""

import ast
import io
import json
import re
import tokenize
from itertools import pairwise

from .questions import LETTERS
from .rows import SHOWN, Malformed, Notes, Unusable, check_unicode, text

FILLERS = ("nan",)  # what exporters write for a missing value; "None" and "NA" may be options
OWN_LETTER = re.compile(r"(?:\(([A-Z])\)|([A-Z])[.):])[.:]?\s+")
NUMBERED = re.compile(r"option(?:[ _]?(\d{1,2})|[ _]([a-z]))")
INSTRUCTION = re.compile(r".*:|Select the best .*")  # around lettered lines (MME-RealWorld)
BESIDE = (tokenize.STRING, tokenize.NUMBER)


def option_columns(columns) -> dict[str, str]:
    """The column of each letter: A, B, ..., or option1, option_1, option_a, ...; none, if none."""
    if "A" in columns:
        return {letter: letter for letter in LETTERS}
    matches = [match for match in map(NUMBERED.fullmatch, columns) if match]
    found = {match[1] or match[2]: match[0] for match in matches}
    numbers = sorted(found, key=lambda mark: (len(mark), mark))
    return {letter: found[mark] for letter, mark in zip(LETTERS, numbers, strict=False)}


def lettered(row: dict, columns: dict[str, str], notes: Notes) -> dict[str, str]:
    """The options that are not empty by their letter; fillers at the end go.

    `columns` names the column of each letter. Where one is empty in between (AI2D), the later ones
    will be shown under other letters, but the answer names them by their own.
    """
    found = {letter: text(row, column) for letter, column in columns.items()}
    filled = [letter for letter, option in found.items() if option]
    while filled and found[filled[-1]] in FILLERS:
        notes.append(f"the option {found[filled.pop()]!r} is a missing value")
    if not filled:
        raise Unusable("no options to choose from")
    if list(columns)[: len(filled)] != filled:
        notes.append("options are lettered anew, since one is empty")
    return {letter: found[letter] for letter in filled}


def without_fillers(options: list[str], notes: Notes) -> list[str]:
    """Options without an exporter's missing values at their end."""
    kept = list(options)
    while kept and kept[-1].strip() in FILLERS:
        notes.append(f"the option {kept.pop()!r} is a missing value")
    return kept


def without_letters(options: dict[str, str], notes: Notes) -> dict[str, str]:
    """Options by letter; the letters they begin with go, where each begins with its own."""
    kept = {}
    for letter, option in options.items():
        match = OWN_LETTER.match(option)
        if match is None or letter not in match.groups():
            return options
        kept[letter] = option[match.end() :]
    notes.append("the letters that options begin with are dropped")
    return kept


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
    line, each behind its letter, with lines around them that say what to do.
    """
    if isinstance(value, str):
        value = _written(value.strip(), column)
    if isinstance(value, dict):
        letters = "".join(map(str, value))
        if not letters or not LETTERS.startswith(letters.upper()):
            raise Malformed(column, f"is no list of options ({str(value)[:SHOWN]})")
        value = list(value.values())
    if not isinstance(value, list | tuple):
        raise Malformed(column, f"is no list of options ({str(value)[:SHOWN]})")
    for option in value:
        if isinstance(option, dict | list | tuple) or option is None or option != option:
            raise Malformed(column, f"holds an option that is no text ({str(option)[:SHOWN]})")
        if not str(option).strip():
            raise Malformed(column, "holds an empty option")
        check_unicode(str(option), column)
    return [str(option) for option in value]


def _written(value, column):
    try:
        return json.loads(value)
    except ValueError:
        pass
    lines = [line.strip() for line in value.split("\n") if line.strip()]
    lines = [line for line in lines if OWN_LETTER.match(line) or not INSTRUCTION.fullmatch(line)]
    letters = "".join(line[:2].strip("(.):") for line in lines if OWN_LETTER.match(line))
    if len(lines) > 1 and letters == LETTERS[: len(lines)]:
        return lines
    try:
        return _without_commas(value, column) or ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError) as error:
        raise Malformed(column, f"is not a list ({value[:SHOWN]!r})") from error


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
        raise Malformed(column, f"is not a list ({value[:SHOWN]!r})")
    return [ast.literal_eval(token.string) for token in items]
