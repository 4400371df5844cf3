"""TaLo: choose the most interfering layer on a few probe questions, and measure on the rest."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..outcomes.table import BASE, correctness, pictures_of, with_part
from .luck import winners_curse
from .rules import (
    NONE,
    RULES,
    Draw,
    Probing,
    choose_layer,
    draw_best,
    draw_cautious,
    draw_released,
)
from .significance import false_discovery, mean_interval, mean_p, t_interval

__all__ = [
    "NONE",
    "RULES",
    "Probing",
    "choose_layer",
    "draw_best",
    "draw_cautious",
    "draw_released",
    "gain_error",
    "mean_gain",
    "shots_curve",
    "talo_draws",
    "talo_gains",
]
RESAMPLES = 100  # enough for a standard error, to within 7%
SHOTS_COLUMNS = ["shots", "tasks", "delta", "low", "high", "p"]
SHOTS_COLUMNS += ["acted", "harmed", "regret", "alike", "curse"]
REDRAWN = 20  # probe sets at most in each resample


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
    """TaLo on one task with redrawn probe sets, each measured on the rest; one row a draw.

    `rule` is how a layer is chosen: "best", "released" (the paper's code) or "cautious" (abstain
    unless significant at `level`). Columns: layer (NONE: keep all), questions, base, accuracy,
    delta, probe_delta (the chosen layer's gain on the probe set), random (mean delta of all
    layers), hindsight (delta of the best layer on the evaluation questions, at least 0), all in
    fractions, and labels (how many labelled questions the choice took). Raises BadInput for an
    unknown rule or where fewer than 2 * shots questions leave too little to measure on.
    """
    return _draws(outcomes, task, part, Probing(shots, draws, seed, rule, level))


def _draws(outcomes, task, part, probing):
    base, table, pictures = prepared(outcomes, task, part, probing)
    right, knocked, layers = base.to_numpy(), table.to_numpy(), table.columns.to_numpy()
    rows = []
    for choice, probe, evaluation, labels in drawn(right, knocked, pictures, task, probing):
        before, after = right[evaluation], knocked[evaluation]
        deltas = after.mean(0) - before.mean()
        chosen = before if choice == NONE else after[:, choice]
        learned = gain_of(right, knocked, choice, probe)
        rows.append(
            dict(
                layer=NONE if choice == NONE else int(layers[choice]),
                questions=len(evaluation),
                base=before.mean(),
                accuracy=chosen.mean(),
                delta=chosen.mean() - before.mean(),
                probe_delta=learned,
                random=deltas.mean(),
                hindsight=max(0.0, deltas.max()),
                labels=labels,
            )
        )
    return pd.DataFrame(rows)


def drawn(right, knocked, pictures, task: str, probing: Probing) -> Iterator[Draw]:
    """What each probe set chooses that is drawn of a task.

    Raises BadInput where none of its questions would be left to measure on.
    """
    rng = probing.generator(task)
    for _ in range(probing.draws):
        draw = probing.draw(rng, right, knocked, probing.shots, pictures)
        if not len(draw.evaluation):
            raise BadInput(
                f"task {task!r}: its questions are about {len(set(pictures))} pictures, too few "
                f"to keep some unseen by {probing.shots} shots; use fewer shots or more pictures"
            )
        yield draw


def gain_of(right, knocked, choice: int, questions) -> float:
    """What bypassing the chosen layer, or none, gains on some questions."""
    if choice == NONE:
        return 0.0
    return knocked[questions, choice].mean() - right[questions].mean()


def prepared(outcomes, task, part, probing):
    """Base [questions], knocked out [questions, layers], pictures [questions] of a task."""
    base, table = correctness(outcomes, task, part)
    if len(base) < 2 * probing.shots:
        raise BadInput(
            f"task {task!r} has {len(base)} questions, too few for {probing.shots} shots; "
            f"use at most {len(base) // 2} shots or more questions"
        )
    return base, table, pictures_of(outcomes[outcomes.task == task], base.index)


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
    """Standard error of the mean delta of `talo_draws`, and its degrees of freedom.

    Bootstrap over pictures; with each resample TaLo is done anew, on at most 20 probe sets, so that
    the error holds what other questions would have made it choose. A picture drawn twice is never
    in both probe and evaluation, so that a probe set holds fewer different questions than a true
    one: the error is that of slightly fewer shots. The cautious rule counts a picture once, so that
    it would hardly act on fewer: for it halves of the pictures are drawn without repeats, whose
    means scatter as much as those of the whole do from one study to the next. Two pictures are
    added, one that every knockout turns right and one that it turns wrong: what these questions do
    not show may yet exist (Bonett and Price 2012 adjust the interval of a paired difference so).
    The degrees of freedom are the number of pictures less one.
    """
    return _error(outcomes, task, part, Probing(shots, draws, seed, rule, level))


def _error(outcomes, task, part, probing):
    base, table, pictures = prepared(outcomes, task, part, probing)
    right = np.append(base.to_numpy(), [False, True])
    made_up = np.repeat([[True], [False]], table.shape[1], axis=1)
    knocked = np.vstack([table.to_numpy(), made_up])
    pictures = np.append(pictures, pictures.max() + np.array([1, 2]))
    members = [np.flatnonzero(pictures == picture) for picture in range(pictures.max() + 1)]
    rng, means = probing.generator(task), []
    for _ in range(RESAMPLES):
        resampled = _resample(rng, len(members), probing.rule)
        rows = np.concatenate([members[picture] for picture in resampled])
        again = right[rows], knocked[rows], np.unique(pictures[rows], return_inverse=True)[1]
        means.append(_resampled_gain(rng, *again, probing))
    return float(np.nanstd(means, ddof=1)), len(members) - 3


def _resample(rng, pictures, rule):
    """The pictures of one resample: as many with repeats, or half of them."""
    if rule == "cautious":
        return rng.permutation(pictures)[: pictures // 2]
    return rng.integers(pictures, size=pictures - 2)


def _resampled_gain(rng, right, knocked, pictures, probing):
    """The mean gain over some probe sets; nan where none leaves a question to measure on."""
    gains = []
    for _ in range(min(probing.draws, REDRAWN)):
        choice, _, evaluation, _ = probing.draw(rng, right, knocked, probing.shots, pictures)
        if len(evaluation):
            gains.append(gain_of(right, knocked, choice, evaluation))
    return np.mean(gains) if gains else np.nan


def _averages(outcomes, part, probing):
    """What `talo_gains` gives, without intervals."""
    tasks = with_part(outcomes, part)[0].task.unique()
    return pd.DataFrame([_task_average(outcomes, task, part, probing) for task in tasks])


def _task_average(outcomes, task, part, probing):
    table = _draws(outcomes, task, part, probing)
    scored = correctness(outcomes, task, part)[0].index
    own = (outcomes.layer == BASE) & (outcomes.task == task)
    asked = outcomes[own & outcomes.question.isin(scored)]
    acted, times = table[table.layer != NONE], table.layer.value_counts()
    shares = acted.layer.value_counts(normalize=True)
    pairs = max(1, probing.draws * (probing.draws - 1))
    return dict(
        task=task,
        ability=asked.ability.iloc[0],
        questions=len(asked),
        chance=asked.chance.mean(),
        informed=asked.informed.mean(),
        base=table.base.mean(),
        accuracy=table.accuracy.mean(),
        delta=table.delta.mean(),
        acted=len(acted) / probing.draws,
        harmed=(table.delta < 0).mean(),
        layer=int(shares.index[0]) if len(acted) else NONE,
        agreement=shares.iloc[0] if len(acted) else np.nan,
        alike=(times * (times - 1)).sum() / pairs,
        probe_delta=acted.probe_delta.mean(),
        random=table.random.mean(),
        hindsight=table.hindsight.mean(),
    )


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

    Columns: task, ability, questions, chance, informed, base, accuracy, delta, low, high (95%
    interval of delta) and p (Student's t on `gain_error`), q (over tasks, gains and losses apart),
    acted (share of draws that bypassed a layer), harmed (share that lost accuracy), layer (the most
    frequent choice, NONE if none), agreement (its share among the draws that acted), alike (how
    often two draws choose alike, NONE being a choice), probe_delta (of the draws that acted),
    random, hindsight, error (standard error of delta), freedom (its degrees of freedom). Fractions
    throughout.
    """
    probing = Probing(shots, draws, seed, rule, level)
    table = _averages(outcomes, part, probing)
    errors = np.array([_error(outcomes, task, part, probing) for task in table.task])
    table["error"], table["freedom"] = errors.T
    low, high, p = t_interval(table.delta.to_numpy(), errors[:, 0], errors[:, 1])
    low, high = np.clip([low, high], -1, 1)  # no accuracy changes by more
    table["low"], table["high"], table["p"] = low, high, p
    return table.assign(q=false_discovery(table.p, table.delta))


