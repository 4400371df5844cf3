"""Several runs against made-up ones whose interfering parts are known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini.analysis import room_to_gain
from talo_mini.analysis.runs import (
    accuracy_over_runs,
    agreement,
    alike_by_ability,
    all_vectors,
    along_training,
    asked_again,
    attention_vectors,
    by_accuracy,
    carried_means,
    carried_to_other_runs,
    dose,
    helps_to_above_chance,
    own_agreement,
    returning,
    talo_along,
    vectors_of_halves,
    vectors_of_models,
)
from talo_mini.analysis.significance import false_discovery, mean_interval
from talo_mini.errors import BadInput


def run_with(guilty: int | None, seed: int, base=0.5, questions=200):
    """Outcomes of an attention and two heads; head `guilty` of layer 1 stands in the way."""
    rng = np.random.default_rng(seed)
    right = {"see a": rng.random(questions) < base, "see b": rng.random(questions) < 0.97}
    tables = []
    for part in ("self-attention", "head 0", "head 1"):
        knocked = {}
        for task, own in right.items():
            knocked[task] = np.repeat(own[:, None], 3, 1) & (rng.random((questions, 3)) < 0.9)
            knocked[task][:, 2] &= rng.random(questions) < 0.6
        if part == f"head {guilty}":
            knocked["see a"][:, 1] = right["see a"] | (rng.random(questions) < 0.6)
        table = made_up_outcomes(right, knocked, part)
        tables.append(table if part == "self-attention" else table[table.layer >= 0])
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def runs():
    return {"one": run_with(0, 0), "two": run_with(1, 1), "three": run_with(None, 2)}


def test_a_head_that_helps_in_two_runs_is_found_whatever_its_number(runs):
    found = returning({name: all_vectors(table) for name, table in runs.items()})
    assert list(found.what) == ["a head"] and list(found.runs) == [2]
    row = found.iloc[0]
    assert (row.task, row.layer) == ("see a", 1) and row.delta == pytest.approx(0.3, abs=0.06)


def test_a_question_to_other_runs_is_corrected_for_its_own_rows_alone(runs):
    vectors = {
        name: all_vectors(run_with(guilty, 5, questions=60))
        for name, guilty in (("one", 0), ("two", 1), ("three", None))
    }
    places = pd.DataFrame(dict(task=["see a"], form="choice", layer=1, what="a head"))
    again = asked_again(vectors, places)
    rows = pd.concat(again)
    assert len(rows) == 6 and set(rows.layer) == {1} and set(rows.part) == {"head 0", "head 1"}
    assert sorted(rows.q) == sorted(false_discovery(rows.p, rows.delta))
    assert list(returning(again).runs) == [2]


def test_what_a_gain_comes_to_in_its_own_run_and_in_others():
    """Head of layer 1: it stands in the way in two runs of three, and nothing does elsewhere."""
    halves = {}
    for number, (run, guilty) in enumerate((("one", 0), ("two", 1), ("three", None))):
        sides = (run_with(guilty, seed) for seed in (10 + number, 20 + number))
        halves[run] = tuple(all_vectors(side) for side in sides)
    found = carried_to_other_runs(halves, most=1).set_index("run")
    assert list(found.loc["one", ["task", "layer", "what"]]) == ["see a", 1, "a head"]
    assert found.own["one"] == pytest.approx(0.3, abs=0.08)
    assert 0.05 < found.elsewhere["one"] < 0.2  # one of the two others gains as much
    assert found.beside["one"] < 0
    assert set(found.index) == {"one", "two"}  # in the third nothing gains to above a guess


def test_all_parts_and_forms_share_one_correction(runs):
    table = all_vectors(runs["one"])
    assert len(table) == 2 * 3 * 3 and set(table.part) == {"self-attention", "head 0", "head 1"}
    assert (table.q >= table.p).all()


def test_the_dose_counts_cells_with_room(runs):
    told = dose(runs["one"], all_vectors(runs["one"]))
    assert (told["cells"], told["helped_cells"], told["delta"]) == (1, 1, 1.0)
    assert told["low"] < 1 and told["accuracy"] == pytest.approx(0.73, abs=0.05)
    none = run_with(None, 3, base=0.2)
    empty = dose(none, all_vectors(none))
    assert empty["cells"] == 0 and np.isnan(empty["delta"]) and np.isnan(empty["power"])
    assert told["power"] == room_to_gain(all_vectors(runs["one"]))["power"]


def test_rises_towards_chance_do_not_let_lucky_gains_above_it_pass():
    rising = pd.DataFrame(dict(p=[1e-9] * 99, delta=0.2, kind="towards chance"))
    for p, clear in ((1e-2, False), (1e-4, True)):
        gain = pd.DataFrame(dict(p=[p], delta=0.1, kind="above chance"))
        helps = helps_to_above_chance(pd.concat([rising, gain], ignore_index=True))
        assert not helps[:-1].any() and helps.iloc[-1] == clear


def test_the_share_of_helped_cells_by_how_well_the_model_answers():
    vectors = [all_vectors(run_with(guilty, 4, base=0.6)) for guilty in (0, None, None)]
    found = by_accuracy(vectors)
    assert list(found.known) == ["50 to 70", "90 to 100"]
    assert list(found.cells) == [3, 3] and list(found.helped_cells) == [1, 0]
    assert found.delta[0] == pytest.approx(1 / 3) and list(found.accuracy) == [0.6, 0.95]
    assert (found.low <= found.delta + 1e-9).all() and (found.delta <= found.high).all()
    nothing = all_vectors(run_with(None, 5, base=0.0))
    assert by_accuracy([nothing]).known[0] == "0 to 30"


def test_runs_agree_on_the_layer_that_everything_needs(runs):
    table = agreement({name: all_vectors(own) for name, own in runs.items()}, "self-attention")
    assert len(table) == 3 and (table.r > 0.8).all()
    assert (table.tasks == 2).all()


def test_doses_stand_by_run_and_step(runs):
    tables = {("b", 900): runs["one"], ("a", 300): runs["two"], ("b", 30): runs["three"]}
    table = along_training(tables, {key: all_vectors(own) for key, own in tables.items()})
    assert list(zip(table.run, table.step, strict=True)) == [("a", 300), ("b", 30), ("b", 900)]
    assert list(table.helped_cells) == [1, 0, 1] and table.cells.dtype == int


def test_along_training_talo_gains_where_a_layer_stands_in_the_way_and_there_is_room():
    rng, questions = np.random.default_rng(0), 60
    tables = {}
    for step, base in ((100, 0.6), (200, 0.99)):
        right = {"see a": rng.random(questions) < base, "see b": rng.random(questions) < base}
        knocked = {}
        for task, own in right.items():
            knocked[task] = np.repeat(own[:, None], 3, 1)
            knocked[task][:, 1] |= rng.random(questions) < 0.8
            knocked[task][:, 0] &= rng.random(questions) < 0.3
        tables["one", step] = made_up_outcomes(right, knocked)
    found = talo_along(tables, "self-attention", shots=15, draws=10)
    early, late = found.itertuples()
    assert (early.step, early.cells, late.cells) == (100, 4, 0)  # room on both halves
    assert early.low < 0.32 < early.high and early.low > 0 and early.q < 0.05
    assert np.isnan(late.delta) and late.accuracy > 0.9


def vectors_of(abilities, shared: bool, seed: int, layers: int = 12) -> pd.DataFrame:
    """Vectors of tasks that follow their ability's own pattern, or each its own, and noise."""
    rng, rows = np.random.default_rng(seed), []
    pattern = np.random.default_rng(0).normal(size=(len(abilities), layers))
    for number, ability in enumerate(abilities):
        own = pattern[abilities.index(ability) if shared else number]
        values = own + rng.normal(size=layers)
        for layer, delta in enumerate(values):
            rows.append((f"task {number}", ability, "direct", "self-attention", layer, delta))
    names = ["task", "ability", "form", "part", "layer", "delta"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize("shared", [True, False])
def test_abilities_are_seen_in_the_mean_vectors_of_all_runs(shared):
    abilities = [name for name in "abcd" for _ in range(4)]
    runs = {
        (run, step): vectors_of(abilities, shared and step == 10, seed)
        for seed, (run, step) in enumerate([("x", 10), ("y", 10), ("x", 20), ("y", 20)])
    }
    found = alike_by_ability(runs, "self-attention").set_index("step")
    assert list(found.runs) == [2, 2] and list(found.tasks) == [16, 16]
    assert (found.p[10] < 0.001 and found.low[10] > 0.3) if shared else found.p[10] > 0.01
    assert found.p[20] > 0.01 and found.low[20] < 0 < found.high[20]
    assert found.delta[10] == pytest.approx(found.within[10] - found.between[10])
    assert list(found.q) == list(false_discovery(found.p))


def test_early_layers_can_be_left_out_of_the_likeness_of_abilities():
    abilities = [name for name in "abcd" for _ in range(4)]
    own = vectors_of(abilities, shared=False, seed=1)
    kinds = own.ability.map(dict(a=9.0, b=3.0, c=-3.0, d=-9.0))
    early = own.assign(delta=own.delta.where(own.layer > 0, kinds))
    whole = alike_by_ability({("x", 1): early}, "self-attention").delta[0]
    deep = alike_by_ability({("x", 1): early}, "self-attention", first=1).delta[0]
    assert whole > 0.5 and abs(deep) < 0.2


def test_a_run_agrees_with_itself_where_its_answers_are_many(runs):
    few = run_with(None, 4, questions=20)
    part = "self-attention"
    assert own_agreement(runs["one"], part) > own_agreement(few, part) > -1


def test_vectors_of_models_share_one_correction(runs):
    found = vectors_of_models(runs)
    assert list(found.model.unique()) == list(runs)
    for name, table in runs.items():
        own = found[found.model == name].drop(columns=["model", "q"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(own, all_vectors(table).drop(columns="q"))
    assert list(found.q) == list(false_discovery(found.p, found.delta))


class Half:
    """The half of a benchmark, of which only the questions' names count."""

    def __init__(self, names):
        self.questions = [SimpleNamespace(id=name) for name in names]


def test_vectors_of_halves_are_those_of_their_questions(runs):
    table = runs["one"]
    names = table.question.unique()
    asked = names[::2], names[1::2]
    found = vectors_of_halves(table, (Half(asked[0]), Half(asked[1])))
    for vectors, half in zip(found, asked, strict=True):
        pd.testing.assert_frame_equal(vectors, all_vectors(table[table.question.isin(half)]))


def test_vectors_of_attentions_hold_no_other_part(runs):
    mlps = runs["one"][runs["one"].part == "self-attention"].assign(part="mlp")
    found = attention_vectors(pd.concat([runs["one"], mlps], ignore_index=True))
    pd.testing.assert_frame_equal(found, all_vectors(runs["one"]))


def test_means_of_carried_gains_are_over_tasks():
    carried = pd.DataFrame(
        dict(
            task=["a", "a", "b"],
            found=[0.4, 0.6, 0.3],
            own=[0.2, 0.4, 0.1],
            elsewhere=[0.1, 0.1, 0.0],
            beside=0.0,
        )
    )
    found = carried_means(carried).set_index("where")
    assert list(found.index) == ["found", "own", "elsewhere", "beside", "lost"]
    assert list(found.delta) == pytest.approx([0.4, 0.2, 0.05, 0.0, 0.15])
    assert (found.tasks == 2).all()  # task a counts once
    low, high = mean_interval([0.3, 0.1], most=1)
    assert (found.low["own"], found.high["own"]) == pytest.approx((low, high))


def test_accuracies_over_the_runs_of_each_model():
    right = {"m-seed-1": [True] * 3 + [False], "m": [True, False] * 2, "n": [True] * 4}
    outcomes = {}
    for run, answers in right.items():
        base = {"see a": np.array(answers)}
        outcomes[run] = made_up_outcomes(base, {"see a": np.array(answers)[:, None]})
    found = accuracy_over_runs(outcomes)
    assert found.to_dict("records") == [
        dict(task="see a", model=model, chance=0.25, informed=0.25, runs=runs_of, **ends)
        for model, runs_of, ends in (
            ("m", 2, dict(lowest=0.5, highest=0.75)),
            ("n", 1, dict(lowest=1.0, highest=1.0)),
        )
    ]


@pytest.mark.parametrize("nothing", ["no rows", "the base model alone"])
def test_vectors_of_nothing_are_refused(runs, nothing):
    table = runs["one"][:0] if nothing == "no rows" else runs["one"].query("part == 'base'")
    with pytest.raises(BadInput, match=r"are empty|no part is named, or none was knocked out"):
        all_vectors(table)
