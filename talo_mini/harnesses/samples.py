"""Sample logs of lmms-eval as a table of outcomes: one log for each knockout, one for the base."""

import json
import math
from pathlib import Path

import pandas as pd

from ..benchmarks.judging import UNPARSED
from ..errors import BadInput
from ..interventions.names import BASE_CELL, Cell
from ..outcomes.table import COLUMNS, check_outcomes

SAME = ("target", "input")  # what a log tells of a question, where it does
MARK = "_samples_"  # in the names of its files, between the date and the task


def read_samples(logs: dict[Cell, str | Path], metric: str = "exact_match") -> pd.DataFrame:
    """Outcomes of runs of lmms-eval (`--log_samples`), by what was knocked out in each.

    `logs` maps a cell, (part, effect, layer) or `names.BASE_CELL`, to a folder of one run's logs.
    An answer is right where `metric` is above one half. Chance is taken as 0, since logs do not
    tell options. Raises BadInput where a log or the metric is missing, a folder holds two logs of a
    task, or the runs were not asked the same.
    """
    if BASE_CELL not in logs:
        raise BadInput("no log of the whole model was named; give one under names.BASE_CELL")
    table = pd.concat([_run(cell, Path(folder), metric) for cell, folder in logs.items()])
    asked = {cell: set(own.question) for cell, own in table.groupby(["part", "effect", "layer"])}
    for cell, questions in asked.items():
        if questions != asked[BASE_CELL]:
            odd = min(questions ^ asked[BASE_CELL])
            raise BadInput(f"the runs were not asked the same: {odd!r} is not in all, see {cell}")
    _check_same(table)
    return check_outcomes(table.drop(columns=[*SAME]).reset_index(drop=True))


def _check_same(table):
    """Raise BadInput where a number stands for another question in one run than in another."""
    for column in SAME:
        told = table.dropna(subset=column)
        different = told.groupby("question")[column].nunique().loc[lambda count: count > 1]
        if len(different):
            question = different.index[0]
            own = told[told.question == question].drop_duplicates(column)
            cell = tuple(own[["part", "effect", "layer"]].iloc[1])
            raise BadInput(
                f"the runs were not asked the same: {question!r} has the {column} "
                f"{own[column].iloc[0][:60]!r} in one and {own[column].iloc[1][:60]!r} in another, "
                f"see {cell}; run them on the same version of the task"
            )


def _run(cell, folder, metric):
    """The outcomes of one run."""
    paths = sorted(folder.rglob(f"*{MARK}*.jsonl"))
    tasks = [path.stem.split(MARK, 1)[1] for path in paths]
    if not paths:
        raise BadInput(f"{folder} holds no sample logs (*{MARK}TASK.jsonl); run with --log_samples")
    doubled = [task for task in tasks if tasks.count(task) > 1]
    if doubled:
        raise BadInput(f"{folder} holds several logs of {doubled[0]!r}; keep that of one run")
    rows = []
    for path, task in zip(paths, tasks, strict=True):
        for number, line in _lines(path):
            rows.append(_row(cell, f"{path.name}, line {number}", task, line, metric))
    return pd.DataFrame(rows, columns=[*COLUMNS, "written", *SAME])


def _lines(path):
    """The numbers and lines of a log; what ends a line elsewhere (U+2028) ends none of JSON."""
    try:
        lines = enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}); logs are UTF-8: run it again") from error
    return [(number, line) for number, line in lines if line.strip()]


def _row(cell, where, task, line, metric):
    part, effect, layer = cell
    try:
        record = json.loads(line)
        score, number = float(record[metric]), record["doc_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{where} tells no {metric!r} or doc_id ({error})") from error
    if not math.isfinite(score):
        raise BadInput(f"{where}: its {metric!r} is {score}, which is neither right nor wrong")
    correct = score > 0.5
    return dict(
        model="lmms-eval",
        benchmark="lmms-eval",
        task=task,
        ability=task,
        form="open",
        question=f"{task}/{number}",
        part=part,
        effect=effect,
        layer=layer,
        answer=0 if correct else UNPARSED,
        correct=correct,
        chance=0.0,
        informed=0.0,
        scores=[score],
        written=str(record.get("filtered_resps", "")),
        **{name: _text(record.get(name)) for name in SAME},
    )


def _text(value):
    """A value that tells a question apart, as text; None of what may name a place in memory."""
    return str(value) if isinstance(value, str | int | float) else None
