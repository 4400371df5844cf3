import numpy as np
import pandas as pd
import pytest
import torch

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.studies import load_plants
from talo_mini.studies.explain import (
    attention_shares,
    hit_rates,
    logit_lens,
    looks_at_case,
    looks_at_cases,
    looks_at_plants,
    written_words,
)


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


def test_looks_at_a_case_agree_with_the_knockout(tiny, benchmark):
    looked, before, after = looks_at_case(tiny, benchmark, 2)
    outcomes = sweep(tiny, benchmark, layers=[2]).groupby("layer").correct.mean()
    assert looked["delta"] == pytest.approx(outcomes[2] - outcomes[-1])
    assert before.shape == after.shape and len(before) == len(benchmark.questions)
    assert before.iloc[:, 2].equals(after.iloc[:, 2])  # below the knocked-out layer all is alike
    assert looked["lead"] == pytest.approx(before.iloc[:, -1].mean())
    assert looked["picture"] + looked["first"] + looked["text"] == pytest.approx(1, abs=1e-4)


def test_looks_at_several_cases_are_those_at_each(tiny, benchmark):
    task, form = benchmark.questions[0].task, benchmark.questions[0].form
    cases = pd.DataFrame(dict(task=task, form=form, layer=[2, 1], delta=7.0, clear=[True, False]))
    looked, leads = looks_at_cases(tiny, benchmark, cases)
    own = [q for q in benchmark.questions if (q.task, q.form) == (task, form)]
    for row, (before, after), layer in zip(looked.itertuples(), leads, (2, 1), strict=True):
        one, *both = looks_at_case(tiny, benchmark.only(own), layer)
        assert (row.layer, row.delta, row.writes) == (layer, one["delta"], one["writes"])
        assert before.equals(both[0]) and after.equals(both[1])
    assert list(looked.clear) == [True, False]
    with pytest.raises(BadInput, match="has no question of unheard, choice form"):
        looks_at_cases(tiny, benchmark, cases.assign(task="unheard", form="choice"))


def test_looks_at_plants_see_where_the_lead_falls():
    """One planted model, of which it is known where the fault is."""
    vlm = load_vlm("llava-mini")
    plants = load_plants("llava-mini")[:1]
    known, falls = looks_at_plants(vlm, plants, 1.0, 12)
    row = known.iloc[0]
    assert row.layer == plants[0].layer and row.lead_lost > 0
    assert list(falls) == [plants[0].name]
    assert falls[plants[0].name].delta.iloc[-1] == pytest.approx(-row.lead_lost)


def test_hit_rates_are_told_by_half_of_the_layers():
    known = pd.DataFrame(dict(layer=[0, 1, 3, 3], lens=[0, 1, 3, 0], attribution=[1, 1, 0, 0]))
    found = hit_rates(known, 4).set_index(["look", "of"])
    assert list(found.delta["lens"]) == [0.75, 1.0, 0.5]
    assert list(found.models["attribution"]) == [4, 2, 2]
    assert (found.low <= found.delta).all() and (found.delta <= found.high).all()
