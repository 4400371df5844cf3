import numpy as np
import pytest

from talo_mini import BadInput, load_benchmark, load_vlm, sweep
from talo_mini.studies.fewshot import METHODS, few_shot, training_steps


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
