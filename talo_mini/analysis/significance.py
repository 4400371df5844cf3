"""Honest statistics: intervals, paired tests, false discovery, luck of the best, power."""

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95


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


def false_discovery(p, change=None):
    """Benjamini-Hochberg q values of p values of any shape: below 0.05 means at most 5% false among
    those called; nan stays nan.

    With `change`, of p's shape, rises and falls are called apart, each among all that was tested:
    at most 5% of the rises are false, and at most 5% of the falls. Called together, many true falls
    would let false rises through. p stays two-sided, so that what is called has an interval without
    zero too; the one-sided p of a rise is half of it, so that 2.5% are false at most where tests
    are independent.
    """
    p = np.asarray(p, dtype=float)
    if change is None:
        q, known = np.full(p.shape, np.nan), ~np.isnan(p)
        if known.any():
            q[known] = multipletests(p[known], method="fdr_bh")[1]
        return q
    change, q = np.asarray(change, dtype=float), np.where(np.isnan(p), np.nan, 1.0)
    for side in (change > 0, change < 0):
        q[side] = false_discovery(np.where(side | np.isnan(p), p, 1.0))[side]
    return q


def bonferroni(p) -> float:
    """The p value of several looks at one question: the smallest, times their number, at most 1.

    nan where one of them is not known.
    """
    return float(np.minimum(1.0, len(p) * np.min(p)))


