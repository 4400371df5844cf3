"""TaLo's gain against the number of probe questions, by rule and by the tasks it is a mean over."""

from collections.abc import Sequence

import pandas as pd

from .room import of_tasks_above_chance
from .significance import false_discovery
from .talo import shots_curve


def curves_of_rules(
    outcomes: pd.DataFrame, shots: Sequence[int], part: str, draws: int, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """`shots_curve` by "best rule", "released rule", and "best rule, tasks above chance".

    `outcomes` are of one form.
    """
    able = of_tasks_above_chance(outcomes)
    return {
        "best rule": shots_curve(outcomes, shots, part, draws, seed),
        "released rule": shots_curve(outcomes, shots, part, draws, seed, rule="released"),
        "best rule, tasks above chance": shots_curve(able, shots, part, draws, seed),
    }


def at_shots(curves: dict[str, pd.DataFrame], shots: int) -> pd.DataFrame:
    """Of several curves by name the rows at a number of shots.

    Columns: those of `shots_curve`, name, q (over the rows, gains and losses apart).
    """
    rows = [curve[curve.shots == shots].assign(name=name) for name, curve in curves.items()]
    table = pd.concat(rows, ignore_index=True)
    return table.assign(q=false_discovery(table.p, table.delta))
