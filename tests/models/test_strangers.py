"""Nothing is kept under a stranger's code, wherever it was put: hooks, methods, functions."""

import functools

import pytest
import torch
from conftest import decoder
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations import sdpa_attention
from transformers.models.llama import modeling_llama
from transformers.models.llava.modeling_llava import LlavaModel

from talo_mini import BadInput, load_benchmark, sweep
from talo_mini.models.strangers import strange_code


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=3, form="direct")


def with_a_method(vlm):
    mlp = decoder(vlm)[1].mlp
    own = mlp.forward
    mlp.forward = functools.wraps(own)(lambda values: own(values) / 2)


def with_another_picture_method(vlm):
    own = vlm.model.model.get_image_features
    vlm.model.model.get_image_features = lambda *args, **options: own(*args, **options)


def with_a_hook(vlm):
    decoder(vlm)[1].register_forward_hook(lambda module, args, output: output)


def with_a_hook_of_accelerate(vlm):
    from accelerate.hooks import ModelHook, add_hook_to_module

    class Mine(ModelHook):
        def post_forward(self, module, output):
            return output / 2

    add_hook_to_module(decoder(vlm)[1].mlp, Mine())


REFUSED = [with_a_method, with_another_picture_method, with_a_hook, with_a_hook_of_accelerate]


@pytest.mark.parametrize("change", REFUSED)
def test_what_nothing_tells_of_is_not_kept(vlm, benchmark, tmp_path, change):
    change(vlm)
    with pytest.raises(BadInput, match=r"someone (put a hook on|replaced the method)"):
        sweep(vlm, benchmark, layers=[0], cache=tmp_path)
    sweep(vlm, benchmark, layers=[0])


def test_a_class_whose_method_was_replaced_is_not_kept(vlm, benchmark, tmp_path, monkeypatch):
    kind = type(decoder(vlm)[1].mlp)
    own = kind.forward
    monkeypatch.setattr(kind, "forward", lambda self, values: own(self, values) / 2)
    with pytest.raises(BadInput, match=f"replaced the method forward of {kind.__name__}"):
        sweep(vlm, benchmark, layers=[0], cache=tmp_path)


def test_a_hook_on_all_modules_is_not_kept(vlm, benchmark, tmp_path):
    handle = nn.modules.module.register_module_forward_hook(lambda module, args, output: None)
    try:
        with pytest.raises(BadInput, match="someone put a hook on all modules"):
            sweep(vlm, benchmark, layers=[0], cache=tmp_path)
    finally:
        handle.remove()


PATCHED = [
    (nn.functional, "scaled_dot_product_attention", "function scaled_dot_product_attention of"),
    (modeling_llama, "apply_rotary_pos_emb", "function apply_rotary_pos_emb of transformers"),
    (sdpa_attention, "use_gqa_in_sdpa", "function use_gqa_in_sdpa of transformers"),
    (LlavaModel, "get_image_features", "method get_image_features of LlavaModel"),
    (nn.Linear, "forward", "method forward of Linear"),
]


@pytest.mark.parametrize("owner, name, told", PATCHED)
@pytest.mark.parametrize("hidden", ["plain", "named as it was", "in a library's wrapper", "bound"])
def test_a_function_that_was_replaced_is_told(vlm, monkeypatch, owner, name, told, hidden):
    assert strange_code(vlm.model) is None
    own = getattr(owner, name)

    def mine(*args, **options):
        return own(*args, **options)

    ways = {
        "plain": mine,
        "named as it was": functools.wraps(own)(mine),
        "in a library's wrapper": torch.no_grad()(mine),
        "bound": functools.partial(own),
    }
    monkeypatch.setattr(owner, name, ways[hidden])
    assert f"someone replaced the {told}" in strange_code(vlm.model)


def cold(module, query, *args, **options):
    return sdpa_attention.sdpa_attention_forward(module, query / 3, *args, **options)


@pytest.mark.parametrize("registry", [AttentionInterface, AttentionMaskInterface])
@pytest.mark.parametrize("function", [cold, functools.partial(cold, scaling=0.1)])
def test_attention_that_was_registered_under_a_known_name(vlm, monkeypatch, registry, function):
    monkeypatch.setitem(registry._global_mapping, "sdpa", function)
    assert strange_code(vlm.model) == "someone registered the attention 'sdpa'"


def test_attention_under_a_name_of_its_own(vlm, benchmark, tmp_path, monkeypatch):
    monkeypatch.setitem(AttentionInterface._global_mapping, "cold", cold)
    vlm.model.set_attn_implementation("cold")
    with pytest.raises(BadInput, match="someone registered the attention 'cold'"):
        sweep(vlm, benchmark, layers=[0], cache=tmp_path)
    sweep(vlm, benchmark, layers=[0])
