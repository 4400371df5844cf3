"""The headline numbers of a notebook: one file in one schema, with what a reader needs to check."""

import json
import math
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from .benchmarks.questions import Benchmark
    from .models.vlm import VLM

SESSION = "JPY_SESSION_NAME"  # where Jupyter says which notebook a kernel belongs to
ROUNDING = 1e-3  # of numbers that are written with three digits
ABOUT: dict[str, type | tuple[type, ...]] = {
    "model": str,
    "model_digest": str,
    "benchmark": str,
    "benchmark_digest": str,
    "prompt": str,
    "source": str,
    "left_out": int,
    "malformed": int,
    "picture_limits": dict,
    "questions": int,
    "tasks": int,
    "chance": (int, float),
    "seed": int,
    "versions": dict,
}


def save_headline(
    folder: str, vlm: "VLM", benchmark: "Benchmark", seed: int, numbers: dict
) -> Path:
    """Write `numbers` to FOLDER/NOTEBOOK.json with model and benchmark digests, counts, chance,
    seed and versions.

    The notebook is the one that runs, so that a copy writes its own file; where nothing tells, it
    is called "results". Raises BadInput where the numbers break the schema (see `check_results`).
    """
    path = Path(folder) / f"{Path(os.environ.get(SESSION) or 'results').stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = sum(q.chance for q in benchmark.questions) / len(benchmark.questions)
    about = dict(
        model=vlm.name,
        model_digest=vlm.digest,
        benchmark=benchmark.name,
        benchmark_digest=benchmark.digest,
        prompt=benchmark.prompt,
        source=benchmark.source,
        left_out=len(benchmark.left_out),
        malformed=len(benchmark.malformed),
        picture_limits=vlm.picture_limits,
        questions=len(benchmark.questions),
        tasks=len(benchmark.tasks),
        chance=round(chance, 4),
        seed=seed,
        versions=dict(
            python=platform.python_version(),
            **{name: version(name) for name in ("talo-mini", "torch", "transformers")},
        ),
    )
    results = _strict(json.loads(json.dumps({**about, **numbers}, default=float)))
    check_results(results, path.name)
    path.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def records_by(table: "pd.DataFrame", *columns: str) -> dict | list:
    """A table's rows as records, with four digits, by the values of a column, and in that by those
    of the next.

    With no column left a list; the columns are not in the records.
    """
    if not columns:
        return table.round(4).to_dict("records")
    column, *others = columns
    return {
        value: records_by(rows.drop(columns=column), *others)
        for value, rows in table.groupby(column, sort=False)
    }


def check_results(told: dict, name: str):
    """Raise BadInput where results are not what every reader of them relies on.

    They tell what was asked of whom (ABOUT); and wherever a record has an interval, low and high,
    it is one, and holds the record's delta.
    """
    for key, kind in ABOUT.items():
        if not isinstance(told.get(key), kind):
            raise BadInput(f"{name}: {key!r} is {told.get(key)!r}; every results file tells it")
    for place, record in _records(told):
        low, high, delta = (record.get(key) for key in ("low", "high", "delta"))
        if low is None or high is None:
            continue
        inside = delta is None or low - ROUNDING <= delta <= high + ROUNDING
        if not (low <= high and inside):
            raise BadInput(f"{name}: {place} is {delta} with the interval [{low}, {high}]")


def _records(value, place="results"):
    """Every record of nested results, and where it stands."""
    if isinstance(value, dict):
        yield place, value
        for key, item in value.items():
            yield from _records(item, f"{place}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _records(item, f"{place}[{number}]")


def _strict(value):
    """The same with null for what is no number, since not every JSON reader takes NaN."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
