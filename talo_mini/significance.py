"""Honest statistics: intervals, paired tests, false discovery, permutation."""

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95


def accuracy_interval(right: int, questions: int) -> tuple[float, float]:
    """Wilson 95% interval of an accuracy, in fractions (statsmodels)."""
    low, high = proportion_confint(right, questions, alpha=1 - LEVEL, method="wilson")
    return float(low), float(high)


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
    """Two-sided p value that a change is chance: the exact McNemar test, over arrays of one shape."""
    gained, lost = np.asarray(gained), np.asarray(lost)
    return np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(gained, lost), gained + lost, 0.5))


def false_discovery(p):
    """Benjamini-Hochberg q values of p values of any shape: below 0.05 means at most 5% false among those called."""
    p = np.asarray(p, dtype=float)
    return multipletests(p.ravel(), method="fdr_bh")[1].reshape(p.shape)


def mean_interval(values, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """95% bootstrap interval of the mean of independent values (scipy, BCa; a point where all are equal)."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return float(values.mean()), float(values.mean())
    result = stats.bootstrap((values,), np.mean, n_resamples=resamples, rng=np.random.default_rng(seed))
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
