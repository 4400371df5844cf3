"""A user's own questions: a table beside its pictures, or what a program already holds."""

import re
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput
from .answers import answer_index, by_words, ways_of
from .data import read_parquet, rows_of
from .options import NoList, by_letters, lettered, option_columns, options_list, usable
from .picture_cells import PictureCells, picture_columns
from .questions import LETTERS, Question
from .rows import (
    SHOWN,
    Malformed,
    Notes,
    Unusable,
    collect,
    optional,
    required,
    text,
    without_placeholder,
)
from .tables import KINDS, read_rows, with_known_names

OPTIONS = ("options", "choices", "candidates", "multi-choice options")
GROUP = "g_index"  # what the rotations of one question share, where a set names it
YES_NO = ("Yes", "No")
OPEN = "Other Answers"  # MMMU writes an open question as a choice between its answer and these
CIRCLE = 1_000_000  # is added to an index for each rotation (MMBench)


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
                f"{path} holds {len(tables)} tables ({', '.join(KINDS)}); name the one to read"
            )
        return tables[0]
    if not path.is_file():
        raise BadInput(
            f"no file {str(path)!r}; give one that ends in {', '.join(KINDS)}, or its folder"
        )
    return path


def benchmark(
    data, tasks=None, per_task=None, prompt="vlmevalkit", skip_malformed=False, is_open=False
):
    """The questions of a table: columns question, answer, A, B, ... (or `options`), and a picture.

    `data` is a file, a folder with one, a data frame or a `datasets.Dataset`; other names that
    columns may have are in `tables.SYNONYMS`. The picture is `image`, a path beside the table,
    base64, or another row's index, which goes before `image_path`; several are a list, or columns
    `image_1`, `image_2`, ... Optional columns: index,
    category, l2-category (of the two the finer is the task, the other its ability), hint. Without
    options, answers are all yes or no. How answers are written is decided once for the file. Of the
    rotations of one question one is kept; rows without options or a picture, or with several right
    ones, are left out and counted. Where it `is_open` questions have no options, and `answer` holds
    what is accepted: a text, a number or a list of them.
    """
    if isinstance(data, str):
        path = find_table(data)
        rows = read_parquet(path) if path.suffix.lower() == ".parquet" else read_rows(path)
        table = _Table(path.stem, path.name, rows, path.parent, is_open)
    else:
        table = _Table("table", "the data", rows_of(data), None, is_open)
    reading = (prompt, tasks, per_task, skip_malformed)
    return collect(table.name, table.where, table.rows, table.read, *reading)


