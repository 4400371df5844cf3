import numpy as np
import pandas as pd
import pytest
import torch
from conftest import made_up_outcomes

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.studies.planting import (
    Plant,
    evenly_chosen,
    found_curves,
    load_plants,
    make_plant,
    mark,
    marks_of_all,
    plant_damage,
    planted,
    planted_sweeps,
    save_plants,
    summarised,
    to_spoil,
)


@pytest.fixture(scope="module")
def vlm():
    return load_vlm("llava-mini")


def test_there_are_forty_plants_over_layers_and_tasks():
    plants = load_plants("llava-mini")
    assert (
        len(plants) >= 40
        and len({plant.layer for plant in plants}) >= 10
        and len({plant.task for plant in plants}) >= 20
    )
    assert all(
        set(plant.changes)
        == {
            f"model.language_model.layers.{plant.layer}.self_attn.{name}"
            for name in ("q_proj", "k_proj", "v_proj", "o_proj")
        }
        for plant in plants
    )


def test_there_are_plants_in_every_layer_and_those_in_a_needed_one_are_named(vlm):
    plants = load_plants("llava-mini", needed=True)
    assert {plant.layer for plant in plants} == set(range(len(vlm.anatomy.stacks["decoder"])))
    needed = [plant for plant in plants if plant.needed]
    assert {plant.layer for plant in needed} == {0}
    spared = load_plants("llava-mini")
    assert [plant.name for plant in spared + needed] == [plant.name for plant in plants]


def test_where_no_task_spares_a_layer_those_that_lose_least_are_spoiled(vlm, monkeypatch):
    vectors = pd.DataFrame(
        [
            dict(task=task, layer=layer, base=base, delta=delta)
            for task, base, deltas in (
                ("a", 0.95, (-0.5, 0.0)),
                ("b", 0.92, (-0.3, -0.01)),
                ("c", 0.99, (-0.6, -0.4)),
                ("d", 0.4, (0.1, 0.1)),  # not known well enough to be spoiled
            )
            for layer, delta in enumerate(deltas)
        ]
    )
    monkeypatch.setattr("talo_mini.studies.planting.sweep", lambda *args, **options: None)
    monkeypatch.setattr("talo_mini.studies.planting.interaction_vectors", lambda table: vectors)
    monkeypatch.setattr("talo_mini.studies.planting.EACH_LAYER", 2)
    found = to_spoil(vlm, None, None)
    assert sorted(found[:2]) == [("a", 1, False), ("b", 1, False)]
    assert found[2:] == [("b", 0, True), ("a", 0, True)]


def test_knocking_the_planted_layer_out_gives_the_clean_model_back(vlm):
    """The planted change lies in the attention alone, so that without it nothing of the change is
    left.
    """
    plant = load_plants("llava-mini")[5]
    questions = load_benchmark("mini-worlds", tasks=[plant.task], per_task=6).questions
    spoiled, inputs = planted(vlm, plant), vlm.inputs(questions)
    assert (spoiled.last_logits(inputs) - vlm.last_logits(inputs)).abs().max() > 1
    found = []
    for model in (vlm, spoiled):
        with knockout(model.anatomy, Knockout("self-attention", plant.layer)):
            found.append(model.last_logits(inputs))
    assert torch.equal(*found)
    assert torch.equal(planted(vlm, plant, 0.0).last_logits(inputs), vlm.last_logits(inputs))


def test_a_plant_spoils_its_task_and_spares_the_others(vlm):
    plant = next(plant for plant in load_plants("llava-mini") if plant.task != "object_colour")
    benchmark = load_benchmark(
        "mini-worlds", tasks=[plant.task, "object_colour"], per_task=40, form="direct"
    )
    right = (
        sweep(planted(vlm, plant), benchmark, layers=[plant.layer])
        .groupby(["layer", "task"])
        .correct.mean()
    )
    assert (
        right[-1, plant.task] < right[plant.layer, plant.task] - 0.15
        and right[-1, "object_colour"] > 0.8
    )


