"""What the answers give away: a liking for a letter, and whether confidence matches accuracy. From
outcomes alone.
"""

import numpy as np
import pandas as pd

from ..benchmarks.questions import LETTERS, Benchmark
from ..errors import BadInput
from ..outcomes.table import BASE, UNSCORED, check_outcomes

BINS = 10  # of confidence, for the calibration error
FEWEST_OPTIONS = 4  # of every question of a task whose letter bias is told


def letter_bias(
    outcomes: pd.DataFrame, benchmark: Benchmark, seed: int = 0, draws: int = 200
) -> pd.DataFrame:
    """How far a model's letters are from those of one that errs without liking any letter, one row
    a part and layer.

    Such a model takes each wrong option equally often. Of multiple-choice questions with the most
    options. Columns: part, layer, questions, A, B, ... (shares answered), bias (total variation
    distance, the share of answers moved, 0 to 1), noise (what a model without liking shows by luck,
    at the 95th percentile). Raises BadInput without questions of the choice form.
    """
    check_outcomes(outcomes)
    rng = np.random.default_rng(seed)
    answers = {question.id: question.answer for question in benchmark.questions}
    choice_rows = outcomes[(outcomes.form == "choice") & (outcomes.answer != UNSCORED)]
    if choice_rows.empty:
        raise BadInput("letter bias needs questions of the choice form; the outcomes have none")
    sizes = choice_rows.scores.map(len)
    choice_rows, options = choice_rows[sizes == sizes.max()], int(sizes.max())
    rows = []
    for (part, layer), group in choice_rows.groupby(["part", "layer"], sort=False):
        true, wrong = group.question.map(answers).to_numpy(), ~group.correct.to_numpy()
        counts, hits = (
            np.bincount(values, minlength=options) for values in (group.answer, true[~wrong])
        )
        expected = hits + (wrong.sum() - np.bincount(true[wrong], minlength=options)) / (
            options - 1
        )
        drawn = (true[wrong] + rng.integers(1, options, (draws, wrong.sum()))) % options
        lucky = hits + np.array([np.bincount(row, minlength=options) for row in drawn])
        rows.append(
            dict(
                part=part,
                layer=layer,
                questions=len(group),
                **dict(zip(LETTERS, counts / len(group), strict=False)),
                bias=np.abs(counts - expected).sum() / 2 / len(group),
                noise=np.quantile(np.abs(lucky - expected).sum(1) / 2 / len(group), 0.95),
            )
        )
    return pd.DataFrame(rows)


def calibration(outcomes: pd.DataFrame) -> pd.DataFrame:
    """How well confidence matches accuracy, one row a part and layer.

    Columns: part, layer, questions, accuracy, confidence (mean probability of the option answered),
    error (expected calibration error over ten bins of confidence), all in fractions.
    """
    check_outcomes(outcomes)
    scored_rows = outcomes[outcomes.answer != UNSCORED]
    confidence = scored_rows.scores.map(
        lambda scores: float(1 / np.exp(np.asarray(scores) - np.max(scores)).sum())
    )
    scored_rows = scored_rows.assign(
        sure=confidence, bin=np.minimum((confidence * BINS).astype(int), BINS - 1)
    )
    rows = []
    for (part, layer), group in scored_rows.groupby(["part", "layer"], sort=False):
        bins = group.groupby("bin").agg(
            size=("sure", "size"), sure=("sure", "mean"), right=("correct", "mean")
        )
        rows.append(
            dict(
                part=part,
                layer=layer,
                questions=len(group),
                accuracy=group.correct.mean(),
                confidence=group.sure.mean(),
                error=(bins["size"] * (bins.sure - bins.right).abs()).sum() / len(group),
            )
        )
    return pd.DataFrame(rows)


def with_calibration(letters: pd.DataFrame, calibrated: pd.DataFrame) -> pd.DataFrame:
    """The rows of `letter_bias` with accuracy, confidence and error of the same part and layer in
    `calibration`.
    """
    place, measures = ["part", "layer"], ["accuracy", "confidence", "error"]
    beside = calibrated[place + measures]
    return letters.merge(beside, on=place, how="left", validate="one_to_one")


def letter_habits(
    outcomes: pd.DataFrame, benchmark: Benchmark, cases: pd.DataFrame, seed: int = 0
) -> pd.DataFrame:
    """The letter bias of each case's task, of the base model and with the case's layer knocked out.

    `cases` have task, form and layer. Left out are those that are not asked by letter, and tasks
    with questions of fewer than four options, which the bias of a whole benchmark leaves out too.
    Columns: task, layer, bias, noise (of the base model), bias_without, noise_without.
    """
    spared = {q.task for q in benchmark.questions if len(q.options) < FEWEST_OPTIONS}
    by_letter = cases[(cases.form == "choice") & ~cases.task.isin(spared)]
    rows = []
    for case in by_letter.itertuples():
        asked = outcomes[outcomes.task == case.task]
        letters = letter_bias(asked, benchmark, seed).set_index("layer")
        before, after = letters.loc[BASE], letters.loc[case.layer]
        row = dict(task=case.task, layer=case.layer, bias=before.bias, noise=before.noise)
        rows.append(row | dict(bias_without=after.bias, noise_without=after.noise))
    columns = ["task", "layer", "bias", "noise", "bias_without", "noise_without"]
    return pd.DataFrame(rows, columns=columns)
