"""Turn rows of a table into a benchmark; one that cannot be used is named by file, row, column."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count

from ..errors import BadInput
from ..progress import progress
from .answers import answer_index, by_letter, by_number
from .pictures import decoded
from .questions import Benchmark, Question, Task, find_task

SHOWN = 80  # characters of a cell in a message
# what exporters write for a missing value; "None", "NA" and "null" may be options
FILLERS = ("nan", "NaN", "<NA>", "#N/A")
Notes = list[str]  # what was repaired in a row
MARK = "<image>"
PLACEHOLDER = re.compile(r"^\s*<image( 1)?>\s*|\s*<image 1>\s*$")


class Malformed(Exception):
    """A row whose `column` is wrong, and why."""

    def __init__(self, column: str, why: str):
        super().__init__(f"column {column!r}: {why}")


class Unusable(Exception):
    """A row that is sound but not a question about a picture with options to choose from.

    Such rows are always left out, and counted.
    """


def text(row: dict, column: str) -> str:
    """A cell as text; empty where it is missing. Bytes and collections are none."""
    value = row.get(column)
    if value is None or value != value:
        return ""
    if isinstance(value, Iterable) and not isinstance(value, str):
        raise Malformed(column, f"is no text ({str(value)[:SHOWN]})")
    cell_text = str(value).strip()
    check_unicode(cell_text, column)
    return cell_text


def check_unicode(found: str, column: str):
    """Raise Malformed where a text holds half a character, or a zero byte."""
    if "\0" in found:
        raise Malformed(column, "holds a zero byte")
    if found.isascii():
        return
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise Malformed(column, f"is no valid Unicode ({error.reason})") from error


def optional(row: dict, column: str) -> str:
    """A cell that may be missing: what an exporter writes for that is no text."""
    cell_text = text(row, column)
    return "" if cell_text in FILLERS else cell_text


def required(row: dict, column: str) -> str:
    """A cell that must not be empty."""
    cell_text = text(row, column)
    if not cell_text:
        raise Malformed(column, "is empty")
    return cell_text


def without_placeholder(asked: str, notes: Notes, pictures: int = 1) -> str:
    """A question without the mark of where its only picture stands, in front or at the end.

    Marks of several pictures, which are shown before the question, are numbered.
    """
    if pictures > 1:
        number = count(1)
        question_text, marks = re.subn(MARK, lambda mark: f"<image {next(number)}>", asked)
        if not re.sub(MARK, "", asked).strip():
            raise Malformed("question", "is empty but for marks of pictures")
        if marks > pictures:
            raise Malformed("question", f"marks {marks} pictures, and there are {pictures}")
        if marks:
            notes.append("marks of pictures (<image>) are numbered")
        return question_text
    question_text, dropped = PLACEHOLDER.subn("", asked)
    if not question_text.strip():
        raise Malformed("question", "is empty but for a mark of the picture")
    if dropped:
        notes.append("a mark of the picture's place (<image>) is dropped")
    if "<image 1>" in question_text:
        notes.append("its text speaks of <image 1>, which stands before it")
    return question_text


def picture(value, column: str) -> bytes:
    """The encoded picture of a cell as `datasets` keeps it, {"bytes": ...}, or a list of one."""
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise Unusable(f"{len(value)} pictures")
        value = value[0]
    if value is None:
        raise Unusable("no picture")
    if not isinstance(value, dict) or not isinstance(value.get("bytes"), bytes):
        raise Malformed(column, "holds no picture")
    return value["bytes"]


def named_letter(row: dict, options: dict[str, str]) -> int:
    """The place of the option whose own letter the row's answer is."""
    answer = required(row, "answer")
    letter = answer.strip("().: ").upper()
    if letter not in options:
        raise Malformed("answer", f"{answer[:SHOWN]!r} names none of the {len(options)} options")
    return list(options).index(letter)


def named(row: dict, options: list[str], ways=(by_letter,)) -> int:
    """Which option the row's answer names, in one of these ways (see `answers`)."""
    answer = row.get("answer") if by_number in ways else required(row, "answer")
    try:
        return answer_index(answer, options, ways)
    except BadInput as error:
        raise Malformed("answer", str(error)) from error


def collect(
    name: str,
    where: str,
    rows: Iterable[dict],
    read: Callable[[dict, Notes], tuple[Question, str]],
    prompt: str,
    tasks=None,
    per_task: int | None = None,
    skip_malformed: bool = False,
) -> Benchmark:
    """The benchmark whose questions `read` makes of rows.

    `read(row, notes)` gives (question, ability), or raises Malformed, Unusable or BadInput, and
    notes what it repaired. Reading stops when every task of `tasks` has `per_task` questions.
    Raises BadInput naming file, row and column of a malformed row, unless those are to be skipped;
    where a task has two abilities; and where no question remains.
    """
    if tasks is not None and not len(tasks):
        raise BadInput("tasks= names no task; name some, or leave it out for all")
    questions, abilities, seen = [], {}, Counter()
    reports = {"left_out": [], "malformed": [], "repaired": []}
    for number, row in enumerate(progress(rows, desc=f"reading {name}", unit="row"), 1):
        notes: Notes = []
        try:
            question, ability = read(row, notes)
            is_chosen = tasks is None or question.task in tasks
            room = per_task is None or seen[question.task] < per_task
            if is_chosen and room:
                _check_pictures(question)
        except Unusable as why:
            reports["left_out"].append(f"row {number}: {why}")
            continue
        except (Malformed, BadInput) as error:
            if not skip_malformed:
                raise BadInput(
                    f"{where}, row {number}, {error}; correct the row, or pass skip_malformed=True "
                    "to leave such rows out"
                ) from error
            reports["malformed"].append(f"row {number}, {error}")
            continue
        abilities.setdefault(question.task, {}).setdefault(ability, number)
        if not (is_chosen and room):
            continue
        questions.append(question)
        reports["repaired"] += [f"row {number}: {note}" for note in notes]
        seen[question.task] += 1
        if tasks is not None and per_task is not None and all(seen[t] >= per_task for t in tasks):
            break
    all_tasks = tuple(
        Task(task, _only_ability(where, task, first_rows)) for task, first_rows in abilities.items()
    )
    if not all_tasks:
        first = (reports["malformed"] + reports["left_out"])[:1]
        raise BadInput(" ".join([f"{where} holds no question that can be used", *map(str, first)]))
    chosen_tasks = (
        all_tasks if tasks is None else tuple(find_task(all_tasks, task, name) for task in tasks)
    )
    reasons = {kind: tuple(reasons) for kind, reasons in reports.items()}
    return Benchmark(name, chosen_tasks, tuple(questions), prompt, where, **reasons)


def _only_ability(where, task, abilities):
    """The ability of a task, which does not depend on the order of rows."""
    if len(abilities) > 1:
        (one, first), (other, second), *_ = abilities.items()
        raise BadInput(
            f"{where}: task {task!r} has the ability {one!r} in row {first} and {other!r} in row "
            f"{second}; give one of them another task"
        )
    return next(iter(abilities))


def _check_pictures(question):
    for encoded in question.encoded:
        try:
            decoded(encoded)
        except BadInput as error:
            raise Malformed("image", f"cannot be used: {error}") from error
