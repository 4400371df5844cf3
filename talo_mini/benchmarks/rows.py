"""Turn rows of a table into a benchmark: a row that cannot be used is named by file, row and
column.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable

from PIL import Image

from ..errors import BadInput
from ..progress import progress
from .questions import LETTERS, Benchmark, Question, Task, find_task


class Malformed(Exception):
    """A row whose `column` is wrong, and why."""

    def __init__(self, column: str, why: str):
        super().__init__(f"column {column!r}: {why}")


class Unusable(Exception):
    """A row that is sound but not one picture with options to choose from; such rows are always
    left out, and counted.
    """


def text(row: dict, column: str) -> str:
    """A cell as text; empty where it is missing."""
    value = row.get(column)
    return "" if value is None or value != value else str(value).strip()


def required(row: dict, column: str) -> str:
    """A cell that must not be empty."""
    found = text(row, column)
    if not found:
        raise Malformed(column, "is empty")
    return found


def picture(value, column: str) -> bytes:
    """The encoded picture of a cell, as the `datasets` library keeps it: {"bytes": ..., "path":
    ...}, or a list of one.
    """
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise Unusable(f"{len(value)} pictures")
        value = value[0]
    if value is None:
        raise Unusable("no picture")
    if not isinstance(value, dict) or not value.get("bytes"):
        raise Malformed(column, "holds no picture")
    return value["bytes"]


def lettered(row: dict, columns) -> list[str]:
    """The options in columns A, B, ...; those at the end may be empty. A gap would give the later
    ones other letters.
    """
    found = [text(row, column) for column in columns]
    while found and not found[-1]:
        found.pop()
    if not found:
        raise Unusable("no options to choose from")
    if not all(found):
        raise Malformed(list(columns)[found.index("")], "is empty, but a later option is not")
    return found


def answer_index(answer: str, options: list[str], column: str = "answer") -> int:
    """Which option an answer names, by its letter or its words."""
    letter = answer.strip("(). ")
    if len(letter) == 1 and letter.upper() in LETTERS[: len(options)]:
        return LETTERS.index(letter.upper())
    if answer in options:
        return options.index(answer)
    raise Malformed(column, f"{answer!r} names none of the {len(options)} options {options}")


def is_rotation(index: str, seen: set[str]) -> bool:
    """Whether a row repeats a question with its options rotated (MMBench: index + a multiple of a
    million).
    """
    return index.isdigit() and int(index) >= 1_000_000 and str(int(index) % 1_000_000) in seen


def collect(
    name: str,
    where: str,
    rows: Iterable[dict],
    read: Callable[[dict], tuple[Question, str]],
    prompt: str,
    tasks=None,
    per_task: int | None = None,
    skip_malformed: bool = False,
) -> Benchmark:
    """The benchmark whose questions `read` makes of rows: (question, ability), or Malformed or
    Unusable.

    Reading stops when every task of `tasks` has `per_task` questions. Rows of another kind are told
    in `left_out`, malformed ones in `malformed`. Raises BadInput naming file, row and column of a
    malformed row, unless those are to be skipped; and where no question remains.
    """
    questions, abilities, left_out, malformed, seen = [], {}, [], [], Counter()
    for number, row in enumerate(progress(rows, desc=f"reading {name}", unit="row"), 1):
        try:
            question, ability = read(row)
            if per_task is not None and seen[question.task] >= per_task:
                continue
            if tasks is None or question.task in tasks:
                _decode(question)
                questions.append(question)
            abilities.setdefault(question.task, ability)
        except Unusable as why:
            left_out.append(f"row {number}: {why}")
            continue
        except (Malformed, BadInput) as error:
            if not skip_malformed:
                raise BadInput(
                    f"{where}, row {number}, {error}; correct the row, or pass "
                    "skip_malformed=True to leave "
                    "such rows out"
                ) from error
            malformed.append(f"row {number}, {error}")
            continue
        seen[question.task] += 1
        if (
            tasks is not None
            and per_task is not None
            and all(seen[task] >= per_task for task in tasks)
        ):
            break
    found = tuple(Task(task, ability) for task, ability in abilities.items())
    if not found:
        raise BadInput(
            " ".join(
                [
                    f"{where} holds no question that can be used",
                    *(f"({why})" for why in (left_out + malformed)[:1]),
                ]
            )
        )
    wanted = found if tasks is None else tuple(find_task(found, task, name) for task in tasks)
    return Benchmark(
        name, wanted, tuple(questions), prompt, where, tuple(left_out), tuple(malformed)
    )


def _decode(question):
    try:
        Image.open(io.BytesIO(question.image_bytes)).load()
    except Exception as error:
        raise Malformed("image", f"cannot be decoded ({error})") from error


def json_list(value, column: str) -> list[str]:
    """A list of words, also where it is written as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise Malformed(column, f"is not a list ({value[:40]!r})") from error
    if not isinstance(value, list):
        raise Malformed(column, f"is not a list ({value!r})")
    return [str(item) for item in value]
