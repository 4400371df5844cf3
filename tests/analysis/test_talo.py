from functools import partial

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes
from hypothesis import given, settings
from hypothesis import strategies as st

from talo_mini import BadInput, talo_gains
from talo_mini.analysis import choose_layer, shots_curve, talo_draws
from talo_mini.analysis.rules import RULES, Probing
from talo_mini.analysis.talo import (
    NONE,
    draw_best,
    draw_cautious,
    draw_released,
    gain_error,
    mean_gain,
)
from talo_mini.outcomes.table import UNSCORED


def test_the_best_layer_is_chosen_the_lowest_of_equals():
    right = np.array([1, 0, 0, 0], bool)
    knocked = np.array([[0, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 0]], bool)
    assert choose_layer(right, knocked) == 1
    assert choose_layer(right, knocked, first=2) == 2


def test_no_layer_is_chosen_unless_it_beats_the_base_model():
    right = np.array([1, 1, 0, 0], bool)
    knocked = np.array([[1, 0], [1, 0], [0, 0], [0, 1]], bool)
    assert choose_layer(right, knocked) == NONE


def planted(questions=300, layers=8, guilty=3, gain=0.3, seed=0):
    rng = np.random.default_rng(seed)
    right = rng.random(questions) < 0.5
    knocked = np.repeat(right[:, None], layers, 1) & (rng.random((questions, layers)) < 0.8)
    knocked[:, guilty] = right | (rng.random(questions) < 2 * gain)
    return right, knocked


def test_a_planted_layer_is_found_and_its_gain_measured():
    right, knocked = planted()
    table = talo_gains(made_up_outcomes({"see a": right}, {"see a": knocked}), shots=20, draws=50)
    row = table.iloc[0]
    assert row.layer == 3 and row.agreement > 0.9 and row.acted > 0.95
    assert row.low < 0.3 < row.high and abs(row.hindsight - row.delta) < 0.01


def test_the_choice_never_sees_the_evaluation():
    """Answers of the evaluation questions may be anything: the choice stays."""
    right, knocked = planted()
    for draw in (draw_best, draw_released, partial(draw_cautious, level=0.05)):
        choice, _, evaluation, _ = draw(
            np.random.default_rng(1), right, knocked, 10, np.arange(300)
        )
        changed_right, changed = right.copy(), knocked.copy()
        changed_right[evaluation] ^= True
        changed[evaluation] ^= True
        again, _, same, _ = draw(
            np.random.default_rng(1), changed_right, changed, 10, np.arange(300)
        )
        assert again == choice and np.array_equal(same, evaluation)


@pytest.mark.parametrize("draw", [draw_best, draw_released, partial(draw_cautious, level=0.05)])
def test_no_picture_is_seen_by_probe_and_evaluation(draw):
    right, knocked = planted(questions=120)
    pictures = np.arange(120) // 6
    _, probe, evaluation, _ = draw(np.random.default_rng(3), right, knocked, 10, pictures)
    assert (
        len(probe) == 10
        and not set(pictures[probe]) & set(pictures[evaluation])
        and len(evaluation) >= 60
    )


def test_gains_count_pictures_and_say_where_they_are_too_few():
    """Each question asked five times about its picture is no more evidence than asked once."""
    right, knocked = planted(questions=60)
    once = made_up_outcomes({"see a": right}, {"see a": knocked})
    often = made_up_outcomes({"see a": np.repeat(right, 5)}, {"see a": np.repeat(knocked, 5, 0)})
    often["picture"] = often.question.str.extract(r"/(\d+)")[0].astype(int) // 5
    one, five, blind = (
        talo_gains(table, shots=shots, draws=30).iloc[0]
        for table, shots in ((once, 20), (often, 100), (often.drop(columns="picture"), 100))
    )
    assert five.high - five.low > 1.5 * (
        blind.high - blind.low
    ) and five.high - five.low == pytest.approx(one.high - one.low, rel=0.3)
    assert five.p > blind.p and five.p < 0.05
    with pytest.raises(
        BadInput, match="are about 1 pictures, too few to keep some unseen by 10 shots"
    ):
        talo_draws(
            often.assign(picture=often.question.str.extract(r"/(\d+)")[0].astype(int) % 1),
            "see a",
            shots=10,
            draws=1,
        )


