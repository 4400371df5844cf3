"""TaLo: choose the most interfering layer on a few probe questions, and measure on the rest what bypassing it gains."""

import numpy as np
import pandas as pd

from .outcomes import correctness, with_part
from .questions import BadInput
from .significance import mean_interval

RULES = ("best", "released")
NONE = -1  # no layer is bypassed


def choose_layer(right: np.ndarray, knocked: np.ndarray, first: int = 0) -> int:
    """The column whose knockout answers most probe questions right, or NONE where none beats the base model.

    right [questions], knocked [questions, layers], both boolean. Columns before `first` are not considered; of equal
    columns the lowest is taken, as in the paper's released package.
    """
    counts = knocked.sum(0)
    counts[:first] = -1
    best = int(counts.argmax())
    return best if counts[best] > right.sum() else NONE


def draw_best(rng, right, knocked, shots):
    """One probe set of `shots` questions; every layer competes; the rest is for evaluation. Gives (choice, evaluation)."""
    order = rng.permutation(len(right))
    return choose_layer(right[order[:shots]], knocked[order[:shots]]), order[shots:]


def draw_released(rng, right, knocked, shots):
    """As the paper's released code does it. Gives (choice, evaluation).

    A pool of min(n // 3, 4 * shots) questions is kept out of the evaluation; up to five probe sets are drawn from it
    until the base model errs on one and some layer helps; the first layer never competes.
    """
    order = rng.permutation(len(right))
    pool = order[:min(len(right) // 3, 4 * shots)]
    choice = NONE
    for _ in range(5):
        probe = rng.permutation(pool)[:shots]
        if not right[probe].all():
            choice = choose_layer(right[probe], knocked[probe], first=1)
        if choice != NONE:
            break
    return choice, order[len(pool):]


def talo_draws(outcomes: pd.DataFrame, task: str, part: str = "self-attention", shots: int = 10, draws: int = 20,
               seed: int = 0, rule: str = "best") -> tuple[pd.DataFrame, np.ndarray]:
    """TaLo on one task with `draws` redrawn probe sets, each measured on the questions it did not see.

    First a table, one row a draw: layer (NONE: keep all), questions, base, accuracy, delta, random (mean delta of all
    layers), hindsight (delta of the best layer on the evaluation questions, at least 0), all in fractions.
    Then the mean change of each question over the draws that evaluated it, [questions], nan where none did.
    Raises BadInput for an unknown rule or where fewer than 2 * shots questions leave too little to measure on.
    """
    if rule not in RULES:
        raise BadInput(f"unknown rule {rule!r}; use one of {', '.join(RULES)}")
    base, table = correctness(outcomes, task, part)
    right, knocked, layers = base.to_numpy(), table.to_numpy(), table.columns.to_numpy()
    if len(right) < 2 * shots:
        raise BadInput(f"task {task!r} has {len(right)} questions, too few for {shots} shots; "
                       f"use at most {len(right) // 2} shots or more questions")
    rng = np.random.default_rng([seed, *task.encode()])
    rows, change, asked = [], np.zeros(len(right)), np.zeros(len(right))
    for _ in range(draws):
        choice, evaluation = (draw_best if rule == "best" else draw_released)(rng, right, knocked, shots)
        before, after = right[evaluation], knocked[evaluation]
        chosen = before if choice == NONE else after[:, choice]
        change[evaluation] += chosen.astype(int) - before
        asked[evaluation] += 1
        deltas = after.mean(0) - before.mean()
        rows.append(dict(layer=NONE if choice == NONE else int(layers[choice]), questions=len(evaluation),
                         base=before.mean(), accuracy=chosen.mean(), delta=chosen.mean() - before.mean(),
                         random=deltas.mean(), hindsight=max(0.0, deltas.max())))
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(rows), change / asked


def talo_gains(outcomes: pd.DataFrame, part: str = "self-attention", shots: int = 10, draws: int = 20, seed: int = 0,
               rule: str = "best") -> pd.DataFrame:
    """What TaLo gains on every task, one row a task, averaged over redrawn probe sets.

    Columns: task, ability, questions, chance, base, accuracy, delta, low, high (95% bootstrap interval of delta over
    questions), acted (share of draws that bypassed a layer), harmed (share that lost accuracy), layer (the most frequent
    choice, NONE if none), agreement (its share among the draws that acted), random, hindsight. Fractions throughout.
    """
    rows = []
    for task, group in with_part(outcomes, part)[0].groupby("task", sort=False):
        table, change = talo_draws(outcomes, task, part, shots, draws, seed, rule)
        low, high = mean_interval(change[~np.isnan(change)], seed)
        acted = table[table.layer != NONE]
        shares = acted.layer.value_counts(normalize=True)
        rows.append(dict(task=task, ability=group.ability.iloc[0], questions=len(group), chance=group.chance.mean(),
                         base=table.base.mean(), accuracy=table.accuracy.mean(), delta=np.nanmean(change), low=low,
                         high=high, acted=len(acted) / draws, harmed=(table.delta < 0).mean(),
                         layer=int(shares.index[0]) if len(acted) else NONE,
                         agreement=shares.iloc[0] if len(acted) else np.nan,
                         random=table.random.mean(), hindsight=table.hindsight.mean()))
    return pd.DataFrame(rows)