def mean_gain(gains: pd.DataFrame) -> dict:
    """The mean gain over these very tasks, were new questions asked: delta, low, high, p.

    `gains` are rows of `talo_gains`. The rows' errors are taken as independent, which those of
    tasks or forms about the same pictures are not: the interval is too narrow then (by up to 7% for
    the two forms of the mini worlds). Degrees of freedom by Welch and Satterthwaite. New tasks
    would vary more: that is what `significance.mean_interval` over the tasks tells. Where no draw
    acts in any task there is no interval.
    """
    squares = gains.error.to_numpy() ** 2
    if not squares.any():
        return dict(delta=gains.delta.mean(), low=np.nan, high=np.nan, p=1.0)
    error = np.sqrt(squares.sum()) / len(gains)
    freedom = squares.sum() ** 2 / (squares**2 / gains.freedom.to_numpy()).sum()
    low, high, p = t_interval(gains.delta.mean(), error, freedom)
    low, high = np.clip([low, high], -1, 1)  # no accuracy changes by more
    return dict(delta=gains.delta.mean(), low=float(low), high=float(high), p=float(p))


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

    Columns: shots, tasks, delta, low, high (95% interval over tasks), p (t test over
    tasks), acted, harmed, regret (the best layer in hindsight minus the choice), alike (how often
    two draws choose alike, NONE being a choice), curse (see `winners_curse`). Tasks with fewer than
    twice as many questions are left out of a row; where there is no task at all it is empty but for
    the number. Fractions throughout.
    """
    sizes = pd.Series(
        {task: len(correctness(outcomes, task, part)[0]) for task in outcomes.task.unique()}
    )
    rows = []
    for number in shots:
        large_tasks = outcomes[outcomes.task.isin(sizes[sizes >= 2 * number].index)]
        if large_tasks.empty:
            rows.append(dict(shots=number, tasks=0))
            continue
        gains = _averages(large_tasks, part, Probing(number, draws, seed, rule, level))
        low, high = mean_interval(gains.delta, most=1)
        row = dict(shots=number, tasks=len(gains), delta=gains.delta.mean(), low=low, high=high)
        row |= dict(p=mean_p(gains.delta), acted=gains.acted.mean(), harmed=gains.harmed.mean())
        row |= dict(regret=(gains.hindsight - gains.delta).mean(), alike=gains.alike.mean())
        rows.append(row | dict(curse=winners_curse(gains)["delta"]))
    return pd.DataFrame(rows, columns=SHOTS_COLUMNS)
