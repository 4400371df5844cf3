"""Answers are written, and scored where they begin, as the library's own generate has it."""

import pytest
import torch
from checkpoints import florence2
from families import reinit

from talo_mini import VLM, load_benchmark, sweep
from talo_mini.engine.key import answers_key
from talo_mini.models.scoring import scores


@pytest.fixture
def forced():
    """A model whose settings force the first token of an answer."""
    torch.manual_seed(0)
    model, processor = florence2()
    reinit(model)
    return VLM("florence2", model.eval(), processor)


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3, form="direct")


def test_answers_are_scored_and_written_behind_a_forced_token(forced, benchmark):
    inputs = forced.inputs(benchmark)
    start = inputs.pop("decoder_input_ids")
    options = dict(do_sample=False, output_logits=True, return_dict_in_generate=True)
    own = forced.model.generate(**inputs, max_new_tokens=4, **options)
    assert torch.equal(own.sequences[:, :2], start) and len(forced.start) == 2
    logits = own.logits[1]  # of the token behind the forced one
    assert torch.allclose(forced.last_logits(forced.inputs(benchmark)), logits, atol=1e-4)
    texts = forced.processor.batch_decode(own.sequences[:, 2:], skip_special_tokens=True)
    assert forced.generate(benchmark, max_new_tokens=3) == texts
    table = sweep(forced, benchmark, parts=[])
    expected = scores(forced, benchmark.questions, logits)
    for found, wanted in zip(table.scores, expected, strict=True):
        assert found == pytest.approx(wanted.tolist(), abs=1e-3)


def test_a_forced_token_is_part_of_what_answers_are_kept_under(forced, benchmark):
    with_it, token = answers_key(forced, benchmark), forced.start[1]
    forced.model.generation_config.forced_bos_token_id = None
    plain = answers_key(forced, benchmark)
    assert plain != with_it and forced.start == (forced.processor.tokenizer.eos_token_id,)
    forced.model.generation_config.forced_bos_token_id = token
    assert answers_key(forced, benchmark) == with_it
