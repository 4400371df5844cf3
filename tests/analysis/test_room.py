"""Room to gain against made-up models."""

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import interaction_vectors, talo_gains
from talo_mini.analysis import room_to_gain
from talo_mini.analysis.room import (
    _one_half,
    gains_with_room,
    helped_with_room,
    of_tasks_above_chance,
    roomy_gains,
    threshold_in_force,
    with_room,
)
from talo_mini.analysis.significance import false_discovery, paired_interval, paired_p
from talo_mini.analysis.summaries import mean_gains
from talo_mini.analysis.talo import mean_gain


def vectors_of(base, knocked, questions=400, seed=0):
    rng = np.random.default_rng(seed)
    right = {f"see {i}": rng.random(questions) < rate for i, rate in enumerate(base)}
    after = {
        f"see {i}": np.stack([rng.random(questions) < rate for rate in rates], 1)
        for i, rates in enumerate(knocked)
    }
    return interaction_vectors(made_up_outcomes(right, after)).assign(form="choice")


def test_only_cells_above_chance_and_below_ninety_percent_count():
    vectors = vectors_of([0.25, 0.6, 0.97], [[0.5, 0.5], [0.6, 0.85], [0.97, 0.97]])
    room = room_to_gain(vectors)
    assert (room["cells"], room["of_cells"], room["knockouts"]) == (1, 3, 2)
    assert room["helped"] == room["helped_cells"] == 1  # the rise from a guess is none of them
    assert room["bound"] > 0.25 and room["power"] > 0.5


def test_without_room_nothing_is_bounded():
    room = room_to_gain(vectors_of([0.25, 0.97], [[0.3, 0.3], [0.9, 0.9]]))
    assert room["cells"] == 0 and room["power"] is None and room["bound"] is None


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_the_bound_holds_for_all_knockouts_together(gain):
    """Twenty layers of which one truly gains so much: in 95% of studies none gains more than the
    bound, which is no further off than the luckiest of twenty intervals of a hundred questions.
    """
    bounds = []
    for seed in range(60):
        knocked = [0.6 + gain, *[0.6] * 19]
        bounds.append(room_to_gain(vectors_of([0.6], [knocked], questions=100, seed=seed))["bound"])
    assert np.mean(np.array(bounds) >= gain) >= 0.93
    assert np.median(bounds) < gain + 0.3


def test_power_counts_pictures():
    """Five pictures cannot show anything, however many questions are about them."""
    vectors = vectors_of([0.6], [[0.6, 0.6]], questions=200)
    shared = vectors.assign(pictures=5)
    assert room_to_gain(shared)["power"] == 0 < 0.5 < room_to_gain(vectors)["power"]


def test_forms_are_cells_of_their_own():
    one = vectors_of([0.6], [[0.5]])
    room = room_to_gain(pd.concat([one, one.assign(form="direct")]))
    assert room["cells"] == 2


def study(rng, helping: int, hurting: int, questions=200, idle=60) -> pd.DataFrame:
    """Vectors of one task at 60%: one true gain of ten points, others that help much, hurt much, or
    do nothing.
    """
    gains = np.array([0.15] + [0.35] * helping + [0.05] * hurting + [0.1] * idle)
    losses = np.array([0.05] + [0.05] * helping + [0.35] * hurting + [0.1] * idle)
    turned = np.stack(
        [rng.multinomial(questions, (a, b, 1 - a - b)) for a, b in zip(gains, losses, strict=True)]
    )
    gained, lost = turned[:, 0], turned[:, 1]
    low, high = paired_interval(gained, lost, questions)
    found = dict(task="see a", informed=0.25, base=0.6, base_low=0.53, questions=questions)
    found |= dict(delta=(gained - lost) / questions, low=low, high=high, p=paired_p(gained, lost))
    table = pd.DataFrame(found | dict(layer=range(len(gained))))
    return table.assign(q=false_discovery(table.p, table.delta))


@pytest.mark.parametrize(("helping", "hurting"), [(0, 60), (60, 0)])
def test_power_is_how_often_a_true_gain_is_found(helping, hurting):
    """Also where much else helps, which makes the control of false discoveries laxer; what hurts
    does not.
    """
    studies = [study(np.random.default_rng(seed), helping, hurting) for seed in range(300)]
    found = np.mean([(own.q[0] < 0.05) and own.delta[0] > 0 for own in studies])
    told = [room_to_gain(own)["power"] for own in studies]
    assert np.mean(told) == pytest.approx(found, abs=0.07)
    assert (found > 0.6) == (helping > 0)


def test_the_threshold_of_a_whole_table_is_in_force_in_a_part_of_it():
    own = study(np.random.default_rng(1), helping=60, hurting=30)
    whole = threshold_in_force(own)
    rises = (own.q < 0.05) & (own.delta > 0)
    assert whole == 0.05 * rises.mean() > 0.01
    part = own[~rises]
    assert room_to_gain(part, among=own)["threshold"] == whole
    assert room_to_gain(part)["threshold"] == 0.05 / len(part)  # as if it were tested alone


