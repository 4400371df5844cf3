"""The table of outcomes: one row a question and knockout."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import BadInput, check_kind

if TYPE_CHECKING:
    from ..benchmarks.questions import Benchmark

BASE = -1  # the layer of a base model's row
UNSCORED = -1  # the answer where scores were not finite; such a row is neither right nor wrong
COLUMNS = (
    "model",
    "benchmark",
    "task",
    "ability",
    "form",
    "question",
    "part",
    "effect",
    "layer",
    "answer",
    "correct",
    "chance",
    "scores",
    "informed",
)
# and, of a sweep, picture: a name for the picture the question is about; scoring: how its options
# were scored. `chance` is that of a blind guess, `informed` of one that has seen the picture.
NAMED = ("model", "benchmark", "task", "ability", "form", "question", "part", "effect")
NUMBERS = ("layer", "answer", "chance", "informed")
OF_QUESTIONS = ("task", "form", "scoring")  # are the same in all rows of a question
KEPT = tuple(column for column in COLUMNS if column != "informed")  # in a store; others are added


def check_outcomes(table: pd.DataFrame) -> pd.DataFrame:
    """The table itself, if it is one of outcomes; raises BadInput naming the column or question
    that is wrong.
    """
    check_sound(table)
    keys = ["model", "benchmark", "question", "part", "effect", "layer"]
    doubled = table[table.duplicated(keys)]
    if len(doubled):
        row = doubled.iloc[0]
        raise BadInput(
            f"question {row.question!r} has two outcomes for {row.part} of layer {row.layer}; "
            "keep one"
        )
    return table


def check_sound(table: pd.DataFrame):
    """Raise BadInput where a column is missing, empty in places or of another type than it is."""
    check_kind("the table of outcomes", table, pd.DataFrame, "sweep(...)")
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise BadInput(
            f"the outcomes have no column {missing[0]!r}; they need: {', '.join(COLUMNS)}"
        )
    if table.empty:
        raise BadInput("the outcomes are empty; run a sweep first")
    for column in (*NAMED, *NUMBERS, *(["picture"] if "picture" in table else [])):
        empty = table[column].isna()
        if empty.any():
            raise BadInput(
                f"the outcomes have no {column} in {empty.sum()} rows, the first is question "
                f"{table.question[empty].iloc[0]!r}; tables of several versions cannot be joined"
            )
    for column in NUMBERS:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise BadInput(f"the outcomes' column {column!r} holds text; it holds numbers")
    for column in ("chance", "informed"):
        beyond = table[~table[column].between(0, 1)]
        if len(beyond):
            row = beyond.iloc[0]
            raise BadInput(
                f"question {row.question!r} has the {column} {row[column]}; it is a share from 0 "
                "to 1"
            )
    odd = table[(table.layer == BASE) != (table.part == "base")]
    if len(odd):
        row = odd.iloc[0]
        raise BadInput(
            f"question {row.question!r} has an outcome for {row.part} of layer {row.layer}; rows "
            f"of the base model have the part 'base' and the layer {BASE}, others neither"
        )
    if pd.api.types.is_bool_dtype(table.correct):
        return
    if not table.correct.isin((0, 1)).all() or table.correct.map(type).eq(str).any():
        raise BadInput("the outcomes' column 'correct' holds other values than True and False")


def check_single(table: pd.DataFrame):
    """Raise BadInput where outcomes are of several models, benchmarks or effects, or doubled, or a
    question was asked or scored in several ways.
    """
    knocked = table[table.layer != BASE]
    for column, rows in (("model", table), ("benchmark", table), ("effect", knocked)):
        names = rows[column].unique()
        if len(names) > 1:
            raise BadInput(
                f"the outcomes are of {len(names)} {column}s ({', '.join(map(repr, names[:3]))}); "
                f"analyse one {column} at a time"
            )
    for column in OF_QUESTIONS:
        _check_same(table, column)
    doubled = table[table.duplicated(["question", "part", "layer"])]
    if len(doubled):
        row = doubled.iloc[0]
        raise BadInput(
            f"question {row.question!r} has two outcomes for {row.part} of layer {row.layer}; keep "
            "one"
        )


def _check_same(table, column):
    """Raise BadInput where the rows of one question differ in what is the question's own."""
    if column not in table or len(table[column].unique()) == 1:
        return
    values = table[["question", column]].drop_duplicates()
    several = values[values.duplicated("question")]
    if len(several):
        question = several.question.iloc[0]
        names = values[column][values.question == question]
        raise BadInput(
            f"question {question!r} has {len(names)} {column}s in its rows "
            f"({', '.join(map(repr, names[:3]))}), so that they cannot be compared; analyse one "
            f"{column} at a time"
        )


def _check_forms(base):
    """Raise BadInput where one task is asked in several forms: their changes may be opposite."""
    forms = base.groupby("task", sort=False).form.unique()
    several = forms[forms.map(len) > 1]
    if len(several):
        form_names = ", ".join(several.iloc[0])
        raise BadInput(
            f"task {several.index[0]!r} is asked in {len(several.iloc[0])} forms ({form_names}); "
            f"analyse one at a time: outcomes[outcomes.form == {several.iloc[0][0]!r}]"
        )


