import pytest

from talo_mini import BadInput, load_benchmark, load_vlm, sweep
from talo_mini.studies.rewording import reworded, same_answers


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["chart_tallest"], per_task=6, form="direct")


def test_another_word_and_nothing_else(benchmark):
    asked = reworded(benchmark, "tallest", "shortest")
    for one, two in zip(benchmark.questions, asked.questions, strict=True):
        assert two.text == one.text.replace("tallest", "shortest")
        assert (two.options, two.image_bytes) == (one.options, one.image_bytes)
        assert two.id != one.id
    with pytest.raises(BadInput, match="does not hold the word 'west'"):
        reworded(benchmark, "west", "east")


def test_questions_as_their_benchmark_wrote_them_have_no_word_to_replace(benchmark):
    written = benchmark.with_prompt("lmms-eval-realworldqa")
    with pytest.raises(BadInput, match="shows questions as written; use another"):
        reworded(written, "tallest", "shortest")


def test_who_hears_no_difference_gives_the_same_answer():
    """The shipped mini reads the left digit, whichever it is asked for; not so with bars."""
    vlm, words = load_vlm("llava-mini"), dict(right_parity=("right", "left"))
    words |= dict(chart_tallest=("tallest", "shortest"), unheard_of=("a", "b"))
    asked = load_benchmark("mini-worlds", tasks=["right_parity", "chart_tallest"], per_task=8)
    table = same_answers(vlm, asked, words).set_index(["task", "form"])
    assert len(table) == 4 and (table.questions == 8).all()
    assert (table.delta["right_parity"] == 1).all() and (table.low["right_parity"] < 1).all()
    bars = asked.subset(["chart_tallest"], form="direct")
    changed = reworded(bars, "tallest", "shortest")
    said = [
        [q.options[n] for q, n in zip(b.questions, sweep(vlm, b, ()).answer, strict=True)]
        for b in (bars, changed)
    ]
    equal = [one == other for one, other in zip(*said, strict=True)]
    assert table.delta["chart_tallest", "direct"] == sum(equal) / 8 < 1
    assert same_answers(vlm, asked, {}).empty
