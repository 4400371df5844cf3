"""What interventions are by definition, without hooks: weights or an attention are changed."""

from contextlib import contextmanager
from unittest import mock

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from talo_mini.interventions.hooks import QUERIES, inside
from talo_mini.models.parts import MLP_OUTPUTS, OUTPUTS, output_projection


def difference(a, b):
    return (a - b).abs().max().item()


def uniform_attention(module, query, key, value, attention_mask=None, **options):
    """The mean of the values over the positions a mask allows: what uniform attention is."""
    mask = attention_mask
    groups = query.shape[1] // value.shape[1]
    value = value.repeat_interleave(groups, 1)
    allowed = torch.ones(query.shape[0], 1, query.shape[2], key.shape[2], dtype=torch.bool)
    if mask is not None:
        allowed = allowed & (mask if mask.dtype == torch.bool else mask > -1e4)[..., : key.shape[2]]
    elif options.get("is_causal", getattr(module, "is_causal", False)) and query.shape[2] > 1:
        allowed = allowed & torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril()
    weights = allowed.float() / allowed.sum(-1, keepdim=True).clamp(min=1)
    return (weights.expand(-1, query.shape[1], -1, -1).to(value) @ value).transpose(
        1, 2
    ).contiguous(), None


def with_attention(model, module, run, instead=None):
    """What `run()` gives when one attention's function is another, uniform attention or `instead`
    (called with the original first); None where it has no such function.
    """
    config = getattr(module, "config", None) or model.get_decoder().config
    implementation = config._attn_implementation or "eager"
    original, asked = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, None), []

    def patched(attention, *args, **options):
        if attention is not module:
            return original(attention, *args, **options)
        asked.append(attention)
        return (
            instead(original, attention, *args, **options)
            if instead
            else uniform_attention(attention, *args, **options)
        )

    if original is None:
        return None
    with mock.patch.dict(ALL_ATTENTION_FUNCTIONS._global_mapping, {implementation: patched}):
        found = run()
    return found if asked else None


# effect: what stands in the place of values [..., width], by its definition
DEFINITIONS = {
    "zero": lambda values, k, mean: 0 * values,
    "scale": lambda values, k, mean: values * k.amount,
    "mean": lambda values, k, mean: mean.to(values).expand_as(values),
}


@contextmanager
def behind_a_norm(norm, k, mean):
    """The same where a norm stands between the part and the residual stream: its output changes."""
    own = norm.forward
    with mock.patch.object(
        norm, "forward", lambda values: DEFINITIONS[k.effect](own(values), k, mean)
    ):
        yield


@contextmanager
def by_definition(part, path, share, k, means):
    """A part's output, or what its projection reads of a head or neuron, replaced in the open."""
    module, mean = part.modules[path], (means or {}).get(path)
    if share is None:
        own = module.forward

        def forward(*args, **options):
            output = own(*args, **options)
            first, *rest = output if isinstance(output, tuple) else (output,)
            changed = DEFINITIONS[k.effect](first, k, mean)
            return (changed, *rest) if isinstance(output, tuple) else changed

        with mock.patch.object(module, "forward", forward):
            yield
        return
    projection = part.projections[path]
    read = projection.forward

    def of_changed(values):
        values = values.clone()
        values[..., share] = DEFINITIONS[k.effect](values[..., share], k, mean)
        return read(values)

    with mock.patch.object(projection, "forward", of_changed):
        yield


BY_WEIGHTS = ("zero", "scale", "mean", "uniform")  # what weights alone can express


@contextmanager
def by_weights(anatomy, k, means=None):
    """What a knockout is by definition, done to weights, which are put back afterwards."""
    part = anatomy.part(k.part, k.layer, k.stack)
    ((path, module),) = part.modules.items()
    if part.norms and k.effect != "uniform" and k.head is None and k.neuron is None:
        with behind_a_norm(part.norms[path], k, means and means.get(path)):
            yield
        return
    mixer = part.mixers.get(path)
    if k.effect == "uniform":
        projection = next(
            getattr(mixer, name)
            for name in (*QUERIES, "qkv")
            if isinstance(getattr(mixer, name, None), nn.Linear)
        )
        width = (
            projection.in_features
            if projection is getattr(mixer, "qkv", None)
            else projection.out_features
        )
    else:
        projection = output_projection(module, MLP_OUTPUTS if k.part == "mlp" else OUTPUTS)
        width = projection.in_features
    number, units = (k.head, part.heads) if k.head is not None else (k.neuron, width)
    share = (
        slice(0, width)
        if number is None
        else slice(number * width // units, (number + 1) * width // units)
    )
    whole = number is None
    if k.effect not in BY_WEIGHTS:
        with by_definition(part, path, None if whole else share, k, means):
            yield
        return
    weight, bias = projection.weight, projection.bias
    kept, kept_bias = weight.detach().clone(), None if bias is None else bias.detach().clone()
    try:
        with torch.inference_mode():
            if k.effect == "uniform":
                weight[share] = 0
                if bias is not None:
                    bias[share] = 0
            elif k.effect in ("zero", "scale"):
                factor = 0 if k.effect == "zero" else k.amount
                weight[:, share] *= factor
                if bias is not None and whole:
                    bias *= factor
            else:
                mean = (
                    means[path]
                    if whole
                    else weight[:, share] @ means[inside(path)][share].to(weight)
                )
                weight[:, share] = 0
                if whole or bias is None:
                    projection.bias = nn.Parameter(mean.to(weight), requires_grad=False)
                else:
                    bias += mean
        yield
    finally:
        projection.bias = bias
        with torch.inference_mode():
            weight.copy_(kept)
            if bias is not None:
                bias.copy_(kept_bias)
