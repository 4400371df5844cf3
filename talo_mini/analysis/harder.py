"""TaLo on several sets of harder questions, where there is room to gain."""

from collections.abc import Sequence

import pandas as pd

from .clear import gains_clearly, loses_clearly
from .room import gains_with_room, with_room
from .significance import false_discovery

NUMBERS = ["base", "chance", "informed", "delta", "low", "high", "p"]


def gains_on_harder(
    sweeps: dict[str, pd.DataFrame],
    part: str,
    shots: Sequence[int],
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """TaLo's mean gains over the tasks with room of several benchmarks (`gains_with_room`).

    `sweeps` are outcomes by benchmark. A row a benchmark, number of shots and form with such tasks.
    Columns: pictures (the benchmark), form, shots, tasks (how many), base, chance, informed, delta,
    low, high, p, q (over the table, gains and losses apart); fractions.
    """
    rows = []
    for name, outcomes in sweeps.items():
        for number in shots:
            of_forms = gains_with_room(outcomes, part, number, draws, seed)
            rows += [dict(pictures=name, shots=number) | row for row in of_forms]
    table = pd.DataFrame(rows, columns=["pictures", "form", "shots", "tasks", *NUMBERS])
    return table.assign(q=false_discovery(table.p, table.delta))


def harder_with_room(sweeps: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The outcomes of the tasks that have room, by "NAME, FORM form"; a form without is left out.

    `sweeps` are outcomes by benchmark.
    """
    roomy = {
        f"{name}, {form} form": with_room(of_form)
        for name, outcomes in sweeps.items()
        for form, of_form in outcomes.groupby("form", sort=False)
    }
    return {name: table for name, table in roomy.items() if len(table)}


def range_by_shots(gains: pd.DataFrame) -> pd.DataFrame:
    """The means of `gains_on_harder` in brief, a row a number of shots.

    Columns: shots, means (how many), tasks (their sum), above, below (how many means are clearly
    so, q below 5%), lowest, highest (delta, fractions).
    """
    marked = gains.assign(above=gains_clearly(gains), below=loses_clearly(gains))
    return marked.groupby("shots", as_index=False).agg(
        means=("delta", "size"),
        tasks=("tasks", "sum"),
        above=("above", "sum"),
        below=("below", "sum"),
        lowest=("delta", "min"),
        highest=("delta", "max"),
    )
