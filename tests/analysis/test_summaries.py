"""Means over tasks, against sums done by hand and known truths."""

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import interaction_vectors
from talo_mini.analysis import carried_over, nearest_in_ability, similarity, vector_agreement
from talo_mini.analysis.cases import mean_over_cases, promising
from talo_mini.analysis.luck import best_by_luck, winners_curse
from talo_mini.analysis.pairs import mean_pairs, sums_predict
from talo_mini.analysis.routing import WAYS, _routed, answers_by_layer, ways_to_choose
from talo_mini.analysis.shots import gains_of_more_shots, scatter_of_draws
from talo_mini.analysis.significance import false_discovery, mean_interval, mean_p
from talo_mini.analysis.summaries import (
    beside_luck,
    by_layer,
    difference_of_means,
    mean_by_place,
    mean_change,
    mean_changes,
    mean_choice_gains,
    mean_gains,
    mean_value,
)
from talo_mini.analysis.talo import mean_gain

TASKS = ("see a", "see b", "count a", "count b")


def helped(task_layer: dict, questions: int = 60, layers: int = 4):
    """Outcomes in which half of the questions are right, and all of those of the named task whose
    named layer is left out; layer 0 is needed by all.
    """
    right = np.arange(questions) % 2 == 0
    knocked = {}
    for task in TASKS:
        own = np.tile(right[:, None], (1, layers))
        own[:, 0] = np.arange(questions) % 10 == 0
        if task in task_layer:
            own[:, task_layer[task]] = True
        knocked[task] = own
    return made_up_outcomes(dict.fromkeys(TASKS, right), knocked)


def test_the_mean_change_counts_what_is_clear():
    vectors = interaction_vectors(helped({"see a": 2}))
    found = mean_change(vectors)
    assert found["delta"] == pytest.approx((4 * -0.4 + 0.5) / 16)
    assert (found["clearly_hurt"], found["clearly_help"]) == (4, 1)
    assert found["help_above_chance"] == 1 and found["knockouts"] == 16
    assert found["worst"] == pytest.approx(0.1)
    assert (found["low"], found["high"]) == mean_interval(vectors.groupby("task").delta.mean())


def test_means_of_layers_and_of_differences():
    vectors = interaction_vectors(helped({"see a": 2}))
    layers = by_layer(vectors).set_index("layer")
    assert list(layers.delta) == pytest.approx([-0.4, 0, 0.125, 0])
    one, other = pd.Series(dict(a=0.3, b=0.1, c=0.5)), pd.Series(dict(a=0.1, b=0.1, d=9.0))
    found = difference_of_means(one, other)
    assert found["delta"] == pytest.approx(0.1) and found["tasks"] == 2


def test_nearest_neighbours_in_their_own_ability():
    """Vectors that are alike within an ability, beside those that are not."""
    rng = np.random.default_rng(0)
    abilities = pd.Series({f"t{i}": "ab"[i % 2] for i in range(12)})
    bases = {name: rng.normal(size=8) for name in "ab"}
    alike = pd.DataFrame({t: bases[a] + 0.1 * rng.normal(size=8) for t, a in abilities.items()}).T
    found = nearest_in_ability(similarity(alike), abilities)
    assert found["matched"] == found["tasks"] == 12 and found["p"] < 0.01
    assert found["expected"] == pytest.approx(12 * 5 / 11)
    mixed = abilities.sample(frac=1, random_state=1).set_axis(abilities.index)
    assert nearest_in_ability(similarity(alike), mixed)["p"] > 0.05


def test_agreement_of_two_tables_with_and_without_the_first_layers():
    """All is in layer 0, and what is above it disagrees."""
    rng = np.random.default_rng(0)
    one = pd.DataFrame(rng.normal(0, 0.01, (20, 6)))
    other = pd.DataFrame(rng.normal(0, 0.01, (20, 6)))
    one[0] = other[0] = -1.0
    every, deep = (vector_agreement(one, other, first=first) for first in (0, 1))
    assert every["delta"] > 0.99 and every["pooled"] > 0.99 and every["tasks"] == 20
    assert abs(deep["delta"]) < 0.3 and deep["low"] < 0 < deep["high"]
    one.iloc[0] = 0.0  # a vector that does not vary
    assert vector_agreement(one, other)["tasks"] == 19


