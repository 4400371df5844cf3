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

    A frame's index is a column where it has a name. Raises BadInput for what is neither, a
    dictionary of splits, a Dataset with a transform, and columns of one name.
    """
    if isinstance(data, pd.DataFrame):
        data = data.reset_index([name for name in data.index.names if _is_column(name, data)])
        columns, rows = list(data.columns), _with_decimals(data).to_dict("records")
    elif hasattr(data, "features") and hasattr(data, "column_names"):
        data = data if data.column_names else _with_columns(data)
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


def _is_column(name, frame):
    """Whether a level of an index holds what no column does."""
    return name is not None and name not in frame.columns


def _with_decimals(frame):
    """A frame whose narrow floats are the decimals they were written as."""
    frame = frame.copy(deep=False)
    for place, kind in enumerate(frame.dtypes):
        if _is_narrow(kind):
            narrow = frame.iloc[:, place].to_numpy(f"f{kind.itemsize}", na_value=np.nan)
            frame.isetitem(place, _decimal(narrow))
    return frame


def _is_narrow(kind):
    """Whether a type of numpy or pandas is one of floats of fewer than 64 bits."""
    return getattr(kind, "kind", "") == "f" and getattr(kind, "itemsize", 8) < 8


def _decimal(narrow: np.ndarray):
    """Floats of few bits as the shortest decimals they stand for: 0.1, not 0.10000000149."""
    return narrow.astype(str).astype(float)


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
    """The rows of a Dataset with pictures as the files they came in, where they did, classes by
    their names and narrow floats as such.
    """
    from datasets import ClassLabel
    from datasets import Image as ImageFeature

    if getattr(data, "format", {}).get("type") == "custom":
        raise BadInput(
            "the data have a transform, which changes their rows only where they are read; make "
            "it with map(...) in place of with_transform(...) or set_transform(...)"
        )
    data, classes, narrow = data.with_format(None), {}, {}
    for name, feature in data.features.items():
        if isinstance(feature, ImageFeature):
            data = data.cast_column(name, ImageFeature(decode=False))
        if isinstance(feature, ClassLabel):
            classes[name] = feature
        kind = getattr(getattr(feature, "feature", feature), "dtype", None)  # of a list its items'
        if kind in ("float16", "float32"):
            narrow[name] = kind
    for row in data:
        named = {name: _class_name(feature, row[name]) for name, feature in classes.items()}
        floats = {name: np.array(row[name], kind) for name, kind in narrow.items() if row[name]}
        yield row | named | floats


def _with_columns(data):
    """An IterableDataset that tells its columns, from its first rows."""
    try:
        return data._resolve_features()
    except Exception as error:  # the library's, and those of what makes the rows
        reason = str(error)[:200] or type(error).__name__
        raise BadInput(
            f"the data do not tell their columns ({reason}); give a datasets.Dataset, or name "
            "their features="
        ) from error


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
    if isinstance(cell, np.ndarray | np.generic):
        cell = (_decimal(cell) if _is_narrow(cell.dtype) else cell).tolist()
    if isinstance(cell, list | tuple):
        return [item if isinstance(item, float) else plain(item) for item in cell]
    if (isinstance(cell, float) and cell != cell) or cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell
