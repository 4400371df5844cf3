import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from talo_mini.analysis.significance import (
    accuracy_interval,
    best_of_layers,
    bonferroni,
    clustered,
    false_discovery,
    flip_p,
    gain_p,
    mean_interval,
    mean_p,
    paired_interval,
    paired_p,
    power,
    power_curve,
    questions_needed,
    right_interval,
)


@pytest.mark.parametrize("gained,lost", [(0, 0), (1, 0), (6, 0), (10, 3), (2, 14), (40, 41)])
def test_paired_p_is_exact_mcnemar(gained, lost):
    assert paired_p(gained, lost) == pytest.approx(
        mcnemar([[5, lost], [gained, 5]], exact=True).pvalue
    )


def test_several_looks_are_paid_for():
    assert bonferroni([0.2, 0.01, 0.5]) == pytest.approx(0.03)
    assert bonferroni([0.04]) == 0.04 and bonferroni([0.6, 0.7]) == 1
    assert np.isnan(bonferroni([0.01, np.nan]))
    looks = np.random.default_rng(0).random((4000, 2))
    assert np.mean([bonferroni(look) < 0.05 for look in looks]) == pytest.approx(0.05, abs=0.01)


def test_mean_p_is_called_too_often_in_one_of_twenty_only():
    rng = np.random.default_rng(0)
    assert 0.03 < np.mean([mean_p(rng.normal(size=6)) < 0.05 for _ in range(2000)]) < 0.07
    assert (
        mean_p(rng.normal(1, 0.1, 6)) < 1e-4 and mean_p([0, 0, 0]) == 1 and np.isnan(mean_p([0.5]))
    )
    assert mean_p([1.0, 2.0, 4.0]) == pytest.approx(
        clustered(np.array([[1.0], [2.0], [4.0]]), np.arange(3), bounds=None)[2][0]
    )


@pytest.mark.parametrize("questions", [24, 100])
@pytest.mark.parametrize("up,down", [(0.1, 0.1), (0.25, 0.05), (0.02, 0.02)])
def test_paired_interval_covers_the_truth(questions, up, down):
    draws = np.random.default_rng(0).multinomial(questions, [up, down, 1 - up - down], size=4000)
    low, high = paired_interval(draws[:, 0], draws[:, 1], questions)
    assert 0.93 <= ((low <= up - down) & (up - down <= high)).mean() <= 1.0


def test_mean_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.exponential(1, 60)) for _ in range(1000)]
    assert 0.91 <= np.mean([low <= 1 <= high for low, high in intervals]) <= 0.97
    assert np.isnan(mean_interval([0.5, 0.5])).all()
    few = [mean_interval(rng.normal(1, 1, 4)) for _ in range(400)]
    assert 0.92 < np.mean([low < 1 < high for low, high in few]) < 0.98
    assert np.isnan(mean_interval([0.5])).all()


def test_an_interval_of_a_mean_and_its_test_never_contradict_each_other():
    """Also where a few tasks carry the mean: 38 that hardly change, and some that gain much."""
    rng = np.random.default_rng(0)
    excluded = 0
    for shift in np.linspace(-0.02, 0.02, 200):
        values = np.concatenate([rng.normal(0, 0.01, 38), rng.exponential(0.1, 4)]) + shift
        low, high = mean_interval(values)
        assert (low > 0 or high < 0) == (mean_p(values) < 0.05)
        excluded += low > 0 or high < 0
    assert 0 < excluded < 200


def test_an_interval_does_not_leave_what_its_values_cannot():
    correlations = [0.9, 0.99, 0.1]
    low, high = mean_interval(correlations)
    assert high > 1 and mean_interval(correlations, most=1) == (low, 1)


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


def test_true_falls_do_not_let_false_rises_through():
    """300 true falls among 900 nulls: of 200 studies about 5% at most call any rise, where one
    control of both together calls some in most of them. True rises are found, and nan stays nan.
    """
    rng = np.random.default_rng(0)
    change = np.concatenate([rng.choice([-1.0, 1.0], 900), np.full(300, -1.0)])
    apart, together = [], []
    for _ in range(200):
        p = np.concatenate([rng.random(900), rng.random(300) * 1e-4])
        q = false_discovery(p, change)
        assert (q[900:] < 0.05).all() and (q >= false_discovery(p) - 1e-12).all()
        apart.append((q[:900][change[:900] > 0] < 0.05).any())
        together.append((false_discovery(p)[:900][change[:900] > 0] < 0.05).any())
    assert np.mean(apart) < 0.08 < 0.5 < np.mean(together)
    q = false_discovery([0.01, np.nan, 0.01, 1.0], [0.1, 0.1, -0.1, 0.0])
    assert q == pytest.approx([0.03, np.nan, 0.03, 1.0], nan_ok=True)


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


def test_a_power_curve_has_no_interval():
    curve = power_curve(0.1, 0.2, [25, 100])
    assert list(curve.questions) == [25, 100]
    assert list(curve.delta) == [power(0.1, 0.2, 25), power(0.1, 0.2, 100)]
    assert curve.delta[0] < curve.delta[1]
    assert (curve.low == curve.delta).all() and (curve.high == curve.delta).all()


