"""Anatomies: every family of `AutoModelForImageTextToText` is exact, refused with a sentence, or
not buildable here and why.
"""

from functools import partial

import pytest
import torch
import transformers
from families import FAMILIES, family
from families import built as built_family
from mapping import BY_HAND, NAMES, built
from oracles import uniform_attention, with_attention
from packaging.version import Version
from torch import nn

from talo_mini import BadInput, Knockout, knockout
from talo_mini.interventions import zeroed_weights
from talo_mini.interventions.hooks import first_of
from talo_mini.models.anatomy import find_anatomy
from talo_mini.models.parts import Part
from talo_mini.models.temporary import held

# of the lowest version that is declared, by its own faults
OLD = Version(transformers.__version__) < Version("5.23")
NOT_BUILT_BY_OLD = {"granite4_vision", "vision-encoder-decoder"}
# where a layer without its parts hands on something else than what it was given, and why
OTHERWISE = {
    "blip": "a norm follows each sum",
    "florence2": "a norm follows each sum",
    "git": "a norm follows each sum",
    "vision-encoder-decoder": "a norm follows each sum",
    "gemma4": "an embedding of each token is added in each layer",
    "gemma3n": "several streams are mixed in each layer",
    "glm5_next": "several streams are mixed in each layer",
    "inkling2": "a layer attends over the streams of earlier blocks",
    "muse_spark": "a gate weighs stream and part",
}
table = {}


def test_tree(tiny):
    text = str(tiny.anatomy)
    assert "decoder: 4 layers at model.language_model.layers" in text
    assert "vision: 3 layers at model.vision_tower.encoder.layers" in text
    assert text.count("self-attention (4 heads), mlp") == 4


def test_parts_are_the_models_own_modules(tiny):
    layer = tiny.model.model.language_model.layers[2]
    for part, module in (("self-attention", layer.self_attn), ("mlp", layer.mlp), ("layer", layer)):
        assert [found for found in tiny.anatomy.part(part, 2).modules.values()] == [module]


def test_a_model_without_layers_raises_what_was_looked_for():
    class Odd(nn.Module):
        def get_decoder(self):
            return nn.Linear(2, 2)

    with pytest.raises(
        BadInput, match="Odd: no decoder layers understood; looked under get_decoder"
    ):
        find_anatomy(Odd())


@pytest.mark.parametrize("name", FAMILIES)
def test_stacks(name):
    anatomy = built_family(name)[2]
    assert len(anatomy.stacks["decoder"]) == 4 and "vision" in anatomy.stacks
    assert all({"mlp"} < set(layer.parts) for layers in anatomy.stacks.values() for layer in layers)
    assert ("q-former" in anatomy.stacks) == ("blip" in name) and (
        "perceiver" in anatomy.stacks
    ) == (name == "idefics2")
    assert ("text encoder" in anatomy.stacks) == (name in ("florence2", "instructblip_t5"))
    assert all(
        part.heads == 4
        for layer in anatomy.stacks["decoder"]
        for key, part in layer.parts.items()
        if "attention" in key
    )


def test_last_clip_layer_of_llava_is_dead():
    assert [layer.dead for layer in built_family("llava")[2].stacks["vision"]] == [False, True]
    assert "dead, nothing reads its output" in str(built_family("llava")[2])


@pytest.mark.parametrize(
    "chosen,dead",
    [
        (-1, [False, False]),
        ([-2, 1], [False, True]),
        ([-2, -1], [False, False]),
        (1, [False, True]),
    ],
)
def test_layers_above_all_that_are_read_are_dead(chosen, dead):
    model, _ = family("llava")
    model.config.vision_feature_layer = chosen
    assert [layer.dead for layer in find_anatomy(model).stacks["vision"]] == dead


def test_cross_attention_of_mllama():
    anatomy = built_family("mllama")[2]
    assert [sorted(layer.parts)[0] for layer in anatomy.stacks["decoder"]] == [
        "mlp",
        "cross-attention",
        "mlp",
        "cross-attention",
    ]
    with pytest.raises(
        BadInput, match="no part 'self-attention'; it has: cross-attention, mlp, layer"
    ):
        anatomy.part("self-attention", 1)


def everywhere(anatomy, part, i):
    """The knockout in each stack that runs these very weights: zeroing them in the decoder zeroes
    them there, too.
    """

    def weights(layers):
        return [id(p) for m in layers[i].parts[part].modules.values() for p in m.parameters()]

    return [
        Knockout(part, i, stack=stack)
        for stack, layers in anatomy.stacks.items()
        if i < len(layers)
        and part in layers[i].parts
        and weights(layers) == weights(anatomy.stacks["decoder"])
    ]