def with_part(table: pd.DataFrame, part: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The base model's rows and the rows of one knocked-out part, of one model and effect.

    Raises BadInput where either is missing, or the table is none that can be analysed as one.
    """
    return _with_parts(table, [part])


def _with_parts(table, parts):
    """`with_part` for several parts together."""
    check_sound(table)
    of_base, of_parts = table.layer == BASE, table.part.isin(parts)
    base, knocked = table[of_base], table[of_parts & ~of_base]
    missing = [part for part in parts if part not in set(knocked.part)]
    if base.empty or missing:
        names = ", ".join(sorted(set(table.part.astype(str))))
        raise BadInput(
            f"the outcomes need rows of the base model and of {(missing or parts)[0]!r}; "
            f"they hold: {names}"
        )
    check_single(pd.concat([base, knocked]))
    _check_forms(base)
    strange = knocked.question[~knocked.question.isin(base.question)]
    if len(strange):
        raise BadInput(
            f"question {strange.iloc[0]!r} was answered with layers knocked out but not "
            "by the base model; finish the sweep, or keep the base model's rows"
        )
    return base, knocked


def asked_in(table: pd.DataFrame, benchmark: "Benchmark") -> pd.DataFrame:
    """The rows of a table of outcomes, long or wide, that are of a benchmark's questions."""
    return table[table.question.isin([question.id for question in benchmark.questions])]


def aligned(table: pd.DataFrame, column: str = "correct") -> pd.DataFrame:
    """A column of the outcomes by question and knockout: rows questions, columns (part, layer).

    The base model is ("base", BASE), and its order is that of the rows. A question that could not
    be scored under some knockout is left out for all of them. Raises BadInput where the rows are of
    several models, benchmarks or effects, a question lacks an answer, and where none could be
    scored.
    """
    check_sound(table)
    check_single(table)
    return _aligned(table, column)


def _aligned(table, column="correct"):
    unscored, scored = table[table.answer == UNSCORED], table
    if len(unscored):
        scored = table[~table.question.isin(unscored.question)]
    if scored.empty:
        first = unscored.iloc[0]
        raise BadInput(
            f"no question of task {first.task!r} could be scored, for example with {first.part} of "
            f"layer {first.layer} knocked out; use a wider number type (float32 or bfloat16)"
        )
    order = scored.question[scored.layer == BASE]
    wide = scored.pivot(index="question", columns=["part", "layer"], values=column).reindex(order)
    if wide.isna().any(axis=None):
        question = wide.isna().any(axis=1).idxmax()
        part, layer = wide.loc[question].isna().idxmax()
        raise BadInput(
            f"question {question!r} was answered by the base model but not with every knockout: "
            f"{part} of layer {layer} is missing; finish the sweep"
        )
    return wide


def correctness(table: pd.DataFrame, task: str, part: str) -> tuple[pd.Series, pd.DataFrame]:
    """Whether each question of a task is answered right: base [questions], knocked out [questions,
    layers].

    Raises BadInput as `aligned` does.
    """
    base, knocked = with_part(table[table.task == task], part)
    wide = _aligned(pd.concat([base, knocked])).astype(bool)
    return wide["base", BASE].rename("correct"), wide[part]


def by_task(
    table: pd.DataFrame, parts: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame, pd.Series, pd.DataFrame]]:
    """Of every task its name, the base model's rows, and what `correctness` gives of it: base
    [questions], knocked out [questions, (part, layer)].

    The whole table is checked once. Raises BadInput as `with_part` and `aligned` do.
    """
    base, knocked = _with_parts(table, parts)
    knocked_of = dict(iter(knocked.groupby("task", sort=False)))
    for task, own in base.groupby("task", sort=False):
        rows = knocked_of.get(task)
        if rows is None or not {*parts} <= {*rows.part}:
            _with_parts(table[table.task == task], parts)  # which says what is missing
        wide = _aligned(pd.concat([own, rows])).astype(bool)
        yield task, own, wide["base", BASE].rename("correct"), wide[list(parts)]


def pictures_of(table: pd.DataFrame, questions) -> np.ndarray:
    """The picture each of these questions is about, as a number; without a column `picture` each
    has one of its own.

    Questions about one picture stand and fall together, so that statistics count pictures.
    """
    if "picture" not in table:
        return np.arange(len(questions))
    return pd.factorize(
        table.drop_duplicates("question").set_index("question").picture.reindex(questions)
    )[0]


def all_scored(table: pd.DataFrame) -> pd.DataFrame:
    """The table itself, if every answer in it could be scored; raises BadInput naming the question
    where not.
    """
    unscored = table[table.answer == UNSCORED]
    if len(unscored):
        row = unscored.iloc[0]
        raise BadInput(
            f"question {row.question!r} could not be scored with {row.part} of layer {row.layer} "
            "knocked out; use a wider "
            "number type (float32 or bfloat16), or leave the question out"
        )
    return table
