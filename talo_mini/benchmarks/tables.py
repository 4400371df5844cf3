"""Read the rows of a user's table; no row is swallowed by another."""

import csv
import io
import json
import re
import sys
from pathlib import Path

from ..errors import BadInput
from .answers import Place

KINDS = (".tsv", ".csv", ".jsonl", ".parquet")
# other names that people give to the columns readers know
SYNONYMS = {
    "question": ("query", "question_text", "prompt"),
    "answer": ("label", "correct_answer", "target", "answer_index", "answer_idx", "ground_truth"),
    "image": ("picture", "photo", "img", "images"),
    "category": ("subject", "skill", "topic"),
}
PLACES = ("answer_index", "answer_idx")  # whose numbers are places, not an option's words
KNOWN_TOO = {"category": ("task",)}  # which says the same, and is read as it is
WHOLE = re.compile(r"([0-9]+)(\.0*)?")  # beside a gap a column of numbers has decimal points
LINE_END = re.compile(r"\r\n|\r|\n")


class Doubled(Exception):
    """A name that occurs twice in one object of JSON."""


def single(pairs: list[tuple[str, object]]) -> dict:
    """An object of JSON. Raises Doubled where a name occurs twice: the last would win unseen."""
    record: dict = {}
    for name, value in pairs:
        if name in record:
            raise Doubled(repr(name))
        record[name] = value
    return record


def read_rows(path: Path) -> list[dict]:
    """The rows of a .tsv, .csv or .jsonl as dicts. Raises BadInput naming what cannot be read."""
    try:
        written = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path.name} cannot be read as a table ({error.reason}); save it as UTF-8 text with a "
            "header line"
        ) from error
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read ({error.strerror})") from error
    lines = path.suffix.lower() == ".jsonl"
    rows = _json_lines(path.name, written) if lines else _separated(path, written)
    if not rows:
        raise BadInput(f"{path.name} holds no rows; write a question a line, below the header")
    return rows


def _json_lines(name, written):
    rows = []
    for number, line in enumerate(written.split("\n"), 1):  # U+2028 ends no line of JSON
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line, object_pairs_hook=single))
        except Doubled as error:
            raise BadInput(f"{name}, line {number} names {error} twice; keep one") from error
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", str(error))
            raise BadInput(
                f"{name}, line {number} is not JSON ({reason}); write one object a line"
            ) from error
        if not isinstance(rows[-1], dict):
            raise BadInput(
                f"{name}, line {number} is not an object {{...}}; write one question a line"
            )
        columns = [column_name(column) for column in rows[-1]]
        _check_apart(f"{name}, line {number}", columns)
        rows[-1] = dict(zip(columns, rows[-1].values(), strict=True))
    return rows


def column_name(written: str) -> str:
    """A column's name as readers know it: letters are large (A, B), all others small."""
    name = written.strip()
    return name.upper() if len(name) == 1 else name.lower()


def checked_columns(where: str, written) -> list[str]:
    """Columns as readers know them. Raises BadInput where two have one name."""
    columns = [column_name(str(column)) for column in written]
    _check_apart(where, columns)
    return columns


def with_known_names(rows: list[dict]) -> list[dict]:
    """Rows whose columns have the names that readers know, where one other name means the same.

    A column that is there under its own name stays, and so does one with two other names.
    """
    columns = {column for row in rows for column in row}
    renamed = {}
    for known_name, synonyms in SYNONYMS.items():
        matches = [name for name in synonyms if name in columns]
        if not columns & {known_name, *KNOWN_TOO.get(known_name, ())} and len(matches) == 1:
            renamed[matches[0]] = known_name
    if not renamed:
        return rows

    def cell(column, value):
        return _place(value) if column in PLACES and column in renamed else value

    return [
        {renamed.get(column, column): cell(column, value) for column, value in row.items()}
        for row in rows
    ]


def _place(value):
    """A whole number, however it is written, as a place; anything else as it is."""
    whole = WHOLE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    return Place(whole[1]) if whole else value


def _check_apart(where, columns):
    doubled = {column for column in columns if columns.count(column) > 1}
    if doubled:
        raise BadInput(f"{where} has two columns {min(doubled)!r}; name them apart")


def _separated(path, written):
    """The rows of a table with a header; quotes as spreadsheets and pandas write them."""
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # pictures in base64 are long
    reader = csv.reader(io.StringIO(written, newline=""), delimiter=separator, strict=True)
    header, rows, begun = None, [], 1
    try:
        for cells in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(path.name, cells)
                continue
            _check_row(path.name, line, cells, header, separator)
            rows.append(dict(zip(header, cells, strict=False)))
    except csv.Error as error:
        raise BadInput(
            f"{path.name}, line {begun} cannot be read as a row ({error}); a cell that begins with "
            'a quote must end with one, and quotes inside are doubled ("")'
        ) from error
    return rows


def _header(name, cells):
    header = [column_name(cell) for cell in cells]
    while header and not header[-1]:
        header.pop()
    _check_apart(name, header)
    if "\0" in "".join(header):
        raise BadInput(
            f"{name} cannot be read as a table; save it as UTF-8 text with a header line"
        )
    return header


def _check_row(name, line, cells, header, separator):
    """Raise BadInput where a row has other cells than columns, or holds another row in a cell."""
    where = f"{name}, line {line}"
    if any(cell.strip() for cell in cells[len(header) :]):
        raise BadInput(
            f"{where} has {len(cells)} cells, but there are {len(header)} columns; put "
            "a cell that holds the separator in quotes"
        )
    if len(cells) < len(header):
        raise BadInput(
            f"{where} has {len(cells)} cells, but there are {len(header)} columns; it may have "
            "been cut off: write every cell, also those that are empty"
        )
    for place, cell in enumerate(cells[: len(header)]):
        first, *rest = LINE_END.split(cell)
        if rest and _holds_rows(first, rest, place, len(cells), separator):
            raise BadInput(
                f"{where}: a cell holds the end of a row and the beginning of another, since it "
                'begins with a quote that is closed much later; double the quote ("") or remove it'
            )


def _holds_rows(first, rest, place, columns, separator):
    """Whether lines of a cell are the end of its row, whole rows, and the beginning of another.

    Separators alone do not tell: text of several lines has commas, too.
    """
    if separator == "\t":
        return any(separator in line for line in (first, *rest))
    *between, last = rest
    ends = first.count(separator) == columns - 1 - place and last.count(separator) == place
    rows = [line.count(separator) == columns - 1 > 0 for line in between if line]
    return ends or (bool(rows) and all(rows))