def test_questions_needed():
    n = questions_needed(0.05, 0.2)
    assert power(0.05, 0.2, n) >= 0.8 > power(0.05, 0.2, int(n / 1.05))


def test_intervals_over_clusters_cover_the_truth_where_questions_go_together():
    rng, covered, blind, false = np.random.default_rng(0), 0, 0, 0
    for _ in range(400):
        clusters = np.repeat(np.arange(30), rng.integers(1, 8, 30))
        change = (rng.normal(0.1, 1, 30)[clusters] + rng.normal(0, 0.5, len(clusters)))[:, None]
        (low,), (high,), _ = clustered(change, clusters, bounds=None)
        covered += low < 0.1 < high
        (low,), (high,), _ = clustered(change, np.arange(len(clusters)), bounds=None)
        blind += low < 0.1 < high
        false += clustered(change - 0.1, clusters, bounds=None)[2][0] < 0.05
    assert 0.91 < covered / 400 < 0.98 and blind / 400 < 0.85 and false / 400 < 0.09
    assert (
        clustered(np.zeros((5, 1)), np.arange(5))[2] == 1
        and np.isnan(clustered(np.ones((5, 1)), np.zeros(5))[2]).all()
    )


def test_values_that_differ_by_rounding_show_no_spread():
    values = [0.1 + 0.2, 0.3, 0.3]
    assert np.isnan(mean_interval(values)).all() and np.isnan(mean_p(values))
    assert mean_p([0.3, 0.31, 0.3]) < 0.01


def test_no_number_of_questions_finds_nothing():
    with pytest.raises(ValueError, match="no number of questions finds a gain of 0"):
        questions_needed(0, 0.1)


def changes(rng, pictures, most, up, down):
    """Changes of up to `most` questions a picture, half of which go together, and their picture."""
    sizes = rng.integers(1, most + 1, pictures)
    clusters = np.repeat(np.arange(pictures), sizes)
    kinds, p = [-1, 0, 1], [down, 1 - up - down, up]
    own, shared = rng.choice(kinds, len(clusters), p=p), rng.choice(kinds, pictures, p=p)
    together = (rng.random(pictures) < 0.5)[clusters]
    return np.where(together, shared[clusters], own).astype(float)[:, None], clusters


@pytest.mark.parametrize("pictures", [3, 4, 6, 10, 30, 100, 400])
@pytest.mark.parametrize("most", [1, 3, 10])
def test_with_few_pictures_too_intervals_cover_and_tests_are_called_once_in_twenty(pictures, most):
    rng, draws = np.random.default_rng([pictures, most]), 300 if pictures < 100 else 100
    for up, down in ((0.05, 0.05), (0.3, 0.1), (0.0, 0.02), (0.9, 0.0), (0.25, 0.25)):
        covered, called = 0, 0
        for _ in range(draws):
            (low,), (high,), (p,) = clustered(*changes(rng, pictures, most, up, down))
            covered += -1 <= low <= up - down <= high <= 1 and low < high
            called += p < 0.05
        slack = 3 * np.sqrt(0.05 * 0.95 / draws)
        assert covered / draws > 0.95 - slack, (up, down)
        assert up != down or called / draws < 0.05 + slack, (up, down)


def test_four_questions_on_three_pictures_prove_nothing():
    clusters = np.array([0, 0, 1, 2])
    for value in (1.0, 0.0, -1.0):
        (low,), (high,), (p,) = clustered(np.full((4, 1), value), clusters)
        assert -1 <= low < high <= 1 and p >= 0.25
        assert low < 0 < high or value


def test_flipped_signs_are_mcnemars_test_where_each_picture_has_one_question():
    sums = np.array([[1, 1], [1, -1], [1, 1], [1, 0], [1, 1], [0, 1]])
    assert np.allclose(flip_p(sums), paired_p([5, 4], [0, 1]))


def test_flipped_signs_by_hand():
    """Sums 3 and 1: of four choices of signs two reach a total of 4."""
    assert flip_p(np.array([[3], [1]]))[0] == 0.5
    assert flip_p(np.array([[3], [-1]]))[0] == 1.0


@pytest.mark.parametrize("right", [np.ones(8), np.zeros(8), np.arange(8) % 2])
def test_an_accuracys_interval_ends_at_nothing_and_everything(right):
    low, high = right_interval(right, np.arange(8) // 2)
    assert 0 <= low <= right.mean() <= high <= 1 and low < high


@pytest.mark.parametrize("questions_of_a_picture", [1, 2])
def test_several_accuracies_have_the_intervals_of_each(questions_of_a_picture):
    right = np.random.default_rng(0).random((40, 5)) < 0.6
    clusters = np.arange(40) // questions_of_a_picture
    ends = right_interval(right, clusters)
    each = [right_interval(column, clusters) for column in right.T]
    assert np.allclose(np.stack(ends, 1), each)