def test_the_best_layer_is_luck_unless_a_layer_helps():
    outcomes = helped({"see a": 2})
    vectors = interaction_vectors(outcomes).assign(form="choice")
    table, luck, mild = best_by_luck({"choice": outcomes}, vectors, "self-attention", 200)
    own = table.set_index("task")
    assert own.layer["see a"] == 2 and own.best["see a"] == 0.5 and own.q["see a"] < 0.05
    assert (own.q.drop("see a") > 0.5).all() and (own.best.drop("see a") == 0).all()
    assert luck.shape == mild.shape == (4, 100)
    # the layer that all need makes luck large, and is none of the mild ones
    assert luck[1].mean() > 0.01 and mild[1].mean() == 0
    assert list(table.q) == list(false_discovery(table.p))


def test_the_winners_curse_is_what_the_probe_set_promised_too_much():
    """Of a task by the draws that acted; every task counts once, and one that never acted does
    not.
    """
    gains = pd.DataFrame(
        dict(
            task=["a", "a", "b", "c"],
            acted=[0.2, 0.2, 1.0, 0.0],
            probe_delta=[0.2, 0.4, 0.1, np.nan],
            delta=[0.02, 0.02, 0.0, 0.0],
        )
    )
    found = winners_curse(gains)
    assert found["probe"] == pytest.approx((0.3 + 0.1) / 2)
    assert found["rest"] == pytest.approx((0.1 + 0.0) / 2)
    assert found["delta"] == pytest.approx(0.15)
    assert (found["low"], found["high"]) == pytest.approx(mean_interval([0.2, 0.1]))
    assert np.isnan(winners_curse(gains[gains.acted == 0])["delta"])


def test_more_shots_and_the_scatter_of_draws():
    sweeps = {"one": helped({"see a": 2}), "two": helped({})}
    found = gains_of_more_shots(sweeps, 1, {"one": 20, "two": 20}, "self-attention", 20)
    assert list(found.name) == ["one", "two"] and list(found.tasks) == [4, 4]
    assert found.delta[0] > 0 and found.delta[1] == 0
    none = gains_of_more_shots({}, 1, {}, "self-attention", 20)
    assert none.empty and set(none.columns) == set(found.columns)
    spread = scatter_of_draws(sweeps["one"], "self-attention", (1, 20), 30)
    assert list(spread.columns) == [1, 20]
    # with one question it is luck whether the layer is found, with twenty it always is
    assert spread[1]["see a"] > 3 * spread[20]["see a"]


def test_sums_of_two_knockouts():
    rows = []
    for task in ("a", "b", "c"):
        for first, second, one, two in ((0, 1, -0.5, -0.01), (0, 2, -0.5, -0.02), (1, 2, -0.01, 0)):
            both = one + two - (0.1 if (first, second) == (1, 2) else 0)
            row = dict(task=task, first=first, second=second, alone_first=one, alone_second=two)
            row |= dict(together=both, added=one + two, interaction=both - one - two, q=0.5)
            rows.append(row)
    pairs = pd.DataFrame(rows)
    pairs.loc[0, "q"] = 0.01
    means = mean_pairs(pairs)
    assert len(means) == 3 and list(means.clear) == [True, False, False]
    found = sums_predict(pairs).set_index("of")
    assert list(found.pairs) == [3, 1] and found.r["all"] > 0.98
    assert found.together["mild"] == pytest.approx(-0.11)


def test_ways_to_choose_end_where_they_must():
    """With a variant that is always right the oracle is; base and TaLo are measured by task."""
    sweeps = {"choice": helped({task: 2 for task in TASKS})}
    for outcomes in sweeps.values():
        outcomes["scores"] = [[0.0, -1.0]] * len(outcomes)
    ways, limits, beside = ways_to_choose(sweeps, "self-attention", 10, 3)
    own = ways[ways.tasks == "all"].set_index("method")
    assert set(own.index) == set(WAYS)
    assert own.delta["oracle"] == pytest.approx(0.5)
    assert own.delta["learned router"] == pytest.approx(0.5)
    assert limits.oracle[0] == 1.0 and limits.base[0] == 0.5
    assert beside.delta[0] == pytest.approx(0.5 - own.delta["TaLo, one layer a task"], abs=1e-6)


