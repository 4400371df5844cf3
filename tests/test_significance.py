import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from talo_mini.analysis.significance import (
    accuracy_interval,
    best_of_layers,
    clustered,
    false_discovery,
    gain_p,
    mean_interval,
    mean_p,
    paired_interval,
    paired_p,
    power,
    questions_needed,
    ratio_interval,
)


@pytest.mark.parametrize("gained,lost", [(0, 0), (1, 0), (6, 0), (10, 3), (2, 14), (40, 41)])
def test_paired_p_is_exact_mcnemar(gained, lost):
    assert paired_p(gained, lost) == pytest.approx(
        mcnemar([[5, lost], [gained, 5]], exact=True).pvalue
    )


def test_mean_p_is_called_too_often_in_one_of_twenty_only():
    rng = np.random.default_rng(0)
    assert 0.03 < np.mean([mean_p(rng.normal(size=6)) < 0.05 for _ in range(2000)]) < 0.07
    assert (
        mean_p(rng.normal(1, 0.1, 6)) < 1e-4 and mean_p([0, 0, 0]) == 1 and np.isnan(mean_p([0.5]))
    )
    assert mean_p([1.0, 2.0, 4.0]) == pytest.approx(
        clustered(np.array([[1.0], [2.0], [4.0]]), np.arange(3))[2][0]
    )


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
    few = [mean_interval(rng.normal(1, 1, 4), seed) for seed in range(400)]
    assert 0.92 < np.mean([low < 1 < high for low, high in few]) < 0.98
    assert np.isnan(mean_interval([0.5])).all()


def test_false_discovery_rate_is_controlled():
    """900 true nulls and 100 strong effects: of those called at q < 0.05, about 5% at most are
    null.
    """
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(50):
        p = np.concatenate([rng.random(900), rng.random(100) * 1e-4]).reshape(10, 100)
        called = (false_discovery(p) < 0.05).ravel()
        shares.append(called[:900].sum() / max(1, called.sum()))
        assert called[900:].all()
    assert false_discovery([0.01, np.nan])[0] == 0.01 and np.isnan(
        false_discovery([0.01, np.nan])[1]
    )
    assert 0.02 < np.mean(shares) < 0.06


def test_accuracy_interval():
    low, high = accuracy_interval(8, 10)
    assert low == pytest.approx(0.490, abs=0.001) and high == pytest.approx(
        0.943, abs=0.001
    )  # Wilson, by hand


def test_gain_p_is_one_sided():
    assert (
        gain_p(5, 0) == pytest.approx(0.5**5)
        and gain_p(0, 5) == pytest.approx(1)
        and gain_p(0, 0) == 1
    )


def test_best_of_layers_holds_its_level_and_finds_a_gain():
    """Under a null of correlated layers p < 0.05 happens in about 5%; a planted gain is found."""
    rng, found = np.random.default_rng(0), []
    for seed in range(300):
        shared = rng.choice([-1, 0, 0, 1], (60, 1))
        change = np.where(
            rng.random((60, 12)) < 0.5, shared, rng.choice([-1, 0, 0, 0, 1], (60, 12))
        )
        found.append(best_of_layers(change, np.arange(len(change)), 199, seed)[0] < 0.05)
    assert 0.02 <= np.mean(found) <= 0.08
    change[:, 3] = rng.random(60) < 0.3
    p, null = best_of_layers(change, np.arange(len(change)), 999)
    assert p < 0.02 and np.quantile(null, 0.95) < change[:, 3].mean() and len(null) == 999


@pytest.mark.parametrize(
    "gain,changed,questions", [(0.1, 0.2, 100), (0.05, 0.3, 400), (0.02, 0.02, 300)]
)
def test_power_against_simulation(gain, changed, questions):
    up, down = (changed + gain) / 2, (changed - gain) / 2
    draws = np.random.default_rng(0).multinomial(questions, [up, down, 1 - up - down], size=6000)
    found = (paired_p(draws[:, 0], draws[:, 1]) < 0.05) & (draws[:, 0] > draws[:, 1])
    assert power(gain, changed, questions) == pytest.approx(found.mean(), abs=0.02)


def test_questions_needed():
    n = questions_needed(0.05, 0.2)
    assert power(0.05, 0.2, n) >= 0.8 > power(0.05, 0.2, int(n / 1.05))


def test_intervals_over_clusters_cover_the_truth_where_questions_go_together():
    rng, covered, blind, false = np.random.default_rng(0), 0, 0, 0
    for _ in range(400):
        clusters = np.repeat(np.arange(30), rng.integers(1, 8, 30))
        change = (rng.normal(0.1, 1, 30)[clusters] + rng.normal(0, 0.5, len(clusters)))[:, None]
        (low,), (high,), _ = clustered(change, clusters)
        covered += low < 0.1 < high
        (low,), (high,), _ = clustered(change, np.arange(len(clusters)))
        blind += low < 0.1 < high
        false += clustered(change - 0.1, clusters)[2][0] < 0.05
    assert 0.91 < covered / 400 < 0.98 and blind / 400 < 0.85 and false / 400 < 0.09
    assert (
        clustered(np.zeros((5, 1)), np.arange(5))[2] == 1
        and np.isnan(clustered(np.ones((5, 1)), np.zeros(5))[2]).all()
    )


def test_no_number_of_questions_finds_nothing():
    with pytest.raises(ValueError, match="no number of questions finds a gain of 0"):
        questions_needed(0, 0.1)


@pytest.mark.parametrize("things", [8, 40])
def test_a_ratio_of_sums_is_covered(things):
    rng, hits = np.random.default_rng(0), []
    for seed in range(200):
        bottom = rng.exponential(size=things) + 0.2
        low, high = ratio_interval(
            0.3 * bottom + 0.2 * rng.normal(size=things), bottom, seed, resamples=300
        )
        hits.append(low < 0.3 < high)
    assert 0.88 < np.mean(hits) < 0.99


def test_a_constant_ratio_has_no_width_and_one_thing_no_interval():
    assert ratio_interval([0.1, 0.4, 0.2], [1, 4, 2]) == pytest.approx((0.1, 0.1))
    assert np.isnan(ratio_interval([1], [2])).all()
