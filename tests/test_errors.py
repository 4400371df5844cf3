"""What is of another kind than an argument is told in one sentence, before anything is asked."""

import numpy as np
import pandas as pd
import pytest

import talo_mini as tm
from talo_mini.errors import check_kind, whole_number


@pytest.fixture(scope="module")
def benchmark():
    return tm.load_benchmark("mini-worlds", tasks=["count_all"], per_task=4, form="direct")


@pytest.mark.parametrize("name", ["sweep", "talo", "select_layer"])
def test_a_name_is_no_model_and_no_benchmark(tiny, benchmark, name):
    run = getattr(tm, name)
    with pytest.raises(tm.BadInput, match=r"vlm is 'llava-mini', not VLM; load_vlm"):
        run("llava-mini", benchmark)
    with pytest.raises(tm.BadInput, match=r"benchmark is 'mini-worlds', not Benchmark; load_"):
        run(tiny, "mini-worlds")
    with pytest.raises(tm.BadInput, match="vlm is of the type Benchmark"):
        run(benchmark, tiny)
    with pytest.raises(tm.BadInput, match="benchmark is of the type tuple"):
        run(tiny, benchmark.questions)


def test_a_folder_is_no_choice(tiny, benchmark):
    with pytest.raises(tm.BadInput, match=r"choice is 'choice.json', not Choice; talo"):
        tm.evaluate(tiny, benchmark, "choice.json")


@pytest.mark.parametrize("read", [tm.interaction_vectors, tm.talo_gains])
@pytest.mark.parametrize("given", ["outcomes.parquet", [1], None, np.zeros(3)])
def test_only_a_table_has_outcomes(read, given):
    with pytest.raises(tm.BadInput, match=r"the table of outcomes is .*, not DataFrame; sweep"):
        read(given)


def test_a_knockout_acts_on_what_has_an_anatomy(tiny):
    block = tm.knockout(tiny.model, tm.Knockout("mlp", 0))
    with pytest.raises(tm.BadInput, match=r"type \w+, not Anatomy; load_vlm"):
        block.__enter__()
    with tm.knockout(tiny, tm.Knockout("mlp", 0)):
        tiny.last_logits(tiny.inputs([tiny_question()]))


def tiny_question():
    return tm.load_benchmark("mini-worlds", tasks="count_all", per_task=1).questions[0]


def test_words_alone_are_no_question(tiny):
    with pytest.raises(tm.BadInput, match="a question is 'w', not Question"):
        tiny.generate("what?")


def test_one_name_need_not_be_in_a_list(benchmark):
    alone = tm.load_benchmark("mini-worlds", tasks="count_all", per_task=4, form="direct")
    assert alone.digest == benchmark.digest
    assert benchmark.subset(tasks="count_all").digest == benchmark.digest


def test_what_is_of_its_kind_passes():
    check_kind("a table", pd.DataFrame(), pd.DataFrame, "nothing")
    assert whole_number("shots", np.int64(3)) == 3