def without_gains(rng, broken=30, roomy=10, layers=12, questions=100) -> pd.DataFrame:
    """Vectors of tasks whose wrong habit any knockout breaks, and of some with room that nothing
    helps.
    """
    below = np.repeat(np.arange(broken + roomy) < broken, layers)
    gained = rng.binomial(questions, np.where(below, 0.19, 0.1))
    lost = rng.binomial(questions, np.where(below, 0.01, 0.1))
    low, high = paired_interval(gained, lost, questions)
    table = pd.DataFrame(dict(task=np.repeat(np.arange(broken + roomy), layers).astype(str)))
    base = dict(base=np.where(below, 0.05, 0.6), base_low=np.where(below, 0.02, 0.5), informed=0.33)
    table = table.assign(**base, layer=np.tile(np.arange(layers), broken + roomy))
    changes = dict(delta=(gained - lost) / questions, low=low, high=high, p=paired_p(gained, lost))
    table = table.assign(questions=questions, **changes)
    return table.assign(q=false_discovery(table.p, table.delta))


def test_broken_habits_elsewhere_do_not_make_luck_clear_where_there_is_room():
    studies = [without_gains(np.random.default_rng(seed)) for seed in range(60)]
    helped = [room_to_gain(own)["helped"] for own in studies]
    assert np.mean(np.array(helped) > 0) <= 0.12  # 5% are allowed
    named = [len(helped_with_room({"x": own})) for own in studies]
    assert named == helped


def three_tasks(rng, questions=160):
    """An easy task, a lost one, and one with room; a knockout that makes all alike."""
    able = dict(easy=0.99, fair=0.7, lost=0.1)
    base = {task: rng.random(questions) < share for task, share in able.items()}
    return made_up_outcomes(base, {task: rng.random((questions, 2)) < 0.7 for task in base})


def test_gains_with_room_are_those_of_tasks_that_could_show_one():
    outcomes = three_tasks(np.random.default_rng(0))
    assert set(with_room(outcomes).task) == {"fair"}
    gains = roomy_gains(outcomes, "self-attention", 10, 20)
    assert list(gains.task) == ["fair", "fair"] and list(gains.questions) == [80, 80]
    (row,) = gains_with_room(outcomes, "self-attention", 10, 20)
    assert (row["form"], row["tasks"], row["base"]) == ("choice", 1, gains.base.mean())
    assert {key: row[key] for key in ("delta", "low", "high", "p")} == mean_gain(gains)
    assert gains_with_room(outcomes[outcomes.task == "lost"], "self-attention", 10) == []


def test_questions_about_one_picture_are_on_one_side():
    outcomes = three_tasks(np.random.default_rng(0))
    number = outcomes.question.str.extract(r"(\d+)$")[0].astype(int)
    shared = outcomes.assign(picture=outcomes.task + (number // 2).astype(str))
    first = shared.question.isin(_one_half(shared, 0))
    assert (first.groupby(shared.picture).nunique() == 1).all()
    assert set(shared[first].groupby("task").question.nunique()) == {80}


def test_a_task_is_not_picked_by_the_luck_that_its_gain_is_measured_against():
    """Base and knockouts alike answer 90%, which is the edge of having room: no knockout gains.
    Picked by the same answers, base models that were unlucky remain, and all seems to gain.
    """
    rng = np.random.default_rng(0)
    base = {f"see {i}": rng.random(100) < 0.9 for i in range(80)}
    outcomes = made_up_outcomes(base, {task: rng.random((100, 2)) < 0.9 for task in base})
    same = talo_gains(with_room(outcomes), "self-attention", 10, 2).delta
    apart = roomy_gains(outcomes, "self-attention", 10, 2)
    assert same.mean() > 0.012 > 0.006 > abs(apart.delta.mean())
    mean = mean_gains({("all",): apart}, ["of"])
    assert mean.delta[0] == apart.delta.mean() and mean.tasks[0] == apart.task.nunique()
    assert mean.low[0] < 0 < mean.high[0] and mean.p[0] > 0.05
    alike = mean_gains({("all",): apart.assign(delta=0.1)}, ["of"])
    assert alike[["low", "high", "p"]].isna().all(axis=None)  # no spread, no interval of no width


def test_tasks_above_chance_keep_all_their_outcomes():
    """Of three tasks one is guessed, whose knockout turns everything right."""
    right = {f"see {i}": np.arange(200) % 10 < 10 * rate for i, rate in enumerate((0.3, 0.6, 1))}
    outcomes = made_up_outcomes(right, {task: np.ones((200, 2), bool) for task in right})
    above = of_tasks_above_chance(outcomes)
    assert set(above.task) == {"see 1", "see 2"} and len(above) == 2 * 3 * 200
    assert above.equals(outcomes[outcomes.task != "see 0"])


def test_what_clearly_helps_where_there_is_room_is_told_by_name():
    """Not the rise from a guess, nor one that is not clear."""
    first = vectors_of([0.25, 0.6, 0.97], [[0.5, 0.5], [0.6, 0.85], [0.97, 0.97]])
    nothing = vectors_of([0.6], [[0.6, 0.5]], seed=1)
    found = helped_with_room({"first": first, "nothing": nothing})
    assert found[["of", "task", "layer"]].values.tolist() == [["first", "see 1", 1]]
    assert len(found) == room_to_gain(first)["helped"]
    none = helped_with_room({"nothing": nothing})
    assert none.empty and "of" in none and "base" in none