def test_no_gain_from_luck_alone():
    """With every layer as good as the base model, the luckiest gains nothing on the rest."""
    rng = np.random.default_rng(0)
    tasks = {f"see {i}": rng.random(200) < 0.5 for i in range(30)}
    table = talo_gains(
        made_up_outcomes(tasks, {t: rng.random((200, 12)) < 0.5 for t in tasks}), draws=10
    )
    assert abs(table.delta.mean()) < 0.03
    assert table.hindsight.mean() > 0.05  # and yet the best layer in hindsight looks good


def test_released_rule():
    right, knocked = planted(guilty=0)
    choices = [
        draw_released(np.random.default_rng(seed), right, knocked, 10, np.arange(300))[0]
        for seed in range(20)
    ]
    assert 0 not in choices  # the first layer never competes
    draw = draw_released(np.random.default_rng(0), right, knocked, 10, np.arange(300))
    assert len(draw.evaluation) == 300 - 40 and draw.labels == 10 + 11 + 12
    sizes = {
        draw_released(
            np.random.default_rng(seed),
            np.arange(300) % 2 == 0,
            np.zeros((300, 3), bool),
            10,
            np.arange(300),
        )[1].size
        for seed in range(20)
    }
    assert sizes == {12}  # 10, 11 and 12 of 40; eight are left, and no layer has helped
    perfect, knocked = np.ones(300, bool), np.ones((300, 4), bool)
    _, probe, evaluation, labels = draw_released(
        np.random.default_rng(0), perfect, knocked, 10, np.arange(300)
    )
    assert len(probe) == 12 and not set(probe) & set(evaluation)  # 10, 10 and 12
    assert labels == 32
    perfect = np.ones(60, bool)
    assert (
        draw_released(np.random.default_rng(0), perfect, np.ones((60, 4), bool), 10, np.arange(60))[
            0
        ]
        == NONE
    )


def test_draws_are_reproducible():
    table = made_up_outcomes(*({"see a": part} for part in planted()))
    assert talo_draws(table, "see a", seed=1).equals(talo_draws(table, "see a", seed=1))
    assert not talo_draws(table, "see a", seed=1).equals(talo_draws(table, "see a", seed=2))


def test_bad_input():
    table = made_up_outcomes(*({"see a": part} for part in planted(questions=15)))
    with pytest.raises(
        BadInput, match="'see a' has 15 questions, too few for 10 shots; use at most 7"
    ):
        talo_draws(table, "see a", shots=10)
    with pytest.raises(BadInput, match="unknown rule 'luck'"):
        talo_draws(table, "see a", rule="luck")


def test_the_cautious_rule_abstains_at_its_level():
    """Where no layer helps, it acts in at most 5% of draws; a strong layer is still found with
    enough shots.
    """
    rng = np.random.default_rng(0)
    acted = []
    for seed in range(400):
        right, knocked = rng.random(60) < 0.5, rng.random((60, 12)) < 0.5
        acted.append(
            draw_cautious(
                np.random.default_rng(seed), right, knocked, 30, np.arange(len(right)), 0.05
            )[0]
            != NONE
        )
    assert np.mean(acted) <= 0.06
    right, knocked = planted()
    choices = [
        draw_cautious(np.random.default_rng(seed), right, knocked, 60, np.arange(len(right)), 0.05)[
            0
        ]
        for seed in range(50)
    ]
    assert set(choices) <= {3, NONE} and np.mean(np.array(choices) == 3) > 0.9


