"""Several layers at once: do two knockouts add up, and does choosing more layers gain more?"""

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from ..errors import BadInput
from ..outcomes.table import BASE, aligned, pictures_of
from .significance import change_p, clustered, false_discovery, mean_interval

WIDTH = 1000  # a pair of layers (i, j) competes under the number WIDTH * (i + 1) + j

ALONE = ["alone_first", "alone_second"]
MILD = 0.05  # what each layer of a mild pair costs alone, at most


def interactions(outcomes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Every pair of layers of every task: what both knockouts do together beside the sum of what
    each does alone.

    Columns: task, first, second, alone_first, alone_second, together, added (sum of the two),
    interaction (together - added), low, high (95% interval over questions), p (`flip_p`: losing
    more than the sum is as likely as losing less), q (`false_discovery` over the table, each
    direction apart). Fractions, over the questions that could be scored under every knockout.
    Raises BadInput where a pair is missing or no question is left.
    """
    rows = []
    for task, group in outcomes.groupby("task", sort=False):
        right = aligned(group).astype(float)
        change = right.sub(right["base", BASE], axis=0)
        pictures = pictures_of(group, right.index)
        for first, second in combinations(sorted(right[part].columns), 2):
            together = f"{part} and {first}", second
            if together not in change:
                raise BadInput(
                    f"task {task!r}: layers {first} and {second} were not knocked out together; "
                    "sweep pair_parts()"
                )
            one, two, both = change[part, first], change[part, second], change[together]
            extra = (both - one - two).to_numpy()[:, None]
            (low,), (high,), _ = clustered(extra, pictures, bounds=(-2.0, 2.0))
            (p,) = change_p(extra, pictures)
            row = dict(task=task, first=first, second=second)
            row |= dict(alone_first=one.mean(), alone_second=two.mean(), together=both.mean())
            row |= dict(added=one.mean() + two.mean(), interaction=extra.mean())
            rows.append(row | dict(low=low, high=high, p=p))
    table = pd.DataFrame(rows)
    return table.assign(q=false_discovery(table.p, table.interaction))


def is_mild(pairs: pd.DataFrame, mild: float = MILD) -> pd.Series:
    """Whether each layer of a pair alone costs less than `mild`; pairs with alone_first and
    alone_second.
    """
    return pairs[ALONE].min(axis=1) > -mild


def sums_predict(pairs: pd.DataFrame, mild: float = MILD) -> pd.DataFrame:
    """How well the sum of two knockouts predicts both together.

    `pairs` are `interactions`. Two rows: all pairs, and those in which each layer alone costs less
    than `mild`. Columns: of, pairs (of layers), r (of the means over tasks), delta, low, high (the
    mean over tasks of each task's own correlation, and its 95% interval over tasks), together and
    added (mean over these pairs).
    """
    means = mean_pairs(pairs)
    rows = []
    for name in ("all", "mild"):
        layer_pairs, task_pairs = means, pairs
        if name == "mild":
            layer_pairs, task_pairs = (table[is_mild(table, mild)] for table in (means, pairs))
        by_task = task_pairs.groupby("task").apply(_correlation, include_groups=False).dropna()
        low, high = mean_interval(by_task, most=1)
        row = dict(
            of=name, pairs=len(layer_pairs), r=_correlation(layer_pairs), delta=by_task.mean()
        )
        row |= dict(
            low=low, high=high, together=layer_pairs.together.mean(), added=layer_pairs.added.mean()
        )
        rows.append(row)
    return pd.DataFrame(rows)


def mean_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The mean over tasks for every pair of layers, and whether they interact clearly in any."""
    names = [*ALONE, "added", "together", "interaction"]
    grouped = pairs.assign(clear=pairs.q < 0.05).groupby(["first", "second"])
    return grouped[names].mean().join(grouped.clear.any()).reset_index()


def _correlation(table):
    return table.added.corr(table.together)


def singles_and_pairs(outcomes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Outcomes in which pairs compete with single layers as if they were layers, for `talo_gains`;
    see WIDTH.
    """
    pairs = outcomes.part.str.startswith(f"{part} and ")
    first = outcomes.part[pairs].str.removeprefix(f"{part} and ").astype(int)
    renamed = outcomes[pairs].assign(part=part, layer=lambda t: WIDTH * (first + 1) + t.layer)
    return pd.concat(
        [outcomes[(outcomes.part == part) | (outcomes.part == "base")], renamed], ignore_index=True
    )


def gains_of_candidates(gains: dict, shots: dict[str, int], able: Sequence[str]) -> pd.DataFrame:
    """What TaLo gains with several sets of candidates and rules: the mean over all tasks, and over
    those above chance.

    `gains` are rows of `talo_gains` by (candidates, rule), `shots` of each rule, `able` the tasks
    above chance. Columns: candidates, rule, tasks ("all 42 tasks", "tasks above chance"), shots,
    number (of tasks), base, chance, delta, low, high (95% interval over tasks), on_probe (mean gain
    on the probe questions, 0 where nothing was bypassed), harmed, hindsight; fractions.
    """
    rows = []
    for (candidates, rule), table in gains.items():
        above = table[table.task.isin(able)]
        for tasks, own in ((f"all {len(table)} tasks", table), ("tasks above chance", above)):
            low, high = mean_interval(own.delta)
            row = dict(candidates=candidates, rule=rule, tasks=tasks, shots=shots[rule])
            row |= dict(number=len(own), base=own.base.mean(), chance=own.chance.mean())
            row |= dict(delta=own.delta.mean(), low=low, high=high)
            row |= dict(on_probe=(own.probe_delta.fillna(0) * own.acted).mean())
            rows.append(row | dict(harmed=own.harmed.mean(), hindsight=own.hindsight.mean()))
    return pd.DataFrame(rows)
