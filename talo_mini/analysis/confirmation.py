"""What helps on some questions, measured on others that did not find it."""

import pandas as pd

from ..benchmarks.questions import Benchmark
from ..errors import BadInput
from ..outcomes.table import asked_in
from .runs import all_vectors, helps_to_above_chance
from .significance import false_discovery
from .vectors import gain_kind

CELL = ["task", "form", "part", "layer"]
MEASURED = ["base", "accuracy", "chance", "informed", "delta", "low", "high", "p", "q", "kind"]
SHOWN = ["found", *MEASURED]


def confirmed(finding: pd.DataFrame, measuring: pd.DataFrame, most: int = 50) -> pd.DataFrame:
    """The `most` surest gains on the questions of one table, measured on those of another.

    Surest: of the smallest p, of every part, layer, task and form of the first table. That they won
    there need not be clear: what is clear is asked of the second, of these rows alone. With no gain
    the result is empty. Columns: task, form, part, layer, found (the gain that found it,
    flattered), and of the second table base, accuracy, chance, informed, delta, low, high, p, q
    (over the rows of the result), kind (of `gain_kind`). Raises BadInput where the two share a
    question or a picture of one model: what found a gain would flatter it. (Of questions with
    several pictures that is seen in two parts of one sweep, not in two sweeps.)
    """
    _check_apart(finding, measuring)
    competed = all_vectors(finding)
    surest = competed[competed.delta > 0].nsmallest(most, "p")
    chosen = surest[[*CELL, "delta"]].rename(columns={"delta": "found"})
    table = chosen.merge(all_vectors(measuring), on=CELL, validate="one_to_one")
    table = table.assign(q=false_discovery(table.p, table.delta), kind=gain_kind(table))
    ordered = table.sort_values("found", ascending=False, kind="stable")
    return ordered[[*CELL, *SHOWN]].reset_index(drop=True)


def _check_apart(finding, measuring):
    for column in ("question", "picture"):
        if column in finding and column in measuring:
            own = ["model", "benchmark", column]
            shared = finding[own].drop_duplicates().merge(measuring[own].drop_duplicates())
            if len(shared):
                raise BadInput(
                    f"{column} {shared[column].iloc[0]!r} is in both tables: gains are measured on "
                    "other questions and pictures than found them; split them by picture"
                )


def confirmed_in_each(
    outcomes: dict[str, pd.DataFrame], halves: dict[str, tuple[Benchmark, Benchmark]]
) -> pd.DataFrame:
    """`confirmed` of several outcomes by name, each on two halves of its questions.

    Columns: of (the name), and those of `confirmed`, q over all rows together.
    """
    tables = [pd.DataFrame(columns=["of", *CELL, *SHOWN])]
    for name, table in outcomes.items():
        finding, measuring = (asked_in(table, half) for half in halves[name])
        confirmed_rows = confirmed(finding, measuring)
        if len(confirmed_rows):
            tables.append(confirmed_rows.assign(of=name))
    all_rows = pd.concat(tables[1:] or tables, ignore_index=True)[tables[0].columns]
    return all_rows.assign(q=false_discovery(all_rows.p, all_rows.delta))


def to_above_chance(vectors: pd.DataFrame) -> pd.DataFrame:
    """The rows that clearly help (q below 5%) and end above a guess that has looked."""
    return vectors[helps_to_above_chance(vectors)]


def side_effects(outcomes: pd.DataFrame, part: str, layer: int) -> pd.DataFrame:
    """One knockout on every task and form: the rows of `all_vectors`, q over these rows alone."""
    table = all_vectors(outcomes[outcomes.part.isin(["base", part])])
    own = table[table.layer == layer]
    own = own.assign(q=false_discovery(own.p, own.delta))
    return own.sort_values("delta", ignore_index=True)