def test_shots_curve():
    right, knocked = planted()
    few, many, too_many = (1, 40, 200)
    table = shots_curve(
        made_up_outcomes({"see a": right, "see b": right}, {"see a": knocked, "see b": knocked}),
        [few, many],
        draws=40,
    ).set_index("shots")
    assert table.delta[few] < table.delta[many] and table.regret[many] < 0.02 < table.regret[few]
    assert table.alike[many] > 0.9 and table.acted[few] < table.acted[many]
    none = shots_curve(made_up_outcomes({"see a": right}, {"see a": knocked}), [too_many])
    assert list(none.tasks) == [0] and none.delta.isna().all()  # no task has so many questions


def test_a_curve_over_no_task_is_empty():
    """As where the base model is above chance at none."""
    right, knocked = planted()
    tasks = ("see a", "see b", "see c")
    outcomes = made_up_outcomes(dict.fromkeys(tasks, right), dict.fromkeys(tasks, knocked))
    table = shots_curve(outcomes[:0], [5, 10])
    assert list(table.tasks) == [0, 0] and table.delta.isna().all()
    whole = shots_curve(outcomes, [5], draws=3)
    assert list(whole.columns) == list(table.columns) and whole.notna().sum(axis=1).iloc[0] > 8


def test_the_winners_curse_is_seen():
    """The luckiest of equal layers gains on the probe set and nothing on the rest."""
    rng = np.random.default_rng(0)
    table = talo_draws(
        made_up_outcomes({"see a": rng.random(200) < 0.5}, {"see a": rng.random((200, 12)) < 0.5}),
        "see a",
        draws=100,
    )
    assert table.probe_delta.mean() > 0.15 and abs(table.delta.mean()) < 0.1


@pytest.mark.parametrize(
    "base,flips,gains",
    [(0.65, 0.1, [0.06, 0.05, *[-0.04] * 8]), (0.95, 0.05, [0.02, 0.015, *[-0.02] * 8])],
)
def test_the_interval_of_a_gain_covers_what_other_questions_would_have_shown(base, flips, gains):
    """Two layers help and eight hurt: which is chosen depends on the questions at hand, and the
    interval must know that.
    """
    rng, gains = np.random.default_rng(0), np.array(gains)
    up, down = (flips + gains) / 2 / (1 - base), (flips - gains) / 2 / base

    def sample(questions):
        right, luck = rng.random(questions) < base, rng.random((questions, 10))
        return right, np.where(right[:, None], luck >= down, luck < up)

    chosen = [choose_layer(*sample(10)) for _ in range(4000)]
    truth = np.mean([0.0 if layer == NONE else gains[layer] for layer in chosen])
    rows = [
        talo_gains(
            made_up_outcomes({"see a": right}, {"see a": knocked}), draws=10, seed=seed
        ).iloc[0]
        for seed, (right, knocked) in enumerate(sample(100) for _ in range(40))
    ]
    assert np.mean([row.low <= truth <= row.high for row in rows]) >= 0.9
    assert np.mean([row.high - row.low for row in rows]) < 0.15


def test_few_questions_prove_little_and_a_rule_that_never_acts_gains_nothing():
    table = made_up_outcomes({"see a": np.zeros(4, bool)}, {"see a": np.ones((4, 3), bool)})
    row = talo_gains(table, shots=2, draws=5).iloc[0]
    assert row.delta == 1 and row.low < 0.9 and 0 < row.p < 1
    row = talo_gains(
        made_up_outcomes(*({"see a": part} for part in planted())),
        shots=3,
        draws=5,
        rule="cautious",
    ).iloc[0]
    assert row.acted == row.delta == row.low == row.high == 0 and row.p == 1


def test_questions_that_could_not_be_scored_are_not_counted():
    right, knocked = planted(questions=40)
    table = made_up_outcomes({"see a": right}, {"see a": knocked})
    table.loc[
        (table.layer == 2) & table.question.isin([f"see a/{i}" for i in range(10)]), "answer"
    ] = UNSCORED
    assert talo_gains(table, draws=3).questions[0] == 30


