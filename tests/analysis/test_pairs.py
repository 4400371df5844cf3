import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import BadInput, talo_gains
from talo_mini.analysis.pairs import (
    WIDTH,
    gains_of_candidates,
    interactions,
    is_mild,
    singles_and_pairs,
)
from talo_mini.analysis.significance import mean_interval
from talo_mini.outcomes.table import BASE, UNSCORED


def made(rng, questions=400, together=None):
    """Outcomes of three layers that each break a tenth of the questions, and of their pairs."""
    right = rng.random(questions) < 0.8
    broken = rng.random((questions, 3)) < 0.1
    table = made_up_outcomes({"a": right}, {"a": right[:, None] & ~broken})
    for first, second in ((0, 1), (0, 2), (1, 2)):
        both = (
            right & ~broken[:, first] & ~broken[:, second] if together is None else together(right)
        )
        pair = made_up_outcomes(
            {"a": right}, {"a": np.repeat(both[:, None], 3, 1)}, part=f"self-attention and {first}"
        )
        table = pd.concat([table, pair[pair.layer == second]])
    return table


def test_knockouts_that_add_up_show_no_interaction():
    found = pd.concat(
        [interactions(made(np.random.default_rng(seed)), "self-attention") for seed in range(60)]
    )
    overlap = 0.8 * 0.1 * 0.1  # questions that both break count once
    assert found.interaction.mean() == pytest.approx(overlap, abs=0.003)
    assert ((found.low < overlap) & (overlap < found.high)).mean() > 0.85


def test_backup_is_found():
    found = interactions(
        made(
            np.random.default_rng(0),
            together=lambda right: right & (np.arange(len(right)) % 2 == 0),
        ),
        "self-attention",
    )
    assert (found.q < 0.001).all() and (found.interaction < -0.1).all()
    assert np.allclose(found.together - found.added, found.interaction)


def test_a_missing_pair_is_named():
    table = made(np.random.default_rng(0))
    with pytest.raises(BadInput, match="layers 0 and 2 were not knocked out together"):
        interactions(
            table[~((table.part == "self-attention and 0") & (table.layer == 2))], "self-attention"
        )


def test_pairs_compete_with_single_layers():
    table = singles_and_pairs(
        made(np.random.default_rng(0), together=lambda right: np.ones(len(right), bool)),
        "self-attention",
    )
    assert set(table.layer) == {BASE, 0, 1, 2, WIDTH + 1, WIDTH + 2, 2 * WIDTH + 2}
    gains = talo_gains(table, shots=20, draws=5).iloc[0]
    assert gains.layer == WIDTH + 1 and gains.delta == pytest.approx(1 - gains.base, abs=0.005)


def test_one_question_proves_nothing_and_what_could_not_be_scored_is_left_out():
    table = made(np.random.default_rng(0), questions=1, together=lambda right: ~right)
    assert (interactions(table, "self-attention").p == 1).all()
    table = made(np.random.default_rng(0), questions=50)
    holes = table.assign(
        answer=table.answer.mask(table.question.isin(["a/3", "a/7"]) & (table.layer == 1), UNSCORED)
    )
    expected = interactions(table[~table.question.isin(["a/3", "a/7"])], "self-attention")
    pd.testing.assert_frame_equal(interactions(holes, "self-attention"), expected)
    with pytest.raises(BadInput, match="no question of task 'a' could be scored, for example"):
        interactions(table.assign(answer=UNSCORED), "self-attention")


def test_questions_about_one_picture_count_once():
    table = made(
        np.random.default_rng(0),
        questions=60,
        together=lambda right: right & (np.arange(len(right)) % 20 != 0),
    )
    shared = table.assign(picture=table.question.str.removeprefix("a/").astype(int) // 10)
    alone, together = (interactions(found, "self-attention") for found in (table, shared))
    assert np.allclose(alone.interaction, together.interaction)
    assert ((together.high - together.low) > 1.2 * (alone.high - alone.low)).any() and (
        together.p >= alone.p
    ).all()


def test_a_pair_is_mild_where_each_of_its_layers_costs_little():
    pairs = pd.DataFrame(
        dict(alone_first=[-0.04, -0.04, -0.06, 0.3], alone_second=[-0.01, -0.2, 0.0, -0.049])
    )
    assert list(is_mild(pairs)) == [True, False, False, True]
    assert list(is_mild(pairs, 0.25)) == [True] * 4


def test_gains_of_candidates_are_means_over_all_tasks_and_those_above_chance():
    """Worked out by hand: of three tasks one is at chance, and one was never acted upon."""
    single = pd.DataFrame(
        dict(task=["a", "b", "c"], delta=[0.1, 0.3, -0.1], base=[0.5, 0.7, 0.3], chance=0.25)
    ).assign(probe_delta=[0.2, np.nan, 0.4], acted=[0.5, 0.0, 1.0], harmed=0.1, hindsight=0.2)
    gains = {("layers", "best"): single, ("pairs", "cautious"): single.assign(delta=0.0)}
    table = gains_of_candidates(gains, {"best": 5, "cautious": 20}, ["a", "b"])
    assert list(table.candidates) == ["layers"] * 2 + ["pairs"] * 2
    assert list(table.rule) == ["best"] * 2 + ["cautious"] * 2
    assert list(table.shots) == [5, 5, 20, 20] and list(table.number) == [3, 2, 3, 2]
    assert list(table.tasks) == ["all 3 tasks", "tasks above chance"] * 2
    assert list(table.delta) == pytest.approx([0.1, 0.2, 0.0, 0.0])
    assert list(table.base[:2]) == pytest.approx([0.5, 0.6])
    assert list(table.on_probe[:2]) == pytest.approx([(0.1 + 0 + 0.4) / 3, 0.05])
    assert (table.low[1], table.high[1]) == mean_interval([0.1, 0.3])
    none = gains_of_candidates(gains, {"best": 5, "cautious": 20}, [])
    assert none.number[1] == 0 and np.isnan(none.delta[1])
