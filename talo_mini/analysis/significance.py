"""Honest statistics: intervals, paired tests, false discovery, luck of the best, power."""

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
FEW = 12  # values below which a bootstrap interval is too narrow


def accuracy_interval(right, questions):
    """Wilson 95% interval of an accuracy, in fractions (statsmodels); numbers, or arrays of one
    shape.
    """
    return proportion_confint(right, questions, alpha=1 - LEVEL, method="wilson")


def paired_interval(gained, lost, questions):
    """95% interval of a paired difference of accuracies, (gained - lost) / questions, in fractions.

    `gained` questions turned right and `lost` turned wrong; arrays of one shape, or numbers.
    Source: Bonett and Price 2012, adjusted Wald interval for paired proportions.
    """
    z = stats.norm.ppf(0.5 + LEVEL / 2)
    up, down = (np.asarray(gained) + 1) / (questions + 2), (np.asarray(lost) + 1) / (questions + 2)
    half = z * np.sqrt((up + down - (up - down) ** 2) / (questions + 2))
    return np.clip(up - down - half, -1, 1), np.clip(up - down + half, -1, 1)


def paired_p(gained, lost):
    """Two-sided p value that a change is chance: exact McNemar test, arrays of one shape."""
    gained, lost = np.asarray(gained), np.asarray(lost)
    return np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(gained, lost), gained + lost, 0.5))


def false_discovery(p):
    """Benjamini-Hochberg q values of p values of any shape: below 0.05 means at most 5% false among
    those called; nan stays nan.
    """
    p = np.asarray(p, dtype=float)
    q, known = np.full(p.shape, np.nan), ~np.isnan(p)
    if known.any():
        q[known] = multipletests(p[known], method="fdr_bh")[1]
    return q


def mean_interval(values, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """95% interval of the mean of independent values: bootstrap (scipy, BCa), Student's t for fewer
    than FEW values.

    A point where all are equal, nan for a single value.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return float(values.mean()), float(values.mean())
    if len(values) < FEW:
        low, high = stats.t.interval(LEVEL, len(values) - 1, values.mean(), stats.sem(values))
        return float(low), float(high)
    result = stats.bootstrap(
        (values,), np.mean, n_resamples=resamples, rng=np.random.default_rng(seed)
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def mean_p(values) -> float:
    """P value that the mean of independent values is zero: Student's t test (scipy); 1 where all
    are zero, nan for a single value.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float("nan")
    return float(stats.ttest_1samp(values, 0).pvalue) if values.any() else 1.0


def ratio_interval(top, bottom, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """95% interval of a ratio of two sums over the same independent things (tasks): bootstrap
    (scipy, BCa).

    Student's t on the linearised ratio for fewer than FEW things, nan for a single one.
    """
    top, bottom = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    ratio = top.sum() / bottom.sum()
    rest = (top - ratio * bottom) / bottom.mean()
    if len(rest) < FEW or np.ptp(rest) == 0:
        low, high = mean_interval(rest)
        return float(ratio + low), float(ratio + high)
    result = stats.bootstrap(
        (top, bottom),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def clustered(
    change: np.ndarray, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """95% interval of each column's mean and p value that it is chance, where questions of one
    cluster go together.

    change [questions, columns], any values; clusters [questions], for example the picture each
    question is about. The interval is Student's t on a cluster-robust standard error; p is the t
    test of the sums of the clusters. nan for a single cluster, p = 1 where nothing changed. Source:
    Liang and Zeger 1986.
    """
    sums = _sums(change, clusters)
    sizes = np.unique(clusters, return_counts=True)[1]
    number, mean = len(sums), change.mean(0)
    if number < 2:
        return (np.full(mean.shape, np.nan),) * 3
    error = np.sqrt(number / (number - 1) * ((sums - sizes[:, None] * mean) ** 2).sum(0)) / len(
        change
    )
    return t_interval(mean, error, number - 1)


def t_interval(mean, error, freedom) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """95% interval of means with these standard errors, and p values that they are chance; p = 1
    where a mean is 0.

    Arrays of one shape; `freedom` is the number of independent things they are about, less one.
    """
    half = stats.t.ppf(0.5 + LEVEL / 2, freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(mean == 0, 1.0, 2 * stats.t.sf(np.abs(mean) / error, freedom))
    return mean - half, mean + half, p


def change_p(change: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """P value that each column's changes are chance: the exact sign test (for +1 and -1 McNemar's),
    `clustered` where questions share a cluster.
    """
    if len(set(clusters)) < len(clusters):
        return clustered(change, clusters)[2]
    return paired_p((change > 0).sum(0), (change < 0).sum(0))


def _sums(change, clusters):
    """The sum of each cluster's rows, [clusters, columns]."""
    _, own = np.unique(clusters, return_inverse=True)
    sums = np.zeros((own.max() + 1, change.shape[1]))
    np.add.at(sums, own, change)
    return sums


def column_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of each column over independent rows with its 95% interval (Student's t): delta, low,
    high, indexed as the columns.
    """
    low, high, _ = clustered(table.to_numpy(float), np.arange(len(table)))
    return pd.DataFrame(dict(delta=table.mean(), low=low, high=high))


def gain_p(gained, lost):
    """One-sided p value that a gain is chance: exact McNemar test, `gained` above `lost`."""
    gained, lost = np.asarray(gained), np.asarray(lost)
    return stats.binom.sf(gained - 1, gained + lost, 0.5)


def best_of_layers(
    change: np.ndarray, clusters: np.ndarray, permutations: int = 2000, seed: int = 0
) -> tuple[float, np.ndarray]:
    """How large the best layer's gain would be by luck. change [questions, layers]: +1 turned
    right, -1 wrong, 0 neither.

    Where no layer matters, a question's changes are as likely with the opposite sign; all its
    layers are flipped together, and all questions of a cluster (a picture), so that those that go
    along with each other still do. A layer that truly hurts gives large gains too when flipped: the
    luck is that of layers as disturbing as these, and p is cautious. Gives the p value of the best
    layer, corrected for having been picked among all, and the best gain in each permutation, in
    fractions (max-T test, Westfall and Young 1993).
    """
    rng = np.random.default_rng(seed)
    sums = _sums(change, clusters)
    signs = rng.choice([-1.0, 1.0], size=(permutations, len(sums)))
    null = (signs @ sums).max(1) / len(change)
    observed = change.mean(0).max()
    return float((1 + (null >= observed - 1e-12).sum()) / (1 + permutations)), null


def power(gain: float, changed: float, questions: int, level: float = 0.05) -> float:
    """Probability that the exact McNemar test finds a true gain (in fractions) at p < level,
    two-sided.

    `changed` is the share of questions whose answer turns right or wrong, at least `gain`, which is
    above 0.
    """
    turned = np.arange(questions + 1)
    share = stats.binom.pmf(turned, questions, changed)
    # the smallest number of gained questions, of those that turned, that is significant; then its
    # probability
    needed = stats.binom.isf(level / 2, turned, 0.5) + 1
    upward = stats.binom.sf(needed - 1, turned, (1 + gain / changed) / 2)
    return float((share * upward)[turned > 0].sum())


def questions_needed(gain: float, changed: float, wanted: float = 0.8, level: float = 0.05) -> int:
    """The smallest number of questions, to within 2%, at which a true gain is found with the
    `wanted` probability.

    Raises ValueError for a gain that is not above 0: no number would do.
    """
    if not gain > 0:
        raise ValueError(f"no number of questions finds a gain of {gain}")
    questions = 10
    while power(gain, changed, questions, level) < wanted:
        questions = int(np.ceil(1.02 * questions))
    return questions
