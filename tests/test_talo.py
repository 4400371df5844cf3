import numpy as np
import pytest

from conftest import made_up_outcomes
from talo_mini import BadInput, choose_layer, talo_draws, talo_gains
from talo_mini.talo import NONE, draw_best, draw_released


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
    for draw in (draw_best, draw_released):
        choice, evaluation = draw(np.random.default_rng(1), right, knocked, 10)
        changed_right, changed = right.copy(), knocked.copy()
        changed_right[evaluation] ^= True
        changed[evaluation] ^= True
        again, same = draw(np.random.default_rng(1), changed_right, changed, 10)
        assert again == choice and np.array_equal(same, evaluation)


def test_no_gain_from_luck_alone():
    """With every layer as good as the base model, choosing the luckiest gains nothing on the rest."""
    rng = np.random.default_rng(0)
    tasks = {f"see {i}": rng.random(200) < 0.5 for i in range(30)}
    table = talo_gains(made_up_outcomes(tasks, {t: rng.random((200, 12)) < 0.5 for t in tasks}), draws=10)
    assert abs(table.delta.mean()) < 0.03
    assert table.hindsight.mean() > 0.05  # and yet the best layer in hindsight looks good


def test_released_rule():
    right, knocked = planted(guilty=0)
    choices = [draw_released(np.random.default_rng(seed), right, knocked, 10)[0] for seed in range(20)]
    assert 0 not in choices  # the first layer never competes
    _, evaluation = draw_released(np.random.default_rng(0), right, knocked, 10)
    assert len(evaluation) == 300 - 40
    perfect = np.ones(60, bool)
    assert draw_released(np.random.default_rng(0), perfect, np.ones((60, 4), bool), 10)[0] == NONE


def test_draws_are_reproducible():
    table = made_up_outcomes(*({"see a": part} for part in planted()))
    assert talo_draws(table, "see a", seed=1)[0].equals(talo_draws(table, "see a", seed=1)[0])
    assert not talo_draws(table, "see a", seed=1)[0].equals(talo_draws(table, "see a", seed=2)[0])


def test_bad_input():
    table = made_up_outcomes(*({"see a": part} for part in planted(questions=15)))
    with pytest.raises(BadInput, match="'see a' has 15 questions, too few for 10 shots; use at most 7"):
        talo_draws(table, "see a", shots=10)
    with pytest.raises(BadInput, match="unknown rule 'luck'"):
        talo_draws(table, "see a", rule="luck")
