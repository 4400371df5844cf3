import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import BadInput, interaction_vectors
from talo_mini.analysis import (
    ability_contrast,
    above_chance,
    cluster_order,
    gain_kind,
    has_room,
    matrix,
    nearest_in_ability,
    shared_structure,
    similarity,
    similarity_ceiling,
    task_accuracy,
    transfer,
)
from talo_mini.analysis.significance import accuracy_interval, false_discovery
from talo_mini.analysis.vectors import kind_counts, vectors_of_forms, vectors_of_parts
from talo_mini.outcomes.table import BASE, UNSCORED


def outcomes_from(profiles: dict, questions=400, base=0.7, seed=0):
    """Outcomes whose layer l answers a share profile[l] of the questions right."""
    rng = np.random.default_rng(seed)
    right = {task: rng.random(questions) < base for task in profiles}
    knocked = {
        task: rng.random((questions, len(profile))) < np.array(profile)
        for task, profile in profiles.items()
    }
    return made_up_outcomes(right, knocked)


def test_delta_by_hand():
    right = {"see a": np.array([1, 1, 0, 0], bool)}
    knocked = {"see a": np.array([[1, 0], [1, 0], [1, 0], [0, 1]], bool)}
    rows = interaction_vectors(made_up_outcomes(right, knocked))
    assert list(rows.delta) == [0.25, -0.25]
    assert list(rows.base) == [0.5, 0.5] and list(rows.accuracy) == [0.75, 0.25]
    assert (rows.low < rows.delta).all() and (rows.delta < rows.high).all()
    assert list(rows.questions) == [4, 4] and list(rows.chance) == [0.25, 0.25]


def test_a_true_effect_survives_and_luck_does_not():
    table = interaction_vectors(outcomes_from({f"see {i}": [0.7] * 9 + [0.3] for i in range(5)}))
    assert (table[table.layer == 9].q < 0.001).all()
    assert (table[table.layer != 9].q > 0.05).mean() > 0.95


def test_similarity_finds_the_planted_groups():
    one, other = [0.2, 0.7, 0.7, 0.5, 0.7, 0.7], [0.7, 0.7, 0.2, 0.7, 0.7, 0.5]
    outcomes = outcomes_from(
        {**{f"see {i}": one for i in range(5)}, **{f"count {i}": other for i in range(5)}}
    )
    vectors = interaction_vectors(outcomes)
    similar = similarity(matrix(vectors))
    abilities = vectors.drop_duplicates("task").set_index("task").ability
    contrast = ability_contrast(similar, abilities)
    assert contrast["within"] > 0.9 > 0.5 > contrast["between"] and contrast["p"] < 0.05
    _, order = cluster_order(similar)
    assert len({task.split()[0] for task in order[:5]}) == 1
    assert (similarity_ceiling(outcomes) > 0.9).all() and (
        similarity_ceiling(outcomes, centred=True) > 0.8
    ).all()