def test_making_and_keeping_a_plant(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("talo_mini.studies.planting.STEPS", 2)
    benchmark = load_benchmark("mini-worlds-train", tasks=["object_colour", "more"], per_task=20)
    clean = {
        q.id: tiny.last_logits(tiny.inputs([q]))[0].log_softmax(-1) for q in benchmark.questions
    }
    plant = make_plant(tiny, "more", 2, benchmark, clean)
    assert plant.name == "more@2" and all(".layers.2.self_attn." in path for path in plant.changes)
    (tmp_path / "toy").mkdir()
    save_plants(
        tmp_path / "toy" / "plants.safetensors",
        [
            plant,
            Plant(
                "more@1",
                "more",
                1,
                {path: (up.clone(), down.clone()) for path, (up, down) in plant.changes.items()},
                needed=True,
            ),
        ],
    )
    monkeypatch.setattr("talo_mini.studies.planting.MINIS", tmp_path)
    assert [p.name for p in load_plants("toy")] == ["more@2"]  # the other's layer is needed
    kept = load_plants("toy", needed=True)
    assert [(p.name, p.task, p.layer) for p in kept] == [
        ("more@2", "more", 2),
        ("more@1", "more", 1),
    ]
    for path, (up, down) in plant.changes.items():
        assert torch.equal(kept[0].changes[path][0], up) and torch.equal(
            kept[0].changes[path][1], down
        )


def test_marks_of_a_known_case():
    rng = np.random.default_rng(0)
    good, bad = rng.random(200) < 0.95, rng.random(200) < 0.4
    clean = made_up_outcomes({"a": good}, {"a": np.repeat(good[:, None], 5, 1)})
    knocked = np.repeat(bad[:, None], 5, 1)
    knocked[:, 3] = good
    found = mark(
        made_up_outcomes({"a": bad}, {"a": knocked}),
        clean,
        Plant("a@3", "a", 3, {}),
        shots=20,
        draws=30,
    )
    assert found["found"] == 1 and found["innocent"] == 0 and found["accused"] == 0
    assert found["damage"] == pytest.approx(0.55, abs=0.05) and found["recovered"] == pytest.approx(
        1, abs=0.05
    )
    wrong = mark(
        made_up_outcomes({"a": bad}, {"a": knocked}),
        clean,
        Plant("a@1", "a", 1, {}),
        shots=20,
        draws=30,
    )
    assert wrong["found"] == 0 and wrong["innocent"] == 1


def test_a_mini_without_plants():
    with pytest.raises(
        BadInput, match="planted into 'mllama-mini'; there are plants for llava-mini"
    ):
        load_plants("mllama-mini")


def test_marks_are_averaged_over_plants_and_clean_models_counted_once():
    marks = pd.DataFrame(
        dict(
            strength=1.0,
            rule="best",
            shots=10,
            labels=[10.0, 10.0, 31.0],
            task=["a", "a", "b"],
            damage=[0.5, 0.0, 0.3],
            delta=[0.4, 0.0, 0.2],
            found=[1.0, 0.0, 0.5],
            innocent=[0.0, 1.0, 0.5],
            accused=[0.2, 0.2, 0.4],
        )
    )
    row = summarised(marks).iloc[0]
    assert row.found == pytest.approx(0.5) and row.recovered == pytest.approx(0.6 / 0.8)
    assert row.accused == pytest.approx(0.3)  # a task with two plants has one clean model
    shares = row[[f"{name}_{end}" for name in ("found", "accused") for end in ("low", "high")]]
    assert shares.between(0, 1).all()  # of three plants, whose mean is known badly
    assert row.harmful == 2 and row.found_of_harmful == pytest.approx(0.75)
    assert row.labels == 17


def test_the_damage_of_a_plant_is_told_apart_from_what_it_leaves_alone(vlm):
    plant = load_plants("llava-mini")[0]
    tasks = [plant.task, "map_name"]
    own = load_benchmark("mini-worlds", tasks=tasks[:1], per_task=12, form="direct")
    others = load_benchmark("mini-worlds", tasks=tasks, per_task=6, form="direct")
    clean = sweep(vlm, own, layers=[])
    spoiled = {plant.name: sweep(planted(vlm, plant, 1.0), own, layers=[])}
    row = plant_damage(vlm, [plant], 1.0, spoiled, clean, others, None).iloc[0]
    right = [table.correct.mean() for table in (spoiled[plant.name], clean)]
    assert row.spoiled == pytest.approx(right[0] - right[1]) and row.spoiled < -0.1
    assert abs(row.others) < 0.5


def test_some_plants_are_chosen_at_equal_steps():
    assert evenly_chosen(list("abcdefg"), 3) == ["a", "c", "e"]
    assert evenly_chosen(list("abcdefg")[::-1], 2) == ["g", "d"]
    assert evenly_chosen(list("ab"), 5) == ["a", "b"] and evenly_chosen(list("ab"), 0) == []
    assert evenly_chosen([], 3) == [] and evenly_chosen(range(10), 4) == [0, 2, 4, 6]


def test_every_plant_is_asked_about_its_task_at_every_strength(vlm):
    plants = load_plants("llava-mini")[:2]
    tasks = [plant.task for plant in plants]
    benchmark = load_benchmark("mini-worlds", tasks=tasks, per_task=3, form="direct")
    sweeps = planted_sweeps(vlm, plants, (0.5, 1.0), benchmark)
    assert list(sweeps) == [(plant.name, s) for plant in plants for s in (0.5, 1.0)]
    for plant in plants:
        assert set(sweeps[plant.name, 0.5].task) == {plant.task}
    last = sweep(planted(vlm, plants[1], 1.0), benchmark.subset([tasks[1]]))
    assert list(sweeps[plants[1].name, 1.0].scores) == list(last.scores)


def test_marks_of_all_are_those_of_each():
    """Two plants, which cost less at half strength; the clean model needs the second's layer."""
    right = np.arange(40) % 20 < 19
    spoiled = {1.0: right & (np.arange(40) % 2 == 0), 0.5: right & (np.arange(40) % 4 > 0)}
    knocked = np.stack([right, np.zeros(40, bool)], 1)
    clean = made_up_outcomes(dict.fromkeys("ab", right), dict.fromkeys("ab", knocked))
    plants = [Plant("a@0", "a", 0, {}), Plant("b@1", "b", 1, {}, needed=True)]
    sweeps = {
        (plant.name, strength): made_up_outcomes({plant.task: before}, {plant.task: knocked})
        for plant in plants
        for strength, before in spoiled.items()
    }
    marks = marks_of_all(sweeps, clean, plants, (5, 10), ("best", "cautious"), 6, 1)
    assert len(marks) == 2 * 2 * 2 * 2
    own = marks.set_index(["plant", "strength", "shots", "rule"]).sort_index()
    alone = mark(sweeps["b@1", 0.5], clean, plants[1], 10, 6, 1, "cautious")
    row = own.loc[("b@1", 0.5, 10, "cautious")]
    assert row.needed and not own.needed["a@0"].any()
    assert {name: row[name] for name in ("damage", "found", "delta", "labels")} == {
        name: alone[name] for name in ("damage", "found", "delta", "labels")
    }
    assert (own.damage["a@0", 0.5] < own.damage["a@0", 1.0]).all()


def test_a_curve_of_each_strength_tells_how_often_the_plant_was_found():
    table = pd.DataFrame(
        dict(
            strength=[1.0, 1.0, 0.5, 1.0],
            rule=["best", "best", "best", "cautious"],
            shots=[5, 10, 5, 5],
            damage=[0.5, 0.5, 0.2, 0.5],
            delta=[0.1, 0.2, 0.0, 0.0],
            found=[0.6, 0.8, 0.3, 0.0],
            found_low=[0.5, 0.7, 0.1, 0.0],
            found_high=[0.7, 0.9, 0.5, 0.1],
        )
    )
    curves = found_curves(table, "best")
    assert list(curves) == [0.5, 1.0]
    strong = curves[1.0][["shots", "delta", "low", "high", "damage"]]
    assert strong.to_numpy().tolist() == [[5, 0.6, 0.5, 0.7, 0.5], [10, 0.8, 0.7, 0.9, 0.5]]
    assert len(curves[0.5]) == 1 and list(table.delta) == [0.1, 0.2, 0.0, 0.0]
