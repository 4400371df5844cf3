import numpy as np
import pytest

from talo_mini import BadInput, load_benchmark, load_vlm, sweep
from talo_mini.studies.fewshot import METHODS, few_shot, few_shot_runs, training_steps


@pytest.fixture(scope="module")
def data():
    return [
        load_benchmark(name, tasks=["chart_shortest"], per_task=16, form="direct")
        for name in ("mini-worlds-train", "mini-worlds")
    ]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_answers_every_test_question(tiny, data, method, monkeypatch):
    monkeypatch.setattr("talo_mini.studies.fewshot.MOST_STEPS", 2)
    digest = tiny.model.lm_head.weight.sum().item()
    found = few_shot(tiny, method, *data)
    assert found["right"].shape == (16,) and found["right"].dtype == bool and found["seconds"] > 0
    assert tiny.model.lm_head.weight.sum().item() == digest


def test_talo_takes_the_layer_that_helps_the_few(data):
    vlm = load_vlm("llava-mini")
    few, test = data
    probe = sweep(vlm, few).groupby("layer").correct.sum()
    found = few_shot(vlm, "talo", few, test)
    outcomes = sweep(vlm, test)
    best = probe.drop(-1).idxmax() if probe.drop(-1).max() > probe[-1] else -1
    assert np.array_equal(found["right"], outcomes[outcomes.layer == best].correct)


def test_an_unknown_method(tiny, data):
    with pytest.raises(
        BadInput, match="unknown method 'prompting'; use one of talo, lora, oft, merging"
    ):
        few_shot(tiny, "prompting", *data)


@pytest.mark.parametrize(
    "questions,steps", [(5, 10), (10, 10), (16, 10), (100, 63), (200, 100), (2000, 125)]
)
def test_fine_tuning_sees_every_question(questions, steps):
    """Ten passes where a hundred batches suffice for them; never less than one."""
    assert training_steps(questions) == steps


def test_runs_give_every_method_the_same_questions(tiny, monkeypatch):
    """One row a task, draw, number of shots and method; TaLo's own are what `few_shot` gives."""
    pool = load_benchmark("mini-worlds-train", tasks=["more"], per_task=4, form="direct")
    test = load_benchmark("mini-worlds", tasks=["more"], per_task=6, form="direct")
    runs = few_shot_runs(tiny, pool, test, (2, 4), ["talo"], draws=2, seed=3)
    assert len(runs) == 4 and (runs.delta == runs.accuracy - runs.base).all()
    order = np.random.default_rng([3, 1]).permutation(4)
    few = pool.only([pool.questions[i] for i in order[:2]])
    expected = few_shot(tiny, "talo", few, test, seed=1)["right"].mean()
    own = runs[(runs.draw == 1) & (runs.shots == 2)].iloc[0]
    assert own.accuracy == pytest.approx(expected)
