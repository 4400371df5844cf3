"""Questions that a program already holds: a data frame, a `datasets.Dataset`, a parquet file."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pyarrow.parquet import read_schema

from ..errors import BadInput
from .pictures import encoded_png
from .questions import Benchmark, Question, Task
from .tables import checked_columns


def of_questions(questions: Sequence, prompt: str) -> Benchmark:
    """A benchmark of questions, each task an ability of its own."""
    odd = next((one for one in questions if not isinstance(one, Question)), None)
    if odd is not None:
        raise BadInput(f"a list of questions holds a {type(odd).__name__}; make it a Question")
    names = dict.fromkeys(question.task for question in questions)
    tasks = tuple(Task(name, name) for name in names)
    return Benchmark("questions", tasks, tuple(questions), prompt, "a list of questions")


def rows_of(data) -> list[dict]:
    """The rows of a data frame or a `datasets.Dataset`: pictures as bytes, cells plain Python.

    Raises BadInput for what is neither, a dictionary of splits, and columns of one name.
    """
    if isinstance(data, pd.DataFrame):
        columns, rows = list(data.columns), data.to_dict("records")
    elif hasattr(data, "features") and hasattr(data, "column_names"):
        columns, rows = list(data.column_names), list(_undecoded(data))
    elif hasattr(data, "items") and hasattr(data, "column_names"):
        raise BadInput(f"this is a dictionary of splits ({', '.join(data)}); give one of them")
    else:
        raise BadInput(
            f"questions are a benchmark's name, a file, a list of Question, a data frame or a "
            f"datasets.Dataset, not {type(data).__name__}"
        )
    if not rows:
        raise BadInput("the data hold no rows; give a question a row")
    names = dict(zip(columns, checked_columns("the data", columns), strict=True))
    return [{names[key]: plain(cell) for key, cell in row.items()} for row in rows]


def read_parquet(path: Path) -> list[dict]:
    """The rows of a parquet file. Raises BadInput where it cannot be read."""
    try:
        frame, names = pd.read_parquet(path), _class_names(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name} cannot be read as parquet ({str(error)[:200]})") from error
    for column, own in names.items():
        frame[column] = frame[column].map(dict(enumerate(own)))
    return rows_of(frame)


def _class_names(path):
    """The names of the classes of each column that `datasets` wrote as their numbers."""
    metadata = read_schema(path).metadata or {}
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    return {
        column: feature["names"]
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def _undecoded(data):
    """The rows of a Dataset with pictures as the files they came in, where they did, and classes
    by their names.
    """
    from datasets import ClassLabel
    from datasets import Image as ImageFeature

    data, classes = data.with_format(None), {}
    for name, feature in data.features.items():
        if isinstance(feature, ImageFeature):
            data = data.cast_column(name, ImageFeature(decode=False))
        if isinstance(feature, ClassLabel):
            classes[name] = feature
    for row in data:
        named = {name: _class_name(feature, row[name]) for name, feature in classes.items()}
        yield row | named


def _class_name(feature, number):
    """The name of a class; a negative number is how datasets writes that there is none."""
    return feature.int2str(number) if number is not None and number >= 0 else None


def plain(cell):
    """A cell as files would give it: a picture as bytes, numpy's values as Python's own.

    A whole float is an integer: a missing cell elsewhere in its column may have made it a float. A
    picture that cannot be used is the sentence that says why.
    """
    if isinstance(cell, Image.Image):
        try:
            return encoded_png(cell)
        except BadInput as why:
            return why
    if isinstance(cell, dict) and "bytes" in cell:  # as datasets keeps a picture
        return cell["bytes"] if cell["bytes"] is not None else cell.get("path")
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, list | tuple):
        return [item if isinstance(item, float) else plain(item) for item in cell]
    if (isinstance(cell, float) and cell != cell) or cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell
