"""What is padded before a question never changes its answer."""

import importlib
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import transformers as T
from checkpoints import blip, clip, git, llava_processor, text
from conftest import tiny_llava
from families import reinit

from talo_mini import VLM, Knockout, Written, knockout, load_benchmark, sweep
from talo_mini.engine.ahead import Ahead
from talo_mini.minis.architectures import tokenizer
from talo_mini.models.padding import Uneven, Unrepeatable, of_one_length, padding_counts, untried
from talo_mini.models.scoring import scores

sweep_module = importlib.import_module("talo_mini.engine.sweep")


def built(build):
    torch.manual_seed(0)
    model, processor = build()
    reinit(model)
    return VLM(build.__name__, model.eval(), processor)


@pytest.fixture(scope="module")
def mixed():
    """Questions of three lengths, the shortest twice."""
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2, form="choice")
    one, two = benchmark.questions
    longer = [replace(one, id=f"{n} times", text=" ".join([one.text] * n)) for n in (2, 4)]
    return benchmark.only([longer[0], one, longer[1], two])


@pytest.mark.parametrize("build", [git, blip])
def test_a_model_that_counts_padding_answers_each_question_as_alone(build, mixed):
    vlm = built(build)
    table = sweep(vlm, mixed, parts=["mlp"], layers=[1], batch=8)
    base = table[table.part == "base"].set_index("question")
    for question in mixed.questions:
        alone = scores(vlm, [question], vlm.last_logits(vlm.inputs([question], mixed.prompt)))[0]
        assert np.allclose(base.scores[question.id], alone, atol=1e-5)
    assert padding_counts(vlm)


@pytest.mark.parametrize("build", [git, blip])
def test_inputs_of_different_lengths_are_refused_with_what_to_do(build, mixed):
    with pytest.raises(Uneven, match="ask questions of one length at once"):
        built(build).inputs(mixed)


def test_what_is_written_is_what_each_question_alone_gets(mixed):
    vlm = built(git)
    assert vlm.generate(mixed) == vlm.generate(mixed, batch=1)


def decoder(words, kind, **more):
    return kind(**text(words), head_dim=12, **more)


def phi3(words, short=40):
    """The longest row of a batch decides which frequencies all of them get."""
    rope = dict(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=short)
    factors = dict(short_factor=[1.0] * 6, long_factor=[2.0] * 6)
    own = text(words) | dict(bos_token_id=1)
    return T.Phi3Config(
        **own, original_max_position_embeddings=short, rope_parameters=rope | factors
    )


def hunyuan(words):
    """Weighs dimensions that were rotated."""
    return decoder(words, T.HunYuanDenseV1Config)


def ministral(words):
    """Scales queries by their positions, from the sixteenth on."""
    rope = dict(rope_type="yarn", rope_theta=1e4, factor=2.0, original_max_position_embeddings=16)
    scaling = dict(beta_fast=32, beta_slow=1, mscale=1.0, mscale_all_dim=1.0)
    rope |= dict(llama_4_scaling_beta=0.5, **scaling)
    return decoder(words, T.Ministral3Config, rope_parameters=rope)


def llama4(words, floor_scale=16):
    """Scales queries by their positions, in every other layer."""
    own = dict(intermediate_size_mlp=96, num_local_experts=4, attn_scale=0.5)
    return decoder(
        words, T.Llama4TextConfig, floor_scale=floor_scale, no_rope_layers=[1, 0, 1, 0], **own
    )


def with_decoder(config, **more):
    """A LLaVA with this text model, untrained."""
    words = tokenizer(image_token="<image>")
    whole = T.LlavaConfig(
        vision_config=clip(),
        text_config=config(words, **more),
        image_token_index=words.image_token_id,
    )
    return built(lambda: (T.LlavaForConditionalGeneration(whole), llava_processor(words)))


@pytest.mark.parametrize("config", [phi3, hunyuan, ministral, llama4])
def test_rotary_models_may_count_padding_too(config, mixed):
    vlm = with_decoder(config)
    with pytest.warns(UserWarning, match="change with what is padded|beside a question of another"):
        together = sweep(vlm, mixed, parts=["mlp"], layers=[1], batch=8)
    alone = sweep(vlm, mixed, parts=["mlp"], layers=[1], batch=1)
    merged = together.merge(alone, on=["question", "part", "layer"])
    for one, other in zip(merged.scores_x, merged.scores_y, strict=True):
        assert np.allclose(one, other, atol=1e-5)
    with pytest.raises(Uneven):
        vlm.inputs(mixed)


