"""A user's own questions: a TSV as VLMEvalKit writes it, or a CSV or JSONL beside its pictures."""

import base64
import binascii
import re
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput
from .answers import answer_index, by_words, ways_of
from .options import (
    lettered,
    option_columns,
    options_list,
    without_fillers,
    without_letters,
)
from .questions import LETTERS, Question
from .rows import (
    SHOWN,
    Malformed,
    Notes,
    Unusable,
    collect,
    required,
    text,
    without_placeholder,
)
from .tables import KINDS, read_rows

OPTIONS = ("options", "choices", "candidates", "multi-choice options")
PATHS = ("image_path", "file_name", "image_file")
GROUP = "g_index"  # what the rotations of one question share, where a set names it
YES_NO = ("Yes", "No")
OPEN = "Other Answers"  # MMMU writes an open question as a choice between its answer and these
CIRCLE = 1_000_000  # is added to an index for each rotation (MMBench)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
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
    before `image_path`. Optional columns: index, category, l2-category (of the two the finer is
    the task, the other its ability), hint. Without options, answers are all yes or no. How answers
    are written is decided once for the file. Of the rotations of one question one is kept; rows
    without options or a picture, or with several right ones, are left out and counted.
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
        self.fine, self.broad = self._levels()
        self.ways = ways_of(self._answers())
        self.rotations = self._rotations()

    def _check_columns(self):
        """Find the options' columns. Raises BadInput where a column is missing."""
        columns = {column for row in self.rows for column in row}
        self.lists = [column for column in OPTIONS if column in columns]
        self.letters = option_columns(columns)
        found = ", ".join(sorted(map(str, columns)))[:300]
        wanted = {"question": {"question"}, "answer": {"answer"}, "image": {"image", *PATHS}}
        for name, any_of in wanted.items():
            if not any_of & columns:
                raise BadInput(f"{self.path.name} has no column {name!r}; it has: {found}")
        self.yes_no = not (self.lists or self.letters)
        answers = {str(row.get("answer")).strip().capitalize() for row in self.rows}
        if self.yes_no and not answers <= {*YES_NO}:
            raise BadInput(
                f"{self.path.name} has no options: neither columns A, B, ... nor a column "
                f"'options', and its answers are not all yes or no; it has: {found}"
            )

    def _levels(self):
        """The columns of task and ability: of two categories that within the other is the task."""
        columns = {column for row in self.rows for column in row}
        fine, broad = "category", "l2-category"
        if "l2_category" in columns:
            fine, broad = "l2_category", "category"
        if broad not in columns:
            return fine, "ability"
        pairs = {(_label(row, fine), _label(row, broad)) for row in self.rows}
        within = len({one for one, _ in pairs}) == len(pairs)
        around = len({other for _, other in pairs}) == len(pairs)
        return (broad, fine) if around and not within else (fine, broad)

    def _answers(self):
        """The (answer, options) of all rows that have both."""
        for row in self.rows:
            try:
                options = self._options(row, [])
                answer = self._answer(row, options)
            except (Malformed, Unusable):
                continue
            yield answer, list(options.values())

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
        if text(row, GROUP):
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
        return text(row, GROUP) or asked

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

    def _answer(self, row, options: dict[str, str]):
        """The answer as it was written: a number of JSON stays one, a list of one is its item."""
        value = row.get("answer")
        if isinstance(value, int) and value is not True:
            return value
        if isinstance(value, str) and value.strip() in options.values():
            return value.strip()
        if isinstance(value, str) and value.startswith("["):
            with suppress(Malformed):  # an option may begin with a bracket
                value = options_list(value, "answer")
        if isinstance(value, list | tuple):
            if len(value) > 1:
                raise Unusable("several right options")
            return required({"answer": value[0] if value else ""}, "answer")
        written = required(row, "answer")
        letters = re.sub(r"[\s,;&]", "", written)
        if len(letters) > 1 and len(set(letters)) == len(letters) and {*letters} <= {*options}:
            raise Unusable("several right options")
        return written

    def _options(self, row, notes) -> dict[str, str]:
        """The options by the letter under which the row's answer names them."""
        if self.yes_no:
            return dict(zip(LETTERS, YES_NO, strict=False))
        lists = [column for column in self.lists if row.get(column) not in (None, "")]
        if lists and not any(text(row, column) for column in self.letters.values()):
            found = without_fillers(options_list(row[lists[0]], lists[0]), notes)
            return without_letters(dict(zip(LETTERS, found, strict=False)), notes)
        return without_letters(lettered(row, self.letters, notes), notes)

    def read(self, row: dict, notes: Notes) -> tuple[Question, str]:
        """The question of a row and its ability."""
        index, options = self._index(row), self._options(row, notes)
        if len(options) < 2:
            raise Unusable("a single option")
        if list(options.values())[1:] == [OPEN]:
            raise Unusable("an open question")
        if any("<image" in option for option in options.values()):
            raise Unusable("pictures among the options")
        if id(row) in self.rotations:
            raise Unusable("a rotation of another row's question")
        task = text(row, self.fine) or text(row, "category") or text(row, "task")
        question = Question(
            f"{self.path.stem}/{index}",
            task or self.path.stem,
            self._picture(row),
            without_placeholder(required(row, "question"), notes),
            tuple(options.values()),
            self._answer_index(row, options),
            hint=text(row, "hint"),
        )
        return question, text(row, self.broad) or text(row, "ability") or question.task

    def _answer_index(self, row, options):
        answer, letters = self._answer(row, options), list(options)
        if self.yes_no:
            answer = answer.capitalize()
        letter = answer.strip("().: ").upper() if isinstance(answer, str) else ""
        relettered = letters != list(LETTERS[: len(letters)])
        if relettered and letter in options:
            return letters.index(letter)
        ways = (by_words,) if self.yes_no else self.ways
        try:
            return answer_index(answer, list(options.values()), ways)
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
        if re.fullmatch(r"\d{1,9}(\.0)?", value):
            raise Malformed(column, f"names the picture of row {value!r}, which the table lacks")
        try:
            return base64.b64decode(re.sub(r"\s", "", DATA_HEAD.sub("", value)), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed(column, f"is not base64 ({error})") from error

    def _file(self, value, column):
        """A picture beside the table, None where there is no such file.

        A path that leads out of the table's folder is refused.
        """
        folder = self.path.parent.resolve()
        own = folder / "images" / self.path.stem.removesuffix("_local")
        try:
            places = [(start / value).resolve() for start in (folder, own)]
            place = next((place for place in places if place.is_file()), None)
            if place is None:
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


def _label(row, column):
    """A category as text, empty where it is none."""
    with suppress(Malformed):
        return text(row, column)
    return ""
