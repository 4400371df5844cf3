"""TaLo: choose the most interfering layer on a few probe questions, and measure on the rest what
bypassing it gains.
"""

from functools import partial

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..outcomes.table import BASE, correctness, pictures_of, with_part
from .significance import false_discovery, gain_p, mean_interval, mean_p, t_interval

RULES = ("best", "released", "cautious")
NONE = -1  # no layer is bypassed
RESAMPLES = 100  # enough for a standard error, to within 7%


def choose_layer(right: np.ndarray, knocked: np.ndarray, first: int = 0) -> int:
    """The column whose knockout answers most probe questions right, or NONE where none beats the
    base model.

    right [questions], knocked [questions, layers], both boolean. Columns before `first` are not
    considered; of equal columns the lowest is taken, as in the paper's released package.
    """
    counts = knocked.sum(0)
    counts[:first] = -1
    best = int(counts.argmax())
    return best if counts[best] > right.sum() else NONE


def _shuffled(rng, pictures):
    """The questions in random order, those about one picture one after the other."""
    return np.argsort(rng.permutation(pictures.max() + 1).argsort()[pictures], kind="stable")


def _unseen(order, taken, pictures):
    """The questions after the first `taken` that are not about a picture of these."""
    seen = np.zeros(pictures.max() + 1, bool)
    seen[pictures[order[:taken]]] = True
    return order[taken:][~seen[pictures[order[taken:]]]]


def draw_best(rng, right, knocked, shots, pictures):
    """One probe set of `shots` questions; every layer competes. Gives (choice, probe, evaluation).

    The rest is evaluation, save questions about a picture that the probe set has seen; pictures
    [questions], numbers from 0.
    """
    order = _shuffled(rng, pictures)
    probe = order[:shots]
    return choose_layer(right[probe], knocked[probe]), probe, _unseen(order, shots, pictures)


