import numpy as np
import pandas as pd
import pytest
import torch
from conftest import made_up_outcomes

from talo_mini import BadInput, Benchmark, Knockout, Question, Task, knockout, load_benchmark, load_vlm
from talo_mini.explain import attention_shares, calibration, letter_bias, logit_lens, written_words


def outcomes(answers, right, scores):
    table = made_up_outcomes({"a": np.asarray(right, bool)}, {"a": np.asarray(right, bool)[:, None]})
    return table.assign(answer=list(answers) * 2, scores=[list(s) for s in scores] * 2)


def asked(true):
    """A benchmark of four-option questions with these right answers, named as in made-up outcomes."""
    return Benchmark("b", (Task("a", "a"),), tuple(Question(f"a/{i}", "a", b"", "?", tuple("wxyz"), int(t)) for i, t in enumerate(true)))


def test_letter_bias_of_a_model_that_is_always_right_is_zero():
    true = np.array([0, 1, 2, 3] * 25)
    found = letter_bias(outcomes(true, [True] * 100, [[0.0] * 4] * 100), asked(true)).iloc[0]
    assert found.bias == 0 and found.noise == 0 and found.B == 0.25


def test_letter_bias_of_a_model_that_always_says_b():
    true = np.array([0, 1, 2, 3] * 25)
    found = letter_bias(outcomes([1] * 100, true == 1, [[0.0] * 4] * 100), asked(true)).iloc[0]
    assert found.B == 1 and found.bias == pytest.approx(0.5) and found.noise < 0.2


def test_errors_without_liking_stay_below_the_noise():
    rng, below = np.random.default_rng(0), []
    for _ in range(60):
        true = rng.integers(0, 4, 200)
        answers = np.where(rng.random(200) < 0.4, true, (true + rng.integers(1, 4, 200)) % 4)
        found = letter_bias(outcomes(answers, answers == true, [[0.0] * 4] * 200), asked(true)).iloc[0]
        below.append(found.bias <= found.noise)
    assert 0.85 < np.mean(below)


def test_letter_bias_needs_letters():
    with pytest.raises(BadInput, match="choice form"):
        letter_bias(outcomes([0], [True], [[0.0] * 4]).assign(form="direct"), asked([0]))


def test_calibration_of_a_known_model():
    scores = [np.log([0.7, 0.1, 0.1, 0.1])] * 100
    found = calibration(outcomes([0] * 100, [True] * 70 + [False] * 30, scores)).iloc[0]
    assert found.confidence == pytest.approx(0.7) and found.error == pytest.approx(0, abs=1e-9)
    found = calibration(outcomes([0] * 100, [True] * 40 + [False] * 60, scores)).iloc[0]
    assert found.error == pytest.approx(0.3) and found.accuracy == 0.4


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=6, form="choice")


def test_the_lens_ends_with_the_model_itself(tiny, benchmark):
    lens = logit_lens(tiny, benchmark, batch=4)
    assert lens.groupby("question").layer.max().eq(4).all() and len(lens) == 6 * 5
    q = benchmark.questions[0]
    logs = tiny.last_logits(tiny.inputs([q])).log_softmax(-1)[0]
    options = [torch.logsumexp(logs[list(tokens)], 0).item() for tokens in tiny.option_tokens(q)]
    wanted = options[q.answer] - max(v for i, v in enumerate(options) if i != q.answer)
    assert lens[(lens.question == q.id) & (lens.layer == 4)].lead.item() == pytest.approx(wanted, abs=1e-4)
    with knockout(tiny.anatomy, Knockout("layer", 2)):  # a bypassed layer changes nothing between its two sides
        bypassed = logit_lens(tiny, benchmark).pivot(index="question", columns="layer", values="lead")
    assert np.allclose(bypassed[2], bypassed[3], atol=1e-5)


def test_attention_shares_sum_to_one_and_the_model_is_as_before(tiny, benchmark):
    own = tiny.model.config._attn_implementation
    before = tiny.last_logits(tiny.inputs(benchmark.questions[:2]))
    found = attention_shares(tiny, benchmark, batch=4)
    assert np.allclose(found[["picture", "first", "rest"]].sum(axis=1), 1, atol=1e-5) and (found.picture > 0).all()
    assert len(found) == 6 * 4 and tiny.model.config._attn_implementation == own
    assert torch.equal(before, tiny.last_logits(tiny.inputs(benchmark.questions[:2])))


def test_uniform_attention_looks_at_every_token_alike(tiny, benchmark):
    one = benchmark.subset(per_task=1)
    tokens = tiny.inputs(one.questions)["input_ids"].shape[1]
    with knockout(tiny.anatomy, Knockout("self-attention", 1, "uniform")):
        found = attention_shares(tiny, one).set_index("layer")
    assert found.loc[1, "picture"] == pytest.approx(16 / tokens, abs=1e-5)
    assert found["first"][1] == pytest.approx(1 / tokens, abs=1e-5)


def test_attention_to_a_picture_that_is_no_token(benchmark):
    vlm = load_vlm("mllama-mini")
    with pytest.raises(BadInput, match="cannot be read"):
        attention_shares(vlm, benchmark)
    assert vlm.model.config._attn_implementation != "eager"


def test_written_words_are_those_of_the_output_embeddings(tiny, benchmark):
    words = written_words(tiny, benchmark, 2, top=3)
    assert len(words) == 3 and all(isinstance(word, str) for word in words)
    projection = next(iter(tiny.anatomy.part("self-attention", 2).modules.values())).o_proj
    kept = projection.weight.detach().clone(), projection.bias.detach().clone()
    wanted = tiny.processor.tokenizer.convert_tokens_to_ids("blue")
    try:
        with torch.no_grad():  # an attention that only ever writes "blue"
            projection.weight.zero_()
            projection.bias.copy_(tiny.model.get_output_embeddings().weight[wanted])
        assert written_words(tiny, benchmark, 2, top=1) == ["blue"]
    finally:
        with torch.no_grad():
            projection.weight.copy_(kept[0])
            projection.bias.copy_(kept[1])
