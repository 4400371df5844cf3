"""Gains that are found on some questions are measured on others."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini.analysis.confirmation import (
    confirmed,
    confirmed_in_each,
    side_effects,
    to_above_chance,
)
from talo_mini.analysis.runs import all_vectors
from talo_mini.analysis.significance import false_discovery
from talo_mini.errors import BadInput


def outcomes(seed, helped=0.9, layers=4, tasks=("a", "b"), questions=80):
    """Half of each task is answered; layer 1 helps task a, so that `helped` of it is answered."""
    rng = np.random.default_rng(seed)
    base = {task: rng.random(questions) < 0.5 for task in tasks}
    without = {}
    for task in tasks:
        changed = np.repeat(base[task][:, None], layers, axis=1)
        if task == "a":
            changed[:, 1] |= rng.random(questions) < (helped - 0.5) / 0.5
        without[task] = changed
    made = made_up_outcomes(base, without).assign(form="direct")
    return made.assign(question=f"{seed}/" + made.question)


def test_a_true_gain_is_found_and_measured_on_other_questions():
    found = confirmed(outcomes(0), outcomes(1))
    assert found[["task", "part", "layer"]].values.tolist() == [["a", "self-attention", 1]]
    (row,) = found.itertuples()
    assert 0.2 < row.delta < 0.6 and row.q < 0.05 and row.low < row.delta < row.high
    fresh = outcomes(1)
    of_a = fresh[fresh.task == "a"]
    assert row.accuracy == of_a[of_a.layer == 1].correct.mean()
    assert row.base == of_a[of_a.layer == -1].correct.mean()


def test_luck_of_the_finding_questions_does_not_reach_the_measure():
    """A gain that is only in the first table is measured as what it is: nothing."""
    (row,) = confirmed(outcomes(0), outcomes(1, helped=0.5)).itertuples()
    assert row.found > 0.2 and row.delta == 0 and row.p == 1


def test_what_found_a_gain_does_not_measure_it():
    table = outcomes(0)
    with pytest.raises(BadInput, match="question '0/a/0' is in both tables"):
        confirmed(table, table)
    one, other = table.assign(picture="p"), outcomes(1).assign(picture="p")
    with pytest.raises(BadInput, match="picture 'p' is in both tables"):
        confirmed(one, other)
    assert len(confirmed(one, other.assign(model="another"))) == 1


def test_no_gain_gives_an_empty_table():
    found = confirmed(outcomes(0, helped=0.5), outcomes(1))
    assert found.empty and "delta" in found


def test_the_surest_gains_are_measured_and_corrected_for_one_another():
    """A gain that is clear among what was picked need not have been so among all."""
    first, second = (outcomes(seed, helped=0.65, layers=40, questions=60) for seed in (0, 1))
    rng = np.random.default_rng(2)
    for table in (first, second):  # luck in every other layer of the task
        luck = (table.layer != 1) & (table.layer >= 0) & (rng.random(len(table)) < 0.04)
        table.loc[luck, "correct"] ^= True
    found = confirmed(first, second, most=5)
    assert len(found) == 5 and list(found.found) == sorted(found.found, reverse=True)
    assert list(found.q) == list(false_discovery(found.p, found.delta))
    assert (found.found > 0).all()
    (own,) = found[found.layer == 1].itertuples()
    among_all = all_vectors(first).set_index(["task", "layer"]).q["a", 1]
    assert own.q < 0.05 < among_all


class Half:
    """The half of a benchmark, of which only the questions' names count."""

    def __init__(self, ids):
        self.questions = [SimpleNamespace(id=one) for one in ids]


def test_each_table_is_measured_on_the_half_that_did_not_find_it():
    def half(seed, name, **more):
        own = outcomes(seed, **more)
        return own.assign(question=name + own.question.str.removeprefix(f"{seed}/"))

    tables, halves = {}, {}
    for model, helped in (("helped", 0.9), ("lucky", 0.5)):
        parts = half(0, "first "), half(1, "second ", helped=helped)
        tables[model] = pd.concat(parts, ignore_index=True)
        halves[model] = tuple(Half(part.question.unique()) for part in parts)
    found = confirmed_in_each(tables, halves)
    assert found.of.tolist() == ["helped", "lucky"] and found.delta.iloc[1] == 0
    assert found.q.iloc[0] == 2 * found.p.iloc[0]  # of two together
    assert to_above_chance(found).of.tolist() == ["helped"]
    assert confirmed_in_each({}, {}).empty and "of" in confirmed_in_each({}, {})


def test_side_effects_are_those_of_one_knockout_on_every_task():
    table = outcomes(3)
    found = side_effects(table, "self-attention", 1)
    assert found.task.tolist() == ["b", "a"] and set(found.layer) == {1}
    assert found.set_index("task").delta["b"] == 0 and found.q.iloc[1] < 0.05
    assert isinstance(found, pd.DataFrame)