def test_the_cautious_rule_counts_pictures():
    """Ten questions about two pictures are no ten reasons."""
    right, knocked = np.zeros(40, bool), np.zeros((40, 12), bool)
    knocked[:, 3] = True
    for pictures, expected in ((np.arange(40), 3), (np.arange(40) // 5, NONE)):
        assert (
            draw_cautious(np.random.default_rng(0), right, knocked, 10, pictures, 0.05)[0]
            == expected
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=12, max_size=60),
    st.integers(1, 6),
    st.sampled_from(sorted(RULES)),
    st.integers(0, 2**32 - 1),
)
def test_no_picture_is_both_probed_and_measured(pictures, shots, rule, seed):
    """Whatever the pictures, the rule and the luck."""
    rng = np.random.default_rng(seed)
    pictures = np.unique(pictures, return_inverse=True)[1]
    right, knocked = rng.random(len(pictures)) < 0.5, rng.random((len(pictures), 3)) < 0.6
    draw = Probing(shots=shots, rule=rule).draw
    _, probe, evaluation, _ = draw(rng, right, knocked, shots, pictures)
    assert not set(pictures[probe]) & set(pictures[evaluation])
    assert len(set(evaluation)) == len(evaluation)


WRONG_PROBING = [
    *({name: value} for name in ("shots", "draws") for value in (0, 2.5, True)),
    dict(seed=-1),
    dict(rule="luck"),
    *(dict(level=level) for level in (0, 2, "a", True)),
]


@pytest.mark.parametrize("wrong", WRONG_PROBING)
def test_probing_that_means_nothing_is_refused(wrong):
    with pytest.raises(BadInput, match=r"unknown rule|it is a (whole number|probability)"):
        Probing(**wrong)


def test_the_mean_over_these_tasks_has_the_errors_of_its_tasks():
    """One task: its own interval. Of several the true gain, 0, lies inside in 95% of studies."""
    right, knocked = planted()
    one = talo_gains(made_up_outcomes({"see a": right}, {"see a": knocked}), shots=10)
    mean = mean_gain(one.iloc[:1])
    assert mean["delta"] == pytest.approx(one.delta[0])
    assert (mean["low"], mean["high"]) == pytest.approx((one.low[0], one.high[0]))
    rng, inside = np.random.default_rng(0), []
    for _ in range(2000):
        error = np.array([0.01, 0.02, 0.05])
        studies = pd.DataFrame(dict(delta=rng.normal(0, error), error=error, freedom=99))
        found = mean_gain(studies)
        inside.append(found["low"] < 0 < found["high"])
    assert 0.93 < np.mean(inside) < 0.97


@pytest.mark.parametrize("rule", ["best", "cautious"])
def test_the_error_is_the_scatter_between_studies(rule):
    """One layer of four gains 16 points; a rule that seldom acts scatters too."""
    means, errors = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        right = rng.random(200) < 0.6
        knocked = np.repeat(right[:, None], 4, 1) ^ (rng.random((200, 4)) < 0.06)
        knocked[:, 2] |= rng.random(200) < 0.4
        outcomes = made_up_outcomes({"see a": right}, {"see a": knocked})
        means.append(talo_draws(outcomes, "see a", "self-attention", 40, 20, 0, rule).delta.mean())
        errors.append(gain_error(outcomes, "see a", "self-attention", 40, 20, 0, rule)[0])
    assert np.mean(errors) == pytest.approx(np.std(means, ddof=1), rel=0.4)


def test_where_no_draw_acts_the_mean_gain_has_no_interval():
    mean = mean_gain(pd.DataFrame(dict(delta=[0.0, 0.0], error=0.0, freedom=29)))
    assert (mean["delta"], mean["p"]) == (0, 1)
    assert np.isnan(mean["low"]) and np.isnan(mean["high"])


def test_no_gain_may_be_larger_than_all_questions():
    mean = mean_gain(pd.DataFrame(dict(delta=[0.5], error=0.2, freedom=1)))
    assert (mean["low"], mean["high"]) == (-1, 1)