class _Table:
    """A table's rows, and what is decided over all of them.

    Pictures lie in `folder`; None: wherever the caller's rows name them.
    """

    def __init__(self, name: str, where: str, rows: list[dict], folder: Path | None, is_open: bool):
        self.name, self.where, self.is_open = name, where, is_open
        self.rows = with_known_names(rows)
        self._check_columns()
        self.pictures = PictureCells(name, folder, self.rows)
        self.numbers = {id(row): i for i, row in enumerate(self.rows)}
        self.fine, self.broad = self._levels()
        shown = bool(self.lists or self.letters)
        self.ways = ways_of(self._answers(), self.first) if shown or not is_open else ()
        self.rotations = {} if is_open else self._rotations()

    def _check_columns(self):
        """Find the options' columns. Raises BadInput where a column is missing."""
        columns = {column for row in self.rows for column in row}
        self.lists = [column for column in OPTIONS if column in columns]
        self.letters, self.first = option_columns(self.where, columns)
        column_names = ", ".join(sorted(map(str, columns)))[:300]
        presence = {
            "question": "question" in columns,
            "answer": "answer" in columns,
            "image": bool(picture_columns(columns)),
        }
        for name, is_there in presence.items():
            if not is_there:
                raise BadInput(f"{self.where} has no column {name!r}; it has: {column_names}")
        self.yes_no = not (self.lists or self.letters)
        answers = {_yes_no(row.get("answer")) for row in self.rows} - {""}
        if self.yes_no and not self.is_open and not answers <= {*YES_NO}:
            raise BadInput(
                f"{self.where} has no options: neither columns A, B, ... nor a column "
                f"'options', and its answers are not all yes or no (form='open' asks for what the "
                f"model writes); it has: {column_names}"
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
            yield answer, _in_their_places(options)

    def _rotations(self):
        """By row that asks another row's question again: what it is, and the other row."""
        groups, rotations = {}, {}
        for row in self.rows:
            key = self._group(row)
            if key is not None:
                groups.setdefault(key, []).append(row)
        for rows in groups.values():
            original, *others = sorted(rows, key=self._rank)
            for row in others:
                rotations[id(row)] = self._told(row, original), original
        return rotations

    def _told(self, row, original):
        """What a row of the same group is: a rotation, or the same question once more."""
        first, again = (list(self._options(one, []).values()) for one in (original, row))
        number = self._rank(row)[0]
        if text(row, GROUP) or first != again or number >= CIRCLE:
            return "a rotation of another row's question"
        return "the same question as another row's"

    def _group(self, row):
        """What the rotations of one question share; None where the row is none that can be used."""
        try:
            options = frozenset(self._options(row, []).values())
            picture, group = self.pictures.reference(row), text(row, GROUP)
            written = text(row, "question"), optional(row, "hint")
            asked = *written, options, picture, _label(row, self.fine)
            self._index(row)  # raises where it is no text
        except (Malformed, Unusable):
            return None
        return (group, picture) if group else asked

    def _check_agrees(self, row, options):
        """Raise Malformed where the same question has another right answer in another row."""
        original = self.rotations[id(row)][1]
        others = self._options(original, [])
        if text(row, GROUP) or set(options.values()) != set(others.values()):
            return
        own = list(options.values())[self._answer_index(row, options)]
        other = list(others.values())[self._answer_index(original, others)]
        if own != other:
            raise Malformed(
                "answer",
                f"{own[:SHOWN]!r} is right here, {other[:SHOWN]!r} in row "
                f"{self.numbers[id(original)] + 1}, which asks the same",
            )

    def _rank(self, row):
        index = self._index(row)
        number = int(index) if index.isascii() and index.isdecimal() else 0
        return number, self.numbers[id(row)]

    def _index(self, row):
        return text(row, "index") or text(row, "id") or str(self.numbers[id(row)])

    def _answer(self, row, options: dict[str, str]):
        """The answer as it was written: a number of JSON stays one, a list of one is its item."""
        value = row.get("answer")
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip() in options.values():
            return value.strip()
        if isinstance(value, str) and value.startswith("["):
            with suppress(NoList):  # an option may begin with a bracket
                value = options_list(value, "answer")
        if isinstance(value, list | tuple):
            if len(value) > 1:
                raise Unusable("several right options")
            return self._answer({"answer": value[0] if value else ""}, options)
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
            return usable(by_letters(options_list(row[lists[0]], lists[0])), notes)
        return lettered(row, self.letters, notes)

    def read(self, row: dict, notes: Notes) -> tuple[Question, str]:
        """The question of a row and its ability."""
        if self.is_open:
            return self._made(row, notes, self._words_accepted(row, notes), 0, "open")
        options = self._options(row, notes)
        text(row, GROUP)  # raises where it is no text
        if len(options) < 2:
            raise Unusable("a single option")
        if list(options.values())[1:] == [OPEN]:
            raise Unusable("an open question")
        if any("<image" in option for option in options.values()):
            raise Unusable("pictures among the options")
        if id(row) in self.rotations:
            self._check_agrees(row, options)
            raise Unusable(self.rotations[id(row)][0])
        place = self._answer_index(row, options)
        return self._made(row, notes, tuple(options.values()), place, "choice")

    def _words_accepted(self, row, notes):
        """The answers accepted to an open question; of a row with options, the right one."""
        several = isinstance(row.get("answer"), list | tuple) and len(row["answer"]) > 1
        shown = [row.get(column) for column in (*self.lists, *self.letters.values())]
        if not several and any(cell not in (None, "") for cell in shown):
            options = self._options(row, [])
            notes.append("its options are not shown; the right one's words are accepted")
            return (list(options.values())[self._answer_index(row, options)],)
        return _accepted(row.get("answer"))

    def _made(self, row, notes, options, place, form):
        task = optional(row, self.fine) or optional(row, "category") or optional(row, "task")
        first, *more = self.pictures.read(row)
        question = Question(
            f"{self.name}/{self._index(row)}",
            task or self.name,
            first,
            without_placeholder(required(row, "question"), notes, 1 + len(more)),
            options,
            place,
            form,
            hint=optional(row, "hint"),
            more=tuple(more),
        )
        return question, optional(row, self.broad) or optional(row, "ability") or question.task

    def _answer_index(self, row, options):
        answer = self._answer(row, options)
        if self.yes_no:
            answer = _yes_no(answer)
        ways = (by_words,) if self.yes_no else self.ways
        try:
            place = answer_index(answer, _in_their_places(options), ways)
        except BadInput as error:
            raise Malformed("answer", str(error)) from error
        return list(options).index(LETTERS[place])


def _in_their_places(options: dict[str, str]) -> list[str]:
    """The options from A on, empty where there is none of a letter: answers name them so."""
    last = LETTERS.index([*options][-1])
    return [options.get(letter, "") for letter in LETTERS[: last + 1]]


def _accepted(value) -> tuple[str, ...]:
    """The answers that are accepted to an open question, each once."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(NoList):  # an answer may begin with a bracket
            value = options_list(value, "answer")
    values = value if isinstance(value, list | tuple) else [value]
    answers = [required({"answer": item}, "answer") for item in values]
    if not answers:
        raise Malformed("answer", "is empty")
    return tuple(dict.fromkeys(answers))


def _label(row, column):
    """A category as text, empty where it is none."""
    with suppress(Malformed):
        return text(row, column)
    return ""


def _yes_no(answer):
    """An answer as one of YES_NO, where it is one; empty where there is none."""
    return str(answer if answer is not None else "").strip().rstrip(".").capitalize()
