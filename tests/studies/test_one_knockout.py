import numpy as np
import pandas as pd
import pytest

from talo_mini import Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.analysis.significance import accuracy_interval
from talo_mini.interventions.names import layers_with
from talo_mini.outcomes.table import BASE
from talo_mini.studies.one_knockout import (
    changed_answers,
    likeliest_options,
    mildest_and_hardest,
    written_without,
)


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=8)


def test_the_model_writes_as_it_is_and_without_each_layer(tiny, benchmark):
    question = benchmark.questions[0]
    table = written_without(tiny, question, benchmark.prompt, part="mlp")
    assert list(table.layer) == ["none", 0, 1, 2, 3]
    assert table.answer[0] == tiny.generate([question], benchmark.prompt)[0]
    with knockout(tiny.anatomy, Knockout("mlp", 2)):
        assert table.answer[3] == tiny.generate([question], benchmark.prompt)[0]
    assert table.answer.nunique() > 1


def test_answers_change_where_those_of_a_sweep_do(tiny, benchmark):
    inputs = tiny.inputs(benchmark.questions, benchmark.prompt)
    table = changed_answers(tiny, benchmark.questions, inputs, "mlp")
    answers = sweep(tiny, benchmark, parts=["mlp"]).set_index(["layer", "question"]).answer
    differ = [(answers[layer] != answers[BASE]).sum() for layer in range(4)]
    assert list(table.layer) == [0, 1, 2, 3] and max(differ) > 0
    assert list(table.delta) == pytest.approx([number / 32 for number in differ])
    ends = np.array([accuracy_interval(number, 32) for number in differ])
    assert table[["low", "high"]].to_numpy() == pytest.approx(ends)


def test_of_several_knockouts_all_hold_at_once(tiny, benchmark):
    questions = benchmark.questions
    inputs = tiny.inputs(questions, benchmark.prompt)
    both = [Knockout("mlp", 0), Knockout("self-attention", 3)]
    together = likeliest_options(tiny, questions, inputs, *both)
    with knockout(tiny.anatomy, both[0]):
        assert (likeliest_options(tiny, questions, inputs, both[1]) == together).all()
    singly = [likeliest_options(tiny, questions, inputs, part) for part in both]
    assert together.shape == (len(questions),)
    assert all((together != alone).any() for alone in singly)


def test_layers_that_are_level_are_told_together():
    changes = pd.DataFrame(
        dict(
            layer=[0, 1, 2, 3],
            delta=[0.5, 0.1, 0.3, 0.1],
            low=[0.4, 0.05, 0.2, 0.05],
            high=[0.6, 0.2, 0.4, 0.2],
        )
    )
    assert mildest_and_hardest(changes).to_dict("records") == [
        dict(kind="mildest", layers=[1, 3], delta=0.1, low=0.05, high=0.2),
        dict(kind="hardest", layers=[0], delta=0.5, low=0.4, high=0.6),
    ]


def test_layers_without_the_part_are_left_out():
    vlm = load_vlm("mllama-mini")
    questions = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2).questions
    crossed = layers_with(vlm.anatomy, "cross-attention")
    inputs = vlm.inputs(questions)
    assert list(changed_answers(vlm, questions, inputs, "cross-attention").layer) == crossed
    written = written_without(vlm, questions[0], "bare", "cross-attention")
    assert list(written.layer) == ["none", *crossed] and len(crossed) < 12