def draw_released(rng, right, knocked, shots, pictures):
    """As the paper's released code does it. Gives (choice, probe, evaluation).

    A pool of min(n // 3, 4 * shots) questions is kept out of the evaluation. While no layer helps,
    another probe set is drawn from what the pool has left, with one question more each time (none
    more right after a first set without errors); there is room for two more sets, whatever the
    code's limit of five says. The first layer never competes. With fewer than 3 * shots questions
    the pool, and so the probe set, is smaller than `shots`.
    """
    order = _shuffled(rng, pictures)
    pool = rng.permutation(order[: min(len(right) // 3, 4 * shots)])
    probe, unused, drawn = pool[:shots], pool[shots:], 0
    while (choice := choose_layer(right[probe], knocked[probe], first=1)) == NONE:
        size = shots if not drawn and right[probe].all() else shots + drawn + 1
        if size > len(unused):
            break
        probe, unused, drawn = unused[:size], unused[size:], drawn + 1
    return choice, probe, _unseen(order, len(pool), pictures)


def draw_cautious(rng, right, knocked, shots, pictures, level):
    """As `draw_best`, but abstains unless the gain of the best layer is significant, corrected for
    all that competed.

    The one-sided exact sign test on the pictures of the probe set (with a question each,
    McNemar's), times the number of layers (Bonferroni), must be below `level`: a layer that does
    not help is then bypassed in at most that share of draws.
    """
    choice, probe, evaluation = draw_best(rng, right, knocked, shots, pictures)
    if choice != NONE:
        change = np.bincount(pictures[probe], knocked[probe, choice].astype(float) - right[probe])
        if knocked.shape[1] * gain_p((change > 0).sum(), (change < 0).sum()) >= level:
            choice = NONE
    return choice, probe, evaluation


def talo_draws(
    outcomes: pd.DataFrame,
    task: str,
    part: str = "self-attention",
    shots: int = 10,
    draws: int = 20,
    seed: int = 0,
    rule: str = "best",
    level: float = 0.05,
) -> pd.DataFrame:
    """TaLo on one task with `draws` redrawn probe sets, each measured on the questions it did not
    see; one row a draw.

    `rule` is how a layer is chosen: "best", "released" (the paper's code) or "cautious" (abstain
    unless significant at `level`). Columns: layer (NONE: keep all), questions, base, accuracy,
    delta, probe_delta (the chosen layer's gain on the probe set), random (mean delta of all
    layers), hindsight (delta of the best layer on the evaluation questions, at least 0), all in
    fractions. Raises BadInput for an unknown rule or where fewer than 2 * shots questions leave too
    little to measure on.
    """
    draw, base, table, pictures = _prepared(outcomes, task, part, shots, rule, level)
    right, knocked, layers = base.to_numpy(), table.to_numpy(), table.columns.to_numpy()
    rng, rows = np.random.default_rng([seed, *task.encode()]), []
    for _ in range(draws):
        choice, probe, evaluation = draw(rng, right, knocked, shots, pictures)
        if not len(evaluation):
            raise BadInput(
                f"task {task!r}: its questions are about {len(set(pictures))} pictures, too few "
                f"to keep some unseen by {shots} "
                "shots; use fewer shots or more pictures"
            )
        before, after = right[evaluation], knocked[evaluation]
        chosen = before if choice == NONE else after[:, choice]
        deltas = after.mean(0) - before.mean()
        rows.append(
            dict(
                layer=NONE if choice == NONE else int(layers[choice]),
                questions=len(evaluation),
                base=before.mean(),
                accuracy=chosen.mean(),
                delta=chosen.mean() - before.mean(),
                probe_delta=0.0
                if choice == NONE
                else knocked[probe, choice].mean() - right[probe].mean(),
                random=deltas.mean(),
                hindsight=max(0.0, deltas.max()),
            )
        )
    return pd.DataFrame(rows)


def _prepared(outcomes, task, part, shots, rule, level):
    """The rule as a function, and what it chooses from: base [questions], knocked out [questions,
    layers], pictures [questions].
    """
    if rule not in RULES:
        raise BadInput(f"unknown rule {rule!r}; use one of {', '.join(RULES)}")
    base, table = correctness(outcomes, task, part)
    if len(base) < 2 * shots:
        raise BadInput(
            f"task {task!r} has {len(base)} questions, too few for {shots} shots; "
            f"use at most {len(base) // 2} shots or more questions"
        )
    draw = {
        "best": draw_best,
        "released": draw_released,
        "cautious": partial(draw_cautious, level=level),
    }[rule]
    return draw, base, table, pictures_of(outcomes[outcomes.task == task], base.index)


def gain_error(
    outcomes: pd.DataFrame,
    task: str,
    part: str = "self-attention",
    shots: int = 10,
    draws: int = 20,
    seed: int = 0,
    rule: str = "best",
    level: float = 0.05,
) -> tuple[float, int]:
    """Standard error of the mean delta of `talo_draws`, and its degrees of freedom: the number of
    pictures less one.

    Bootstrap over pictures; with each resample TaLo is done anew, on at most 20 probe sets, so that
    the error holds what other questions would have made it choose. A picture drawn twice is never
    in both probe and evaluation, so that a probe set holds fewer different questions than a true
    one: the error is that of slightly fewer shots. Two pictures are added, one that every knockout
    turns right and one that it turns wrong: what these questions do not show may yet exist (Bonett
    and Price 2012 adjust the interval of a paired difference so).
    """
    draw, base, table, pictures = _prepared(outcomes, task, part, shots, rule, level)
    right, means = np.append(base.to_numpy(), [False, True]), []
    knocked = np.vstack([table.to_numpy(), np.repeat([[True], [False]], table.shape[1], 1)])
    pictures = np.append(pictures, pictures.max() + np.array([1, 2]))
    members = [np.flatnonzero(pictures == picture) for picture in range(pictures.max() + 1)]
    rng = np.random.default_rng([seed, *task.encode()])
    for _ in range(RESAMPLES):
        rows = np.concatenate(
            [members[picture] for picture in rng.integers(len(members), size=len(members) - 2)]
        )
        again, knocked_again, seen = (
            right[rows],
            knocked[rows],
            np.unique(pictures[rows], return_inverse=True)[1],
        )
        found = []
        for _ in range(min(draws, 20)):
            choice, _, evaluation = draw(rng, again, knocked_again, shots, seen)
            if len(evaluation):
                found.append(
                    0.0
                    if choice == NONE
                    else knocked_again[evaluation, choice].mean() - again[evaluation].mean()
                )
        means.append(np.mean(found) if found else np.nan)
    return float(np.nanstd(means, ddof=1)), len(members) - 3


def _averages(outcomes, part, shots, draws, seed, rule, level):
    """What `talo_gains` gives, without intervals."""
    rows = []
    for task in with_part(outcomes, part)[0].task.unique():
        table = talo_draws(outcomes, task, part, shots, draws, seed, rule, level)
        asked = outcomes[
            (outcomes.layer == BASE)
            & outcomes.question.isin(correctness(outcomes, task, part)[0].index)
            & (outcomes.task == task)
        ]
        acted = table[table.layer != NONE]
        shares, times = acted.layer.value_counts(normalize=True), table.layer.value_counts()
        rows.append(
            dict(
                task=task,
                ability=asked.ability.iloc[0],
                questions=len(asked),
                chance=asked.chance.mean(),
                base=table.base.mean(),
                accuracy=table.accuracy.mean(),
                delta=table.delta.mean(),
                acted=len(acted) / draws,
                harmed=(table.delta < 0).mean(),
                layer=int(shares.index[0]) if len(acted) else NONE,
                agreement=shares.iloc[0] if len(acted) else np.nan,
                alike=(times * (times - 1)).sum() / max(1, draws * (draws - 1)),
                probe_delta=acted.probe_delta.mean(),
                random=table.random.mean(),
                hindsight=table.hindsight.mean(),
            )
        )
    return pd.DataFrame(rows)


def talo_gains(
    outcomes: pd.DataFrame,
    part: str = "self-attention",
    shots: int = 10,
    draws: int = 20,
    seed: int = 0,
    rule: str = "best",
    level: float = 0.05,
) -> pd.DataFrame:
    """What TaLo gains on every task, one row a task, averaged over redrawn probe sets.

    Columns: task, ability, questions, chance, base, accuracy, delta, low, high (95% interval of
    delta) and p (Student's t on `gain_error`), q (Benjamini-Hochberg over tasks), acted (share of
    draws that bypassed a layer), harmed (share that lost accuracy), layer (the most frequent
    choice, NONE if none), agreement (its share among the draws that acted), alike (how often two
    draws choose alike, NONE being a choice), probe_delta (of the draws that acted), random,
    hindsight. Fractions throughout.
    """
    table = _averages(outcomes, part, shots, draws, seed, rule, level)
    errors = [
        gain_error(outcomes, task, part, shots, draws, seed, rule, level) for task in table.task
    ]
    table["low"], table["high"], table["p"] = t_interval(
        table.delta.to_numpy(), *map(np.array, zip(*errors, strict=True))
    )
    return table.assign(q=false_discovery(table.p))


def shots_curve(
    outcomes: pd.DataFrame,
    shots,
    part: str = "self-attention",
    draws: int = 200,
    seed: int = 0,
    rule: str = "best",
    level: float = 0.05,
) -> pd.DataFrame:
    """TaLo against the number of probe questions, one row a number, averaged over tasks.

    Columns: shots, tasks, delta, low, high (95% bootstrap interval over tasks), p (t test over
    tasks), acted, harmed, regret (the best layer in hindsight minus the choice), alike (how often
    two draws choose alike, NONE being a choice), curse (gain on the probe set minus gain on the
    rest, of draws that acted). Tasks with fewer than twice as many questions are left out of a row.
    Fractions throughout.
    """
    sizes = pd.Series(
        {task: len(correctness(outcomes, task, part)[0]) for task in outcomes.task.unique()}
    )
    rows = []
    for number in shots:
        kept = outcomes[outcomes.task.isin(sizes[sizes >= 2 * number].index)]
        gains = _averages(kept, part, number, draws, seed, rule, level)
        low, high = mean_interval(gains.delta, seed)
        acted = gains.acted > 0
        rows.append(
            dict(
                shots=number,
                tasks=len(gains),
                delta=gains.delta.mean(),
                low=low,
                high=high,
                p=mean_p(gains.delta),
                acted=gains.acted.mean(),
                harmed=gains.harmed.mean(),
                regret=(gains.hindsight - gains.delta).mean(),
                alike=gains.alike.mean(),
                curse=(gains.probe_delta - gains.delta / gains.acted)[acted].mean(),
            )
        )
    return pd.DataFrame(rows)
