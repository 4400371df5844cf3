"""Words that a tokenizer lacks are told, and a question without any other is refused."""

from dataclasses import replace

import pytest

from talo_mini import BadInput, Written, load_benchmark, load_vlm, sweep


@pytest.fixture(scope="module")
def vlm():
    return load_vlm("llava-mini", device="cpu")


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3, form="choice")


@pytest.mark.parametrize("written", [None, Written("option", 2)])
def test_unknown_words_are_told_once(vlm, benchmark, written):
    first, *others = benchmark.questions
    asked = [*others, replace(first, id="odd", text="is the tumour malignant ?")]
    told = r"1 of 3 questions .* the first is 'tumour' of question 'odd'"
    with pytest.warns(UserWarning, match=told) as warned:
        sweep(vlm, benchmark.only(asked), layers=[0], written=written)
    assert len(warned) == 1


@pytest.mark.parametrize("change", [dict(hint="a tumour"), dict(options=("red", "tumour"))])
def test_those_of_hints_and_shown_options_too(vlm, benchmark, change):
    odd = replace(benchmark.questions[0], answer=0, **change)
    with pytest.warns(UserWarning, match="the first is 'tumour' of question"):
        sweep(vlm, benchmark.only([odd]), layers=[])


def test_a_question_of_unknown_words_alone_is_refused(vlm, benchmark):
    odd = replace(benchmark.questions[0], id="odd", text="Malignant tumour ?")
    with pytest.raises(BadInput, match="'odd': llava-mini has no token for any of its words"):
        sweep(vlm, benchmark.only([odd]), layers=[])
