"""Numbers of probe questions and rules: what they gain, and how far single draws scatter."""

from collections.abc import Sequence
from itertools import product

import pandas as pd

from ..errors import BadInput, whole_number
from .room import of_tasks_above_chance, roomy_gains
from .significance import false_discovery, mean_p
from .summaries import difference_of_means
from .talo import mean_gain, shots_curve, talo_draws, talo_gains


def shots_within(shots: Sequence[int], questions: int) -> list[int]:
    """The numbers of shots that leave half of a task's questions to measure on.

    Raises BadInput where none does.
    """
    most = whole_number("the number of questions a task", questions) // 2
    within = [number for number in shots if number <= most]
    if not within:
        raise BadInput(
            f"of {questions} questions a task at most {most} can choose, so that none of "
            f"{list(shots)} shots is possible; ask for fewer shots or more questions"
        )
    return within


def gains_of_more_shots(
    sweeps: dict, few: int, most: dict, part: str, draws: int, seed: int = 0
) -> pd.DataFrame:
    """What TaLo gains more with many shots than with few, on the same tasks.

    `sweeps` and `most` (the larger number of shots) by name. Columns: name, few, most, tasks,
    delta, low, high (95% interval over tasks), p (t test over tasks), q (rises and falls apart); no
    row where there are no sweeps.
    """
    rows = []
    for name, outcomes in sweeps.items():
        less, more = (
            talo_gains(outcomes, part, number, draws, seed).set_index("task").delta
            for number in (few, most[name])
        )
        row = dict(name=name, few=few, most=most[name]) | difference_of_means(more, less)
        rows.append(row | dict(p=mean_p(more - less)))
    columns = ["name", "few", "most", "delta", "low", "high", "tasks", "p"]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
    return table.assign(q=false_discovery(table.p, table.delta))


def scatter_of_draws(
    outcomes: pd.DataFrame, part: str, shots, draws: int, seed: int = 0
) -> pd.DataFrame:
    """The standard deviation of one draw's gain: a row a task, a column a number of shots."""
    spreads = {}
    for number in shots:
        spread = {
            task: talo_draws(outcomes, task, part, number, draws, seed).delta.std()
            for task in outcomes.task.unique()
        }
        spreads[number] = pd.Series(spread)
    return pd.DataFrame(spreads).rename_axis("task")


def rule_curves(
    sweeps: dict, rules: dict[str, dict], shots, part: str, draws: int, seed: int = 0
) -> pd.DataFrame:
    """The `shots_curve` of several rules, one below the other.

    `sweeps` are outcomes by form, `rules` the options of `shots_curve` (rule, level) by a name.
    Columns: form, rule (the name), and those of `shots_curve`.
    """
    curves = {
        (form, name): shots_curve(outcomes, shots, part, draws, seed, **options)
        for form, outcomes in sweeps.items()
        for name, options in rules.items()
    }
    return pd.concat(curves, names=["form", "rule"]).reset_index(["form", "rule"])


def rules_with_room(
    sweeps: dict[str, pd.DataFrame], rules, shots, part: str, draws: int, seed: int = 0
) -> pd.DataFrame:
    """What TaLo gains on these very tasks with room, by rule and number of shots.

    `sweeps` are outcomes of one form each by name. Columns: name, rule, shots, tasks, delta, low,
    high, p (of `roomy_gains` and `mean_gain`), q (over the table, gains and losses apart); no row
    where no task has room.
    """
    rows = []
    for name, rule, number in product(sweeps, rules, shots):
        gains = roomy_gains(sweeps[name], part, number, draws, seed, rule)
        if len(gains):
            row = dict(name=name, rule=rule, shots=number, tasks=gains.task.nunique())
            rows.append(row | mean_gain(gains))
    columns = ["name", "rule", "shots", "tasks", "delta", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(q=false_discovery(table.p, table.delta))


def difference_of_rules(
    outcomes: pd.DataFrame,
    rule: dict,
    other: dict,
    part: str,
    shots: int,
    draws: int,
    seed: int = 0,
) -> dict:
    """What TaLo gains more with one rule than with another, on the same tasks.

    Both rules are options of `talo_gains` (rule, level). Keys: delta, low, high (95% interval over
    tasks), tasks.
    """
    gains = [
        talo_gains(outcomes, part, shots, draws, seed, **options).set_index("task").delta
        for options in (rule, other)
    ]
    return difference_of_means(*gains)


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
