"""A user's own questions: a TSV as VLMEvalKit writes it, or a CSV or JSONL beside its pictures."""

import base64
import binascii
import re
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput
from .answers import answer_index, ways_of
from .questions import LETTERS, Question
from .rows import (
    SHOWN,
    Malformed,
    Notes,
    Unusable,
    collect,
    lettered,
    options_list,
    required,
    text,
    without_fillers,
)
from .tables import KINDS, read_rows

OPTIONS = ("options", "choices")
PATHS = ("image_path", "file_name", "image_file")
GROUPS = ("g_index", "qid")  # what the rotations of one question share, where a set names it
CIRCLE = 1_000_000  # is added to an index for each rotation (MMBench)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
PLACEHOLDER = re.compile(r"^\s*<image>\s*")
DATA_HEAD = re.compile(r"^data:[\w/+.-]+;base64,")


def is_file(name: str) -> bool:
    """Whether a benchmark's name is a table, or a folder."""
    return Path(name).suffix.lower() in KINDS or Path(name).is_dir()


def find_table(name: str) -> Path:
    """The table itself, or the only one in a folder. Raises BadInput where there is not one."""
    path = Path(name)
    if path.is_dir():
        tables = sorted(file for file in path.iterdir() if file.suffix.lower() in KINDS)
        if len(tables) != 1:
            raise BadInput(
                f"{path} holds {len(tables)} tables (.tsv, .csv or .jsonl); name the one to read"
            )
        return tables[0]
    if not path.is_file():
        raise BadInput(
            f"no file {str(path)!r}; give a .tsv, .csv or .jsonl, or a folder that holds one"
        )
    return path


def benchmark(name: str, tasks=None, per_task=None, prompt="vlmevalkit", skip_malformed=False):
    """The questions of a table: columns question, answer, A, B, ... (or `options`), and a picture.

    The picture is `image`, a path beside the table, base64, or another row's index, which goes
    before `image_path`. Optional columns: index, category (the task), l2-category (its ability),
    hint; where there is l2_category (MMStar), that is the task and category its ability. How
    answers are written is decided once for the file. Of the rotations of one question one is kept;
    rows without options or without a picture are left out and counted.
    """
    table = _Table(find_table(name))
    return collect(
        table.path.stem,
        table.path.name,
        table.rows,
        table.read,
        prompt,
        tasks,
        per_task,
        skip_malformed,
    )