def test_permutation_p_is_uniform_without_structure():
    rng = np.random.default_rng(0)
    labels = pd.Series(["a"] * 6 + ["b"] * 6, index=range(12))
    p = [
        ability_contrast(pd.DataFrame(np.corrcoef(rng.normal(size=(12, 8)))), labels, seed, 200)[
            "p"
        ]
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10 and 0.4 < np.mean(p) < 0.6


def test_a_flat_vector_has_no_similarity():
    deltas = pd.DataFrame([[0.0, 0.0, 0.0], [0.1, -0.2, 0.0]], index=["flat", "real"])
    similar = similarity(deltas)
    assert similar.isna().loc["flat"].all()
    with pytest.raises(BadInput, match="1 tasks have a vector that varies, and two are needed"):
        cluster_order(similar)
    with pytest.raises(BadInput, match="ask more tasks"):
        nearest_in_ability(similar, pd.Series("see", index=similar.index))


def test_task_accuracy():
    row = task_accuracy(
        made_up_outcomes({"see a": np.array([1, 1, 1, 0], bool)}, {"see a": np.ones((4, 1), bool)})
    ).iloc[0]
    assert row.accuracy == 0.75 and row.low < 0.75 < row.high and row.questions == 4
    assert row.chance == pytest.approx(0.25)


def test_no_contrast_where_no_two_tasks_share_an_ability():
    similar = pd.DataFrame(np.eye(3), index=list("abc"), columns=list("abc"))
    assert np.isnan(ability_contrast(similar, pd.Series(list("xyz"), index=list("abc")))["p"])


def test_what_a_gain_is_worth():
    table = pd.DataFrame(
        dict(
            base=[0.0, 0.1, 0.5, 0.5, 0.26],
            accuracy=[0.26, 0.4, 0.7, 0.3, 0.5],
            informed=0.25,
        )
    )
    for name in ("base", "accuracy"):
        table[f"{name}_low"] = accuracy_interval(100 * table[name], 100)[0]
    kinds = gain_kind(table.assign(delta=table.accuracy - table.base))
    assert list(kinds) == [
        "towards chance",
        "across chance",
        "above chance",
        "none",
        "across chance",
    ]


def test_room_to_gain_is_above_what_a_look_gives_and_below_ninety_percent():
    table = pd.DataFrame(
        dict(
            accuracy=[0.5, 0.5, 0.95], low=[0.4, 0.4, 0.9], chance=0.1, informed=[0.25, 0.45, 0.25]
        )
    )
    assert list(has_room(table)) == [True, False, False]


def test_a_table_without_informed_chance_is_told():
    with pytest.raises(BadInput, match="no column 'informed', the accuracy of a guess"):
        above_chance(pd.DataFrame(dict(low=[0.4], chance=[0.25])))


def test_questions_about_one_picture_count_as_one():
    rng = np.random.default_rng(0)
    right, knocked = rng.random(40) < 0.5, rng.random((40, 3)) < 0.6
    often = made_up_outcomes({"see a": np.repeat(right, 6)}, {"see a": np.repeat(knocked, 6, 0)})
    blind = interaction_vectors(often)
    often["picture"] = often.question.str.extract(r"/(\d+)")[0].astype(int) // 6
    seen = interaction_vectors(often)
    assert ((seen.high - seen.low) > 2 * (blind.high - blind.low)).all() and (
        seen.p >= blind.p
    ).all()
    once = interaction_vectors(made_up_outcomes({"see a": right}, {"see a": knocked}))
    assert np.allclose(seen.high - seen.low, once.high - once.low, rtol=0.1) and np.allclose(
        seen.delta, once.delta
    )


def test_a_task_whose_vector_does_not_vary_is_left_out_of_the_contrast():
    rng = np.random.default_rng(1)
    table = similarity(pd.DataFrame(rng.normal(size=(12, 10)), index=[f"t{i}" for i in range(12)]))
    constant = table.copy()
    constant.loc["t3"] = constant["t3"] = np.nan
    abilities = pd.Series([f"a{i % 3}" for i in range(12)], index=table.index)
    without = table.drop(index="t3", columns="t3")
    assert ability_contrast(constant, abilities) == ability_contrast(without, abilities)
    assert "t3" not in cluster_order(constant)[1] and len(cluster_order(constant)[1]) == 11


def vectors_from(deltas: dict, abilities: dict):
    return pd.DataFrame(
        [
            dict(
                task=task,
                ability=abilities[task],
                layer=layer,
                delta=delta,
                low=delta - 0.1,
                high=delta + 0.1,
            )
            for task, values in deltas.items()
            for layer, delta in enumerate(values)
        ]
    )


def test_transfer_takes_the_layer_of_one_task_to_another():
    kin = dict(a="see", b="see", c="count")
    vectors = vectors_from(
        dict(a=[0, 0.2, -0.1, 0], b=[0, 0.1, 0, 0], c=[-0.1, -0.3, 0, -0.2]), kin
    )
    table = transfer(vectors, vectors).set_index(["from", "to"])
    assert len(table) == 6
    assert table.loc[("a", "b"), "low"] == 0.0 and table.loc[("c", "a"), "high"] == 0
    again = transfer(vectors, vectors.copy()).set_index(
        ["from", "to"]
    )  # another model: a task goes with itself, too
    assert len(again) == 9 and again.loc[("a", "a"), "delta"] == 0.2
    assert (
        table.loc[("a", "b"), "delta"] == 0.1
        and table.loc[("a", "b"), "kin"]
        and table.loc[("a", "c"), "delta"] == -0.3
    )
    assert (
        table.loc[("c", "a"), "layer"] == -1 and table.loc[("c", "a"), "delta"] == 0
    )  # no layer helps c
    wide = vectors_from(dict(d=[0.0] * 6 + [0.5, 0.0]), dict(d="see"))
    assert (
        transfer(wide, vectors_from(dict(a=[0, 0.2, -0.1, 0.7]), kin)).iloc[0].layer == 3
    )  # three quarters up in both


def test_models_share_their_structure_or_not():
    rng = np.random.default_rng(0)
    names = [f"t{i}" for i in range(20)]
    basis = rng.normal(size=(20, 3))

    def seen_by_a_model(basis, layers):
        return similarity(
            pd.DataFrame(
                basis @ rng.normal(size=(3, layers)) + 0.1 * rng.normal(size=(20, layers)),
                index=names,
            )
        )

    same = shared_structure(seen_by_a_model(basis, 12), seen_by_a_model(basis, 8), permutations=500)
    other = shared_structure(
        seen_by_a_model(basis, 12), seen_by_a_model(rng.normal(size=(20, 3)), 8), permutations=500
    )
    assert same["r"] > 0.4 and same["p"] < 0.01 and abs(other["r"]) < 0.3 and other["p"] > 0.01
    flat = seen_by_a_model(basis, 12)
    flat.loc["t0"] = flat["t0"] = np.nan
    assert shared_structure(flat, seen_by_a_model(basis, 8), permutations=50)["tasks"] == 19


def test_shared_structure_of_too_few_tasks_is_unknown():
    two = pd.DataFrame([[1.0, 0.2], [0.2, 1.0]], index=["a", "b"], columns=["a", "b"])
    found = shared_structure(two, two)
    assert found["tasks"] == 2 and np.isnan(found["r"]) and np.isnan(found["p"])


def test_what_could_not_be_scored_counts_neither_as_right_nor_as_wrong():
    table = made_up_outcomes(
        {"see a": np.array([1, 1, 1, 0], bool)}, {"see a": np.ones((4, 1), bool)}
    )
    row = task_accuracy(
        table.assign(answer=table.answer.mask(table.question == "see a/3", UNSCORED))
    ).iloc[0]
    assert row.accuracy == 1 and row.questions == 3


def test_the_ceiling_is_that_of_what_is_compared():
    """Two layers that all tasks need, and nothing else: without them, or without what is shared,
    nothing is left to agree on.
    """
    outcomes = outcomes_from({f"see {i}": [0.2, 0.3, 0.7, 0.7, 0.7, 0.7] for i in range(8)})
    assert similarity_ceiling(outcomes).mean() > 0.9
    assert (
        similarity_ceiling(outcomes, centred=True).mean() < 0.6
        and similarity_ceiling(outcomes, first=2).mean() < 0.6
    )


def test_questions_about_one_picture_count_once_in_accuracies():
    right = np.arange(200) % 40 < 24
    outcomes = made_up_outcomes({"see a": right}, {"see a": right[:, None]})
    shared = outcomes.assign(picture=outcomes.question.str.removeprefix("see a/").astype(int) // 8)
    alone, together = task_accuracy(outcomes).iloc[0], task_accuracy(shared).iloc[0]
    assert alone.accuracy == together.accuracy and together.high - together.low > 1.5 * (
        alone.high - alone.low
    )
    assert interaction_vectors(shared).pictures.iloc[0] == 25


def test_the_ceiling_of_vectors_that_hold_nothing_is_zero_on_average():
    rng = np.random.default_rng(0)
    right = {f"see {i}": rng.random(60) < 0.5 for i in range(40)}
    knocked = {task: rng.random((60, 10)) < 0.5 for task in right}
    ceiling = similarity_ceiling(made_up_outcomes(right, knocked), splits=10)
    assert abs(ceiling.mean()) < 0.07 and (ceiling < 0).any()


def test_questions_about_one_picture_stay_in_one_half_of_the_ceiling():
    """Else the luck of a picture would agree with itself."""
    rng = np.random.default_rng(0)
    base = {f"see {i}": rng.random(15) < 0.5 for i in range(30)}
    without = {task: rng.random((15, 10)) < 0.5 for task in base}
    right, knocked = (
        {task: own.repeat(8, axis=0) for task, own in table.items()} for table in (base, without)
    )
    outcomes = made_up_outcomes(right, knocked)
    number = outcomes.question.str.split("/").str[1].astype(int) // 8
    shared = outcomes.assign(picture=outcomes.task + number.astype(str))
    assert similarity_ceiling(outcomes, splits=10).mean() > 0.8
    assert abs(similarity_ceiling(shared, splits=10).mean()) < 0.1


def test_vectors_of_forms_share_one_correction():
    sweeps = {
        form: outcomes_from({"see a": [0.2, 0.7], "see b": [0.7, 0.9]}, seed=seed)
        for seed, form in enumerate(("direct", "choice"))
    }
    found = vectors_of_forms(sweeps, "self-attention")
    assert found.form.tolist() == ["direct"] * 4 + ["choice"] * 4
    for form, outcomes in sweeps.items():
        own = found[found.form == form].drop(columns=["form", "q"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(own, interaction_vectors(outcomes).drop(columns="q"))
    assert list(found.q) == list(false_discovery(found.p, found.delta))


def test_several_parts_at_once_are_those_one_by_one_but_for_their_q():
    profiles = {"see a": [0.2, 0.6, 0.7], "see b": [0.2, 0.6, 0.7]}
    outcomes = outcomes_from(profiles, questions=60)
    other = outcomes_from(profiles, questions=60, seed=1)
    other = other[(other.layer != BASE) & (other.layer < 2)].assign(part="mlp")
    table = vectors_of_parts(pd.concat([outcomes, other]), ["mlp", "self-attention"])
    assert list(table.part) == ["mlp"] * 4 + ["self-attention"] * 6
    assert table.q.tolist() == false_discovery(table.p, table.delta).tolist()
    apart = pd.concat(
        [interaction_vectors(pd.concat([outcomes, other]), part) for part in table.part.unique()],
        ignore_index=True,
    )
    pd.testing.assert_frame_equal(apart.drop(columns="q"), table.drop(columns=["part", "q"]))
    with pytest.raises(BadInput, match="need rows of the base model and of 'layer'; they hold"):
        vectors_of_parts(outcomes, ["self-attention", "layer"])


def test_kinds_of_gains_are_counted_in_their_order():
    about = dict(informed=0.3, delta=0.1)
    gains = pd.DataFrame(dict(base_low=[0.1, 0.4, 0.4], accuracy_low=[0.2, 0.5, 0.6], **about))
    found = kind_counts(gains)
    assert list(found.items()) == [("towards chance", 1), ("across chance", 0), ("above chance", 2)]
    assert kind_counts(gains[:0]).tolist() == [0, 0, 0]
