"""A user's own questions: a TSV as VLMEvalKit writes it, or a CSV or JSONL beside a folder of
pictures.
"""

import base64
import binascii
import json
from pathlib import Path

import pandas as pd

from ..errors import BadInput
from .questions import LETTERS, Question
from .rows import (
    Malformed,
    Unusable,
    answer_index,
    collect,
    is_rotation,
    json_list,
    lettered,
    required,
    text,
)

KINDS = (".tsv", ".csv", ".jsonl")


def is_file(name: str) -> bool:
    """Whether a benchmark's name is a table, or a folder."""
    return Path(name).suffix.lower() in KINDS or Path(name).is_dir()


def find_table(name: str) -> Path:
    """The table itself, or the only one in a folder. Raises BadInput where there is none or more
    than one.
    """
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


def read_rows(path: Path) -> list[dict]:
    """The rows of a table as dicts. Raises BadInput naming what cannot be read."""
    try:
        if path.suffix.lower() != ".jsonl":
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False).to_dict(
                "records"
            )
        rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                rows.append(json.loads(line))
                if not isinstance(rows[-1], dict):
                    raise BadInput(
                        f"{path.name}, line {number} is not an object {{...}}; write one question "
                        "a line"
                    )
        return rows
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path.name}, line {number} is not JSON ({error.msg}); write one object a line"
        ) from error
    except (ValueError, UnicodeDecodeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{path.name} cannot be read as a table ({str(error).splitlines()[0]}); save it as "
            "UTF-8 text with "
            "a header line"
        ) from error


def benchmark(name: str, tasks=None, per_task=None, prompt="vlmevalkit", skip_malformed=False):
    """The questions of a table: columns question, answer, A, B, ... (or `options`, a list), and
    `image` or `image_path`.

    `image` is a path beside the table, base64, or another row's index; it goes before `image_path`.
    Optional columns: index, category (the task), l2-category (its ability), hint; where there is
    l2_category (MMStar), that is the task and category its ability. Of a circular group one
    question is kept; rows without options or without a picture are left out and counted.
    """
    path = find_table(name)
    rows = read_rows(path)
    columns = {column for row in rows for column in row}
    for wanted, found in (
        ("question", "question"),
        ("answer", "answer"),
        ("image", {"image", "image_path"} & columns),
        ("A", {"A", "options"} & columns),
    ):
        if not (found in columns if isinstance(found, str) else found):
            raise BadInput(
                f"{path.name} has no column {wanted!r}; it has: {', '.join(sorted(columns))}"
            )
    pictures = {text(row, "index"): row.get("image") for row in rows if text(row, "index")}
    numbers, seen = {id(row): i for i, row in enumerate(rows)}, set()

    def read(row):
        """(question, ability) of a row."""
        index = text(row, "index") or text(row, "id") or str(numbers[id(row)])
        if is_rotation(index, seen):
            raise Unusable("a rotation of a question above")
        seen.add(index)
        options = (
            json_list(row["options"], "options") if row.get("options") else lettered(row, LETTERS)
        )
        broad = text(row, "category") if text(row, "l2_category") else ""
        task = text(row, "l2_category") or text(row, "category") or text(row, "task") or path.stem
        question = Question(
            f"{path.stem}/{index}",
            task,
            _picture(row, path.parent, pictures),
            required(row, "question"),
            tuple(options),
            answer_index(required(row, "answer"), options),
            hint=text(row, "hint"),
        )
        return question, broad or text(row, "l2-category") or text(row, "ability") or task

    return collect(path.stem, path.name, rows, read, prompt, tasks, per_task, skip_malformed)


def _picture(row, folder, pictures):
    column = "image" if text(row, "image") else "image_path"
    value = text(row, column)
    if not value:
        raise Unusable("no picture")
    value = _only(value, column)
    if len(value) <= 64 and pictures.get(
        value
    ):  # VLMEvalKit writes a repeated picture as the index of its first row
        value = _only(pictures[value], column)
    if len(value) < 260 and (folder / value).is_file():
        return (folder / value).read_bytes()
    if column == "image_path" or value.lower().endswith(
        (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
    ):
        raise Malformed(column, f"there is no file {value!r} beside the table")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise Malformed(column, f"is not base64 ({error})") from error


def _only(value, column):
    """The picture of a cell that may be a list of one."""
    if not value.startswith("["):
        return value
    several = json_list(value.replace("'", '"'), column)
    if len(several) != 1:
        raise Unusable(f"{len(several)} pictures")
    return several[0]