class _Table:
    """A table's rows, and what is decided over all of them."""

    def __init__(self, path: Path):
        self.path, self.rows = path, read_rows(path)
        self._check_columns()
        self.pictures = {}
        for row in self.rows:
            if row.get("index") not in (None, ""):
                self.pictures.setdefault(str(row["index"]).strip(), row.get("image"))
        self.numbers = {id(row): i for i, row in enumerate(self.rows)}
        self.ways = ways_of(self._answers())
        self.rotations = self._rotations()

    def _check_columns(self):
        columns = {column for row in self.rows for column in row}
        wanted = {
            "question": {"question"},
            "answer": {"answer"},
            "image": {"image", *PATHS},
            "A": {"A", *OPTIONS},
        }
        for name, any_of in wanted.items():
            if not any_of & columns:
                found = ", ".join(sorted(map(str, columns)))[:300]
                raise BadInput(f"{self.path.name} has no column {name!r}; it has: {found}")

    def _answers(self):
        """The (answer, options) of all rows that have both."""
        for row in self.rows:
            try:
                answer, options = self._answer(row), list(self._options(row, []).values())
            except (Malformed, Unusable):
                continue
            yield answer, options

    def _rotations(self):
        """The rows that ask another row's question with its options in another order."""
        groups, found = {}, set()
        for row in self.rows:
            key = self._group(row)
            if key is not None:
                groups.setdefault(key, []).append(row)
        for rows in groups.values():
            original, *others = sorted(rows, key=self._rank)
            found |= {id(row) for row in others if self._rotates(row, original)}
        return found

    def _rotates(self, row, original):
        """Whether a row of the same group is a rotation, and no question of its own."""
        if any(text(row, name) for name in GROUPS):
            return True
        reordered = list(self._options(row, []).values()) != list(
            self._options(original, []).values()
        )
        number, first = self._rank(row)[0], self._rank(original)[0]
        return reordered or (number >= CIRCLE and number % CIRCLE == first)

    def _group(self, row):
        """What the rotations of one question share; None where the row is none that can be used."""
        try:
            options = frozenset(self._options(row, []).values())
            asked = text(row, "question"), options, self._picture_reference(row)
            self._index(row)  # raises where it is no text
        except (Malformed, Unusable):
            return None
        named = next((text(row, name) for name in GROUPS if text(row, name)), "")
        return (named, asked[0]) if named else asked

    def _rank(self, row):
        index = self._index(row)
        number = int(index) if index.isascii() and index.isdecimal() else 0
        return number, self.numbers[id(row)]

    def _picture_reference(self, row):
        for column in ("image", *PATHS):
            value = text(row, column) if not isinstance(row.get(column), list) else row[column][0]
            if value:
                pointed = self.pictures.get(value) if len(value) <= 64 else None
                return hash(pointed if isinstance(pointed, str) and pointed else value)
        return None

    def _index(self, row):
        return text(row, "index") or text(row, "id") or str(self.numbers[id(row)])

    def _answer(self, row):
        """The answer as it was written: a number of JSON stays one."""
        value = row.get("answer")
        return value if isinstance(value, int) and value is not True else required(row, "answer")

    def _options(self, row, notes) -> dict[str, str]:
        """The options by the letter under which the row's answer names them."""
        for column in OPTIONS:
            if row.get(column) not in (None, ""):
                found = without_fillers(options_list(row[column], column), notes)
                return dict(zip(LETTERS, found, strict=False))
        return lettered(row, {letter: letter for letter in LETTERS}, notes)

    def read(self, row: dict, notes: Notes) -> tuple[Question, str]:
        """The question of a row and its ability."""
        index, options = self._index(row), self._options(row, notes)
        if len(options) < 2:
            raise Unusable("a single option")
        if id(row) in self.rotations:
            raise Unusable("a rotation of another row's question")
        broad = text(row, "category") if text(row, "l2_category") else ""
        task = text(row, "l2_category") or text(row, "category") or text(row, "task")
        asked, dropped = PLACEHOLDER.subn("", required(row, "question"))
        if dropped:
            notes.append("a leading <image> is dropped")
        question = Question(
            f"{self.path.stem}/{index}",
            task or self.path.stem,
            self._picture(row),
            asked,
            tuple(options.values()),
            self._answer_index(row, options),
            hint=text(row, "hint"),
        )
        ability = broad or text(row, "l2-category") or text(row, "ability")
        return question, ability or question.task

    def _answer_index(self, row, options):
        answer, letters = self._answer(row), list(options)
        letter = answer.strip("().: ").upper() if isinstance(answer, str) else ""
        relettered = letters != list(LETTERS[: len(letters)])
        if relettered and letter in options:
            return letters.index(letter)
        try:
            return answer_index(answer, list(options.values()), self.ways)
        except BadInput as error:
            raise Malformed("answer", str(error)) from error

    def _picture(self, row) -> bytes:
        column = next((name for name in ("image", *PATHS) if row.get(name) not in (None, "")), None)
        if column is None:
            raise Unusable("no picture")
        value = _only(row[column], column)
        if len(value) <= 64 and self.pictures.get(value) not in (None, ""):
            value = _only(self.pictures[value], column)  # VLMEvalKit repeats a picture so
        if len(value) <= 1024:
            found = self._file(value, column)
            if found is not None:
                return found
        if column != "image" or value.lower().endswith(SUFFIXES):
            raise Malformed(column, f"there is no file {value[:SHOWN]!r} beside the table")
        try:
            return base64.b64decode(re.sub(r"\s", "", DATA_HEAD.sub("", value)), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed(column, f"is not base64 ({error})") from error

    def _file(self, value, column):
        """A picture beside the table, None where there is no such file.

        A path that leads out of the table's folder is refused.
        """
        folder = self.path.parent.resolve()
        try:
            place = (folder / value).resolve()
            if not place.is_file():
                return None
            if not place.is_relative_to(folder):
                raise Malformed(
                    column, f"{value[:SHOWN]!r} lies outside the table's folder; copy it there"
                )
            return place.read_bytes()
        except (OSError, ValueError) as error:  # names that are too long, or hold a zero byte
            if isinstance(error, OSError) and error.errno in (13, 5):
                raise Malformed(column, f"cannot be read ({error.strerror})") from error
            return None


def _only(value, column) -> str:
    """The picture of a cell that may be a list of one, or a list written as text."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(Malformed):  # a file's name may begin with a bracket
            value = options_list(value, column)
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise Unusable(f"{len(value)} pictures")
        value = value[0]
    if not isinstance(value, str):
        raise Malformed(column, f"is no picture ({str(value)[:SHOWN]})")
    return value.strip()