def mean_interval(values, *, most: float = np.inf) -> tuple[float, float]:
    """95% interval of the mean of independent values: the means that Student's t test (`mean_p`)
    would not reject, so that an interval and its test never contradict each other.

    nan for a single value, and where all are equal: they show no spread to tell one by. Student's t
    knows no bounds: of what cannot leave [-most, most], as correlations do not leave [-1, 1], the
    interval is cut there.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or _all_equal(values):
        return float("nan"), float("nan")
    low, high = stats.ttest_1samp(values, 0).confidence_interval(LEVEL)
    return float(max(-most, low)), float(min(most, high))


def mean_p(values) -> float:
    """P value that the mean of independent values is zero: Student's t test (scipy); 1 where all
    are zero, nan for a single value, and where all are equal and none is zero.
    """
    values = np.asarray(values, dtype=float)
    if len(values) and not values.any():
        return 1.0 if len(values) > 1 else float("nan")
    if len(values) < 2 or _all_equal(values):
        return float("nan")
    return float(stats.ttest_1samp(values, 0).pvalue)


def _all_equal(values):
    """Whether values differ by rounding at most."""
    return np.ptp(values) <= 1e-12 * np.abs(values).max()


def clustered(
    change: np.ndarray, clusters: np.ndarray, bounds: tuple[float, float] | None = (-1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """95% interval of each column's mean, and p value that it is zero, where clusters go together.

    change [questions, columns]; clusters [questions], for example the picture each question is
    about. `bounds` are the least and the largest value that a question can have: two clusters of
    mean size are made up, one at each bound (what these questions do not show may yet exist: Bonett
    and Price 2012 adjust the interval of a paired difference so), and the interval ends there.
    The interval is Student's t on a cluster-robust standard error (Liang and Zeger 1986), p that of
    `flip_p`. Without bounds nothing is made up, and p is of the same t as the interval. nan for a
    single cluster.
    """
    sums, sizes = _sums(change, clusters), np.unique(clusters, return_counts=True)[1]
    if len(sums) < 2:
        return (np.full(change.shape[1], np.nan),) * 3
    if bounds is not None:
        p = flip_p(sums)
        size = sizes.mean()
        made_up = np.outer(bounds, np.full(change.shape[1], size))
        sums, sizes = np.vstack([sums, made_up]), np.append(sizes, [size, size])
    number, mean = len(sums), sums.sum(0) / sizes.sum()
    spread = ((sums - sizes[:, None] * mean) ** 2).sum(0)
    error = np.sqrt(number / (number - 1) * spread) / sizes.sum()
    low, high, p_of_t = t_interval(mean, error, number - 1)
    if bounds is None:
        return low, high, p_of_t
    return np.maximum(low, bounds[0]), np.minimum(high, bounds[1]), p


def flip_p(sums: np.ndarray) -> np.ndarray:
    """Two-sided p value of each column that the clusters' sums are as likely with either sign.

    sums [clusters, columns]. Exact where they are whole numbers: the distribution of their total
    over all choices of signs (for sums of +1 and -1 McNemar's test). Student's t test elsewhere.
    """
    whole = np.equal(sums, np.round(sums)).all()
    if whole:
        return np.array([_flipped(column[column != 0].astype(int)) for column in sums.T])
    return _t_test(sums)


def _t_test(sums):
    """P value of each column that the clusters' sums are zero on average: Student's t test."""
    number = len(sums)
    error = sums.std(0, ddof=1) * np.sqrt(number)
    return t_interval(sums.sum(0), error, number - 1)[2]


def _flipped(sums):
    """The share of all choices of signs whose total lies as far from zero as this one."""
    reach = int(np.abs(sums).sum())
    probability = np.zeros(2 * reach + 1)  # of each total, -reach to reach
    probability[reach] = 1.0
    for size in np.abs(sums):
        lifted = np.zeros_like(probability)
        lifted[size:] = probability[: len(probability) - size]
        lifted[: len(probability) - size] += probability[size:]
        probability = lifted / 2
    totals = np.arange(-reach, reach + 1)
    return min(1.0, float(probability[np.abs(totals) >= abs(int(sums.sum()))].sum()))


def t_interval(mean, error, freedom) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """95% interval of means with these standard errors, and p values that they are chance; p = 1
    where a mean is 0.

    Arrays of one shape; `freedom` is the number of independent things they are about, less one.
    """
    half = stats.t.ppf(0.5 + LEVEL / 2, freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(mean == 0, 1.0, 2 * stats.t.sf(np.abs(mean) / error, freedom))
    return mean - half, mean + half, p


def change_interval(change: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of each column's mean change, for changes of +1, 0 and -1.

    `paired_interval`, or `clustered` where questions share a cluster.
    """
    if len(set(clusters)) < len(clusters):
        return clustered(change, clusters)[:2]
    return paired_interval((change > 0).sum(0), (change < 0).sum(0), len(change))


def right_interval(right, clusters: np.ndarray):
    """95% interval of accuracies: Wilson's, or `clustered` where questions share a cluster.

    right [questions, ...], whether each is answered right; two numbers, or arrays [...].
    """
    right = np.asarray(right, dtype=float)
    if len(set(clusters)) == len(right):
        return accuracy_interval(right.sum(0), len(right))
    columns = right.reshape(len(right), -1)
    ends = clustered(columns, clusters, bounds=(0.0, 1.0))[:2]
    return tuple(end.reshape(right.shape[1:])[()] for end in ends)


def change_p(change: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """P value that each column's changes are chance: signs of clusters are flipped (`flip_p`).

    For changes of +1 and -1 of single questions that is the exact McNemar test.
    """
    if len(set(clusters)) < len(clusters):
        return flip_p(_sums(change, clusters))
    if np.isin(change, (-1, 0, 1)).all():
        return paired_p((change > 0).sum(0), (change < 0).sum(0))
    return flip_p(np.asarray(change, dtype=float))


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
    low, high, _ = clustered(table.to_numpy(float), np.arange(len(table)), bounds=None)
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


def power_curve(gain: float, changed: float, sizes) -> pd.DataFrame:
    """The `power` to find a true gain with each of several numbers of questions.

    Columns: questions, delta (the probability), low, high (the same: it is no estimate).
    """
    chances = [power(gain, changed, questions) for questions in sizes]
    return pd.DataFrame(dict(questions=list(sizes), delta=chances, low=chances, high=chances))


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