def check(name):
    """ "exact", or why not."""
    try:
        by_hand = BY_HAND.get(name, name)
        model, inputs = family(by_hand) if by_hand in FAMILIES else built(name)
    except Exception as error:
        return f"not buildable here: {type(error).__name__}: {' '.join(str(error).split())[:60]}"
    try:
        anatomy = find_anatomy(model)
    except BadInput as error:
        return f"refused: {error}"

    @torch.inference_mode()
    def logits():
        torch.manual_seed(0)  # diffusion starts from noise
        return model(**inputs, use_cache=False).logits

    try:
        base = logits()
    except Exception as error:
        return f"not runnable here: {type(error).__name__}: {str(error).splitlines()[0][:90]}"
    if not torch.isfinite(base).all():
        return "not runnable here: logits are not finite"
    for i, layer in enumerate(anatomy.stacks["decoder"]):
        for part in layer.parts:
            with knockout(anatomy, *everywhere(anatomy, part, i)):
                hooked = logits()
            with zeroed_weights(anatomy, *everywhere(anatomy, part, i)):
                zeroed = logits()
            assert not torch.equal(hooked, base), f"{name}: {part} of layer {i} changes nothing"
            assert torch.equal(hooked, zeroed), (
                f"{name}: {part} of layer {i}, {(hooked - zeroed).abs().max()}"
            )
        inside_attention(name, model, anatomy, i, logits)
        neurons(name, layer, logits)
    assert torch.equal(logits(), base)
    return "exact"


def inside_attention(name, model, anatomy, i, logits):
    """A self-attention made uniform, one head of it, and one head removed: refused, or as where the
    attention computes it.
    """
    part = anatomy.stacks["decoder"][i].parts.get("self-attention")
    if part is None or len(part.modules) > 1 or len(everywhere(anatomy, "self-attention", i)) > 1:
        return

    def one_head(original, *args, **options):
        output, *rest = original(*args, **options)
        output = output.clone()
        output[:, :, 1] = (
            uniform_attention(*args, **options)[0][:, :, 1] if effect == "uniform" else 0
        )
        return output, *rest

    for effect, head in (("uniform", None), ("uniform", 1), ("zero", 1)):
        try:
            with knockout(anatomy, Knockout("self-attention", i, effect, head=head)):
                hooked = logits()
        except BadInput:
            continue
        expected = with_attention(
            model, *part.mixers.values(), logits, None if head is None else one_head
        )
        if expected is not None:
            assert (hooked - expected).abs().max() < 1e-4, (
                f"{name}: {effect}, head {head} of layer {i}, {(hooked - expected).abs().max()}"
            )


def neurons(name, layer, logits):
    """The projection that reads an MLP's neurons writes the MLP's output."""
    mlp = layer.parts.get("mlp", Part({}))
    for path, projection in mlp.projections.items():
        module, seen = mlp.modules[path], {}
        if projection is module:
            continue
        hooks = [
            module.register_forward_hook(
                lambda module, args, output, seen=seen: seen.update(whole=output)
            ),
            projection.register_forward_hook(
                lambda module, args, output, seen=seen: seen.update(projected=output)
            ),
        ]
        logits()
        for hook in hooks:
            hook.remove()
        if not seen:
            continue  # not run without a picture
        whole = seen["whole"][0] if isinstance(seen["whole"], tuple) else seen["whole"]
        assert torch.equal(whole.flatten(), seen["projected"].flatten()), f"{name}: {layer.path}"


@pytest.mark.parametrize("name", NAMES)
def test_family(name):
    table[name] = check(name)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_beside_the_parts_adds_to_the_stream(name):
    """Without all its parts a layer hands on what it was given: none runs beside them unseen."""
    try:
        by_hand = BY_HAND.get(name, name)
        model, inputs = family(by_hand) if by_hand in FAMILIES else built(name)
    except Exception:
        return  # the table above says why
    anatomy = find_anatomy(model)
    changed = [i for i in range(len(anatomy.stacks["decoder"])) if changes(anatomy, i, inputs)]
    if name in OTHERWISE:
        assert changed, f"{name} has become plain: take it out of the list"
    else:
        assert not changed


@torch.inference_mode()
def changes(anatomy, i, inputs):
    """Whether a decoder layer without its parts changes what it is given."""
    layer, seen = anatomy.stacks["decoder"][i], {}

    def before(module, args, kwargs):
        given = args[0] if args else next(filter(torch.is_tensor, kwargs.values()))
        seen["given"] = given.clone()

    def after(module, args, kwargs, output):
        seen["made"] = first_of(output).clone()

    hooks = [
        (partial(layer.module.register_forward_pre_hook, with_kwargs=True), before),
        (partial(layer.module.register_forward_hook, with_kwargs=True), after),
    ]
    with knockout(anatomy, *(Knockout(part, i) for part in layer.parts)), held(hooks):
        torch.manual_seed(0)
        anatomy.root(**inputs, use_cache=False)
    return not torch.equal(seen["given"], seen["made"])


def test_table(capsys):
    """All are exact, but those whose vision tower needs timm where it is not installed.

    timm needs torchvision, whose wheels of the package index are compiled for a torch with CUDA
    and do not load beside one for CPUs alone; `make test-lowest` has both. What an older version
    of the library itself cannot build is not counted.
    """
    with capsys.disabled():
        print()
        for name, verdict in table.items():
            more = f"; {OTHERWISE[name]}" if name in OTHERWISE and verdict == "exact" else ""
            print(f"{name:28s} {verdict}{more}")
    strange = {
        name: verdict
        for name, verdict in table.items()
        if verdict != "exact" and "requires the timm library" not in verdict
    }
    assert strange.keys() <= NOT_BUILT_BY_OLD if OLD else not strange, strange
