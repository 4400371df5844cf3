import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from talo_mini.significance import accuracy_interval, false_discovery, mean_interval, paired_interval, paired_p


@pytest.mark.parametrize("gained,lost", [(0, 0), (1, 0), (6, 0), (10, 3), (2, 14), (40, 41)])
def test_paired_p_is_exact_mcnemar(gained, lost):
    assert paired_p(gained, lost) == pytest.approx(mcnemar([[5, lost], [gained, 5]], exact=True).pvalue)


@pytest.mark.parametrize("questions", [24, 100])
@pytest.mark.parametrize("up,down", [(0.1, 0.1), (0.25, 0.05), (0.02, 0.02)])
def test_paired_interval_covers_the_truth(questions, up, down):
    draws = np.random.default_rng(0).multinomial(questions, [up, down, 1 - up - down], size=4000)
    low, high = paired_interval(draws[:, 0], draws[:, 1], questions)
    assert 0.93 <= ((low <= up - down) & (up - down <= high)).mean() <= 1.0


def test_mean_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.exponential(1, 60), seed, 400) for seed in range(300)]
    assert 0.89 <= np.mean([low <= 1 <= high for low, high in intervals]) <= 0.98
    assert mean_interval([0.5, 0.5]) == (0.5, 0.5)


def test_false_discovery_rate_is_controlled():
    """900 true nulls and 100 strong effects: of those called at q < 0.05, about 5% at most are null."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(50):
        p = np.concatenate([rng.random(900), rng.random(100) * 1e-4]).reshape(10, 100)
        called = (false_discovery(p) < 0.05).ravel()
        shares.append(called[:900].sum() / max(1, called.sum()))
        assert called[900:].all()
    assert 0.02 < np.mean(shares) < 0.06


def test_accuracy_interval():
    low, high = accuracy_interval(8, 10)
    assert low == pytest.approx(0.490, abs=0.001) and high == pytest.approx(0.943, abs=0.001)  # Wilson, by hand
