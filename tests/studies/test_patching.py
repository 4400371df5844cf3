"""A patched head writes what it writes for another word, and nothing else changes."""

import dataclasses
from functools import partial

import pytest
import torch

from talo_mini import BadInput, Knockout, knockout, load_benchmark
from talo_mini.studies import patching
from talo_mini.studies.patching import answers_patched
from talo_mini.studies.rewording import reworded

WORDS = "tallest", "shortest"


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["chart_tallest"], per_task=8, form="direct")


def answer(vlm, question):
    logs = vlm.last_logits(vlm.inputs([question]))[0].log_softmax(-1)
    return vlm.option_logs(question, logs).argmax()


def note(read, module, args):
    read.append(args[0])


def test_answers_are_those_of_a_head_patched_by_hand(tiny, benchmark):
    """The difference between what the head writes is added to what the attention writes."""
    layer, head = 1, 2
    (attention,) = tiny.anatomy.part("self-attention", layer).modules.values()
    width = attention.o_proj.in_features // tiny.anatomy.part("self-attention", layer).heads
    share = slice(head * width, (head + 1) * width)
    counts = dict.fromkeys(("its own", "nothing", "as with 'shortest'"), 0)
    for question, other in zip(
        benchmark.questions, reworded(benchmark, *WORDS).questions, strict=True
    ):
        read: list = []
        hook = attention.o_proj.register_forward_pre_hook(partial(note, read))
        with torch.inference_mode():
            wanted, own = answer(tiny, other), answer(tiny, question)
        hook.remove()
        there, here = read
        change = (there - here)[..., share] @ attention.o_proj.weight[:, share].T
        hook = attention.o_proj.register_forward_hook(lambda m, args, out, c=change: out + c)
        with torch.inference_mode():
            patched = answer(tiny, question)
        hook.remove()
        with knockout(tiny, Knockout(f"head {head}", layer)), torch.inference_mode():
            without = answer(tiny, question)
        for name, found in zip(counts, (own, without, patched), strict=True):
            counts[name] += found == wanted
    found = answers_patched(tiny, benchmark, *WORDS, f"head {head}", layer, batch=3)
    assert dict(zip(found.writes, found.delta * 8, strict=True)) == counts
    assert (found.low <= found.delta).all() and (found.delta <= found.high).all()
    assert found.alike[0] == 1 and -1 <= found.alike[2] < 1


def test_nothing_else_changes(tiny, benchmark):
    """Patched with its own values a head changes nothing; the model is as it was afterwards."""
    before = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    inputs = tiny.inputs(benchmark.questions)
    expected = tiny.last_logits(inputs)
    places = patching._places(tiny, Knockout("head 1", 0))
    values, logits = patching._noted(tiny, places, inputs)
    assert torch.equal(logits, expected)
    with patching.held(patching._written(places, values)), torch.inference_mode():
        assert torch.equal(tiny.last_logits(inputs), expected)
    with patching.held(patching._written(places, [value + 1 for value in values])):
        assert not torch.allclose(tiny.last_logits(inputs), expected, atol=1e-4)
    answers_patched(tiny, benchmark, *WORDS, "head 1", 0)
    assert torch.equal(tiny.last_logits(inputs), expected)
    assert all(torch.equal(value, before[name]) for name, value in tiny.model.state_dict().items())


def test_what_cannot_be_patched_is_told(tiny, benchmark):
    with pytest.raises(BadInput, match="'mlp' is no head; name one"):
        answers_patched(tiny, benchmark, *WORDS, "mlp", 0)
    with pytest.raises(BadInput, match="has no head 9"):
        answers_patched(tiny, benchmark, *WORDS, "head 9", 0)
    longer = "most red or blue"
    with pytest.raises(BadInput, match="are not equally many tokens to tiny-0"):
        answers_patched(tiny, benchmark, "tallest", longer, "head 1", 0)
    (question, *_) = benchmark.questions
    lacking = benchmark.only([dataclasses.replace(question, text="how tall is it?")])
    with pytest.raises(BadInput, match="does not hold the word 'tallest'"):
        answers_patched(tiny, lacking, *WORDS, "head 1", 0)
