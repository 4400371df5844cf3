"""How large the best of many layers looks by luck, and what is left of a gain that was chosen."""

import numpy as np
import pandas as pd

from ..outcomes.table import correctness, pictures_of
from .clear import loses_clearly
from .significance import best_of_layers, false_discovery, mean_interval

POINT = 0.01  # a gain that the paper calls significant
SHOWN = 100  # lucky gains of each task that are kept for a figure


def best_by_luck(
    sweeps: dict, vectors: pd.DataFrame, part: str, permutations: int, seed: int = 0
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The gain of each task's best layer, beside that of layers that do not matter.

    `sweeps` are outcomes by form, `vectors` those of all forms with q over all of them. A question
    that a knockout turned right could as well have been turned wrong: signs are flipped by
    question, all layers together. Gives a table (task, form, questions, best, layer, luck: its mean
    by luck, luck_of_mild: of the layers that do not clearly hurt, p, q), and the lucky gains of all
    and of the mild layers, [tasks, SHOWN]; fractions.
    """
    rows, luck, mild_luck = [], [], []
    for form, outcomes in sweeps.items():
        for task, own in vectors[vectors.form == form].groupby("task", sort=False):
            right, knocked = correctness(outcomes, task, part)
            change = knocked.to_numpy().astype(int) - right.to_numpy().astype(int)[:, None]
            pictures = pictures_of(outcomes[outcomes.task == task], right.index)
            p, lucky = best_of_layers(change, pictures, permutations, seed)
            hurts = loses_clearly(own).set_axis(own.layer)[knocked.columns]
            mild, calm = change[:, ~hurts.to_numpy()], np.zeros(permutations)
            if mild.size:
                calm = best_of_layers(mild, pictures, permutations, seed)[1]
            gains = change.mean(0)
            row = dict(task=task, form=form, questions=len(change), best=gains.max())
            row |= dict(layer=int(knocked.columns[gains.argmax()]), luck=lucky.mean())
            rows.append(row | dict(luck_of_mild=calm.mean(), p=p))
            luck.append(lucky[:SHOWN])
            mild_luck.append(calm[:SHOWN])
    table = pd.DataFrame(rows)
    table = table.assign(q=false_discovery(table.p))
    return table, np.array(luck), np.array(mild_luck)


def best_beside_luck(best: pd.DataFrame, luck: np.ndarray, mild_luck: np.ndarray) -> dict:
    """The mean gain of the best layers beside that by luck, and how often luck alone would fool.

    All three are what `best_by_luck` gave. Keys: delta (over tasks and forms), low, high (95%
    interval over tasks, whose forms go together), by_luck, by_luck_of_mild (mean gain by luck),
    fooled, fooled_by_mild (share of lucky gains of a point or more); fractions.
    """
    low, high = mean_interval(best.groupby("task").best.mean())
    return dict(
        delta=float(best.best.mean()),
        low=low,
        high=high,
        by_luck=float(best.luck.mean()),
        by_luck_of_mild=float(best.luck_of_mild.mean()),
        fooled=float((luck >= POINT).mean()),
        fooled_by_mild=float((mild_luck >= POINT).mean()),
    )


def winners_curse(gains: pd.DataFrame) -> dict:
    """What TaLo gained on the probe questions where it bypassed a layer, and on the rest.

    `gains` are rows of `talo_gains`, several of one task together. Every task counts once, by the
    mean of its draws that acted. Keys: tasks, probe, rest, delta (probe - rest), low, high (95%
    interval of it over tasks).
    """
    acted = gains[gains.acted > 0].assign(probed=lambda t: t.acted * t.probe_delta)
    sums = acted.groupby("task")[["acted", "probed", "delta"]].sum()
    probe, rest = sums.probed / sums.acted, sums.delta / sums.acted
    low, high = mean_interval(probe - rest)
    row = dict(tasks=len(sums), probe=probe.mean(), rest=rest.mean())
    return row | dict(delta=(probe - rest).mean(), low=low, high=high)
