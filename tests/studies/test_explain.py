import numpy as np
import pytest
import torch

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm
from talo_mini.studies.explain import attention_shares, logit_lens, written_words


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
    assert lens[(lens.question == q.id) & (lens.layer == 4)].lead.item() == pytest.approx(
        wanted, abs=1e-4
    )
    with knockout(
        tiny.anatomy, Knockout("layer", 2)
    ):  # a bypassed layer changes nothing between its two sides
        bypassed = logit_lens(tiny, benchmark).pivot(
            index="question", columns="layer", values="lead"
        )
    assert np.allclose(bypassed[2], bypassed[3], atol=1e-5)


def test_attention_shares_sum_to_one_and_the_model_is_as_before(tiny, benchmark):
    own = tiny.model.config._attn_implementation
    before = tiny.last_logits(tiny.inputs(benchmark.questions[:2]))
    found = attention_shares(tiny, benchmark, batch=4)
    assert (
        np.allclose(found[["picture", "first", "rest"]].sum(axis=1), 1, atol=1e-5)
        and (found.picture > 0).all()
    )
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