def test_a_router_is_measured_on_pictures_that_taught_it_nothing():
    outcomes = helped({}).assign(scores=lambda t: [[0.0, -1.0]] * len(t))
    picture = outcomes.question.str.replace(r"(\d+)", lambda n: str(int(n[0]) // 10), regex=True)
    base, right, probabilities = answers_by_layer(outcomes.assign(picture=picture))
    routed = _routed(base, right, probabilities, 2, 1, np.random.default_rng(0))
    unmeasured = base.assign(nan=np.isnan(routed)).groupby("picture").nan.mean()
    assert set(unmeasured) == {0, 1}  # a picture is measured whole, or not at all


def test_promising_cases_are_chosen_on_their_half():
    outcomes = helped({"see a": 2, "count b": 3})
    half = {f"{task}/{i}" for task in TASKS for i in range(30)}
    found = promising({"choice": outcomes}, "self-attention", half, 3)
    assert set(zip(found.task, found.layer, strict=True)) >= {("see a", 2), ("count b", 3)}
    assert list(found.clear) == [True, True, False] and (found.questions == 30).all()


def test_mean_gains_are_over_tasks_and_corrected_over_the_table():
    gains = pd.DataFrame(
        dict(delta=[0.1, 0.2, 0.3, 0.1], base=0.5, chance=0.2, informed=0.25, acted=1.0, harmed=0.0)
    ).assign(task=list("abcd"), hindsight=0.4)
    found = mean_gains(
        {("m", "x"): gains, ("m", "y"): gains.assign(delta=-gains.delta)}, ["model", "part"]
    )
    assert list(found.part) == ["x", "y"] and list(found.tasks) == [4, 4]
    assert found.delta[0] == pytest.approx(0.175) == -found.delta[1]
    assert (found.low[0], found.high[0]) == mean_interval(gains.delta)
    assert (
        list(found.q) == list(false_discovery(found.p, found.delta)) and found.informed[0] == 0.25
    )


def test_mean_values_leave_out_what_is_not_known():
    found = mean_value([0.1, np.nan, 0.3])
    assert found["delta"] == pytest.approx(0.2) and found["tasks"] == 2
    assert np.isnan(mean_value([0.1])["low"])


def one_layer(pair):
    return pd.DataFrame([{"from": "s", "to": f"t{i}", "delta": 0.1 * i, **pair} for i in range(4)])


def test_layers_are_carried_over_with_intervals_over_what_varies():
    pair = dict(layer=1, low=-0.1, high=0.3)
    many = pd.DataFrame([{"from": f"s{i}", "to": "t", "delta": 0.1 * i, **pair} for i in range(4)])
    alike = carried_over({"many": many, "one": one_layer(pair)}).set_index("way")
    assert alike.low["one"] == mean_interval(one_layer(pair).delta)[0]  # one layer: targets vary
    many = many.assign(layer=range(4))
    one = one_layer(pair)
    found = carried_over({"many": many, "one": one}).set_index("way")
    assert list(found.sources) == [4, 1] and list(found.targets) == [1, 4]
    assert (found.low["one"], found.high["one"]) == (-0.1, 0.3)  # a single source: its questions
    alone = carried_over({"one": one}).iloc[0]
    assert (alone.low, alone.high) == mean_interval(one.delta)
    none = one.assign(layer=-1)
    two = carried_over({"two": one.head(2)}).iloc[0]
    assert two.delta == pytest.approx(0.05) and np.isnan(two.low) and np.isnan(two.high)
    assert carried_over({"one": one, "none": none.head(1)}).delta.isna().sum() == 1


def test_talo_beside_luck_and_hindsight():
    """Two tasks of four have room; their interval is that of new questions."""
    gains = pd.DataFrame(
        dict(delta=[0.1, 0.2, 0.3, -0.2], base=[0.9, 0.5, 0.4, 0.3], chance=0.2, informed=0.25)
    ).assign(task=list("abcd"), random=-0.1, hindsight=0.4, error=[0.0, 0.1, 0.1, 0.0], freedom=20)
    released, roomy = gains.assign(delta=gains.delta / 2), gains[1:3]
    found = beside_luck(gains, released, roomy).set_index("method")
    assert list(found.tasks) == [4, 2, 4, 4, 4]
    assert found.delta["TaLo"] == pytest.approx(0.1) == 2 * found.delta["TaLo, released rule"]
    own = found.loc["TaLo, tasks with room"]
    assert own.delta == pytest.approx(0.25) and own.base == pytest.approx(0.45)
    assert {key: own[key] for key in ("delta", "low", "high", "p")} == mean_gain(roomy)
    assert found.p[["random layer", "best layer in hindsight"]].isna().all()
    assert found.delta["random layer"] == -0.1 and found.delta["best layer in hindsight"] == 0.4
    assert len(beside_luck(gains, gains, roomy[:0])) == 4


def test_no_table_has_no_mean_gains():
    assert mean_gains({}, ["model"]).columns[:2].tolist() == ["model", "tasks"]


def test_mean_changes_are_a_row_each():
    vectors = {
        ("m", "mlp"): interaction_vectors(helped({"see a": 2})),
        ("m", "layer"): interaction_vectors(helped({"count b": 3, "see b": 1})),
    }
    found = mean_changes(vectors, ["model", "part"])
    assert found.columns[:2].tolist() == ["model", "part"] and list(found.part) == ["mlp", "layer"]
    for (_, part), table in vectors.items():
        (row,) = found[found.part == part].drop(columns=["model", "part"]).to_dict("records")
        assert row == mean_change(table)
    by_name = mean_changes({"one": vectors["m", "mlp"]}, ["kind"])
    assert list(by_name.kind) == ["one"] and list(by_name.delta) == [found.delta[0]]


def test_means_by_place_are_over_tasks_and_mark_what_is_clear_in_any():
    rows = [
        ("a", "direct", "head 1", 0, -0.2, 0.01),
        ("a", "direct", "head 1", 1, 0.1, 0.5),
        ("b", "direct", "head 1", 0, 0.0, 0.9),
        ("b", "direct", "head 1", 1, 0.2, 0.5),
        ("a", "choice", "head 0", 0, 0.5, 0.05),
    ]
    vectors = pd.DataFrame(rows, columns=["task", "form", "part", "layer", "delta", "q"])
    found = mean_by_place(vectors)
    assert found.to_dict("records") == [
        dict(form="direct", part="head 1", layer=0, delta=-0.1, clear=True),
        dict(form="direct", part="head 1", layer=1, delta=pytest.approx(0.15), clear=False),
        dict(form="choice", part="head 0", layer=0, delta=0.5, clear=False),
    ]


def test_cases_of_one_task_are_one_thing_to_the_interval_of_their_mean():
    cases = pd.DataFrame(dict(task=["a", "b", "c", "d"], delta=[0.1, 0.2, 0.3, 0.6]))
    alone, doubled = mean_over_cases(cases), mean_over_cases(pd.concat([cases, cases]))
    assert alone["delta"] == pytest.approx(0.3) == doubled["delta"]
    width = alone["high"] - alone["low"]
    assert doubled["high"] - doubled["low"] == pytest.approx(width, rel=0.05)
    apart = pd.concat([cases, cases]).assign(task=list("abcdefgh"))
    assert mean_over_cases(apart)["high"] < 0.9 * alone["high"]


def test_mean_gains_of_choices_say_in_how_many_tasks_they_act():
    best = pd.DataFrame(dict(part=["mlp", None, "mlp"], gain=[0.2, 0.0, 0.1]))
    careful = pd.DataFrame(dict(part=[None] * 3, gain=[-0.1, -0.2, -0.3]))
    found = mean_choice_gains({("best", "x"): best, ("careful", "x"): careful}, ["rule", "form"])
    assert list(found.acts) == [2, 0] and list(found.tasks) == [3, 3]
    assert list(found.delta) == pytest.approx([0.1, -0.2])
    assert (found.low[0], found.high[0]) == mean_interval(best.gain)
    assert list(found.p) == [mean_p(best.gain), mean_p(careful.gain)]
    assert list(found.q) == list(false_discovery(found.p, found.delta))
    assert list(found.rule) == ["best", "careful"]