def test_rows_that_pass_a_number_of_the_configuration_are_tried_again(mixed):
    twice, one, four, _ = mixed.questions
    lengths = [with_decoder(llama4).inputs([q])["input_ids"].shape[1] for q in (one, twice, four)]
    vlm = with_decoder(llama4, floor_scale=lengths[1] + 1)
    assert lengths[0] < lengths[1] < lengths[2] < 2 * lengths[1]
    vlm.inputs([one, twice])  # no position is scaled yet
    assert not padding_counts(vlm)
    with pytest.raises(Uneven):
        vlm.inputs([one, four])


def test_what_overflows_beside_padding_only_is_seen(mixed):
    vlm = tiny_llava()
    vlm.model.set_attn_implementation("eager")
    assert len(vlm.inputs(mixed)["input_ids"]) == 4
    vlm.model.double()  # an eager mask of float64 lets nothing be seen from padding
    with pytest.raises(Uneven):
        vlm.inputs(mixed)
    assert vlm.generate(mixed) == vlm.generate(mixed, batch=1)


@pytest.mark.parametrize("part", ["self-attention", "mlp"])
def test_nothing_is_knocked_out_while_it_is_tried(part, mixed):
    """Without attention, padding would count for nothing; noise would look like it."""
    layers = range(len(built(git).anatomy.stacks["decoder"]))
    for effect in ("zero", "noise"):
        for vlm, counts in ((built(git), True), (tiny_llava(), False)):
            with knockout(vlm, *(Knockout(part, layer, effect) for layer in layers)):
                with suppress(Uneven):
                    vlm.inputs(mixed)
                vlm.last_logits(vlm.inputs(mixed.questions[:1]))
            assert padding_counts(vlm) == counts


class Random(torch.nn.Module):
    """A module whose outputs vary by chance."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, values):
        made = self.module(values)
        return made + torch.randn(made.shape)


@pytest.mark.parametrize("written", [None, Written("exact")])
def test_a_model_that_answers_by_chance_is_refused(written, mixed):
    vlm = tiny_llava()
    layer = vlm.model.model.language_model.layers[1]
    layer.mlp.down_proj = Random(layer.mlp.down_proj).eval()
    with pytest.raises(Unrepeatable, match=r"differently each time .* draws random numbers"):
        sweep(vlm, mixed, written=written)
    with pytest.raises(Unrepeatable):
        vlm.inputs(mixed)


def test_where_the_model_must_not_run_padded_questions_are_refused(mixed, monkeypatch):
    vlm = tiny_llava()
    with monkeypatch.context() as patch, untried(), pytest.raises(Uneven, match="not tried yet"):
        patch.setattr(VLM, "last_logits", lambda *arguments: pytest.fail("the model ran"))
        vlm.inputs(mixed)
    assert len(vlm.inputs(mixed)["input_ids"]) == 4


def test_what_was_not_tried_is_laid_out_in_turn(mixed, monkeypatch):
    """Also where a thread lays out ahead, and questions of one length came first."""
    questions = sorted(mixed.questions, key=lambda question: len(question.text))
    benchmark = mixed.only([*questions[:2], *questions[2:]])
    expected = sweep(built(git), benchmark, batch=1)
    monkeypatch.setattr(sweep_module, "Ahead", partial(Ahead, beside=True))
    monkeypatch.setattr(sweep_module, "try_padding_of", lambda *arguments: None)
    found = sweep(built(git), benchmark, batch=2)
    for one, other in zip(found.scores, expected.scores, strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_groups_of_one_length(mixed):
    vlm = tiny_llava()
    twice, one, four, two = mixed.questions
    assert of_one_length(vlm, mixed.questions, mixed.prompt) == [[twice], [one, two], [four]]
    # a length that tokens do not tell, of pictures say
    assert of_one_length(vlm, [one, two], mixed.prompt) == [[one], [two]]


def test_other_models_are_asked_together(mixed):
    vlm = tiny_llava()
    assert len(vlm.inputs(mixed)["input_ids"]) == 4
    assert not padding_counts(vlm)
