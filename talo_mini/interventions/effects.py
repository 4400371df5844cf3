"""What stands in the place of a part's output: the hooks of each effect, zero, scale, noise,
uniform and mean.
"""

import re

import torch
from torch import nn

from ..errors import BadInput
from ..models.anatomy import output_projection

BIASES = "relative_attention_bias", "distance_embedding", "sink"
NO_SOFTMAX = re.compile("Linear|Delta|Mamba|Recurrent|Conv|SSM")
QUERY_NORM = re.compile("q(uery)?_?(layer)?_?norm")
QUERIES = ("q_proj", "query", "q", "q_b_proj", "wq")


def hooks_of(anatomy, k, means):
    """Pairs of (method that registers, hook) for one knockout. `means`: see `mean_outputs`, or None
    where not known yet.

    Raises BadInput where a part, head or neuron does not exist, the layer is dead or the effect is
    not defined there.
    """
    part = anatomy.part(k.part, k.layer, k.stack)
    if anatomy.stacks[k.stack][k.layer].dead:
        raise BadInput(
            f"layer {k.layer} of the {k.stack} of {anatomy.model} is dead: nothing reads its "
            "output, so nothing would be knocked out"
        )
    for path, module in part.modules.items():
        if k.effect == "uniform":
            yield _without_queries(part.mixers[path], path, part.heads, k.head)
        elif k.part == "layer":
            yield module.register_forward_hook, _bypass
        elif k.head is None and k.neuron is None:
            yield module.register_forward_hook, _replace_by(_replacement(k, path, means))
        else:
            projection, share = _share(part, path, k)
            yield (
                projection.register_forward_pre_hook,
                _replace_in(share, _replacement(k, inside(path), means, share)),
            )


def inside(path: str) -> str:
    """The name of the mean of what a part's output projection reads: all heads, or all neurons,
    side by side.
    """
    return f"{path}, inside"


def _replace_by(replacement):
    def hook(module, args, kwargs, output):
        return _with_first(output, replacement(first_of(output)))

    return hook


def _replace_in(share, replacement):
    def hook(module, args, kwargs):
        return (_changed(args[0], share, replacement), *args[1:]), kwargs

    return hook


def _changed(values, share, replacement):
    """The values with those of a share of the last axis replaced."""
    values = values.clone()
    values[..., share] = replacement(values[..., share])
    return values


def _replacement(k, place, means, share=slice(None)):
    """The function from a part's output, or from a share of what makes it, to what stands in its
    place.
    """
    if k.effect == "zero":
        return torch.zeros_like
    if k.effect == "scale":
        return lambda output: output * k.amount
    if k.effect == "mean":
        if means is not None and place not in means:
            raise BadInput(
                f"no mean output of {place}; compute it with mean_outputs() and pass means="
            )
        return lambda output: means[place][share].to(output).expand_as(output)

    def noise(output):
        if (
            output.ndim == 2 and len(output) % len(k.seeds) == 0 and len(output) > len(k.seeds)
        ):  # OPT's MLP joins questions and tokens
            return noise(output.unflatten(0, (len(k.seeds), -1))).flatten(0, 1)
        rows = output if len(k.seeds) > 1 else output[None]
        if len(rows) != len(k.seeds):
            raise BadInput(
                f"{k.part} of layer {k.layer} hands on {len(rows)} rows for {len(k.seeds)} "
                "questions, so that each cannot "
                "have noise of its own; use batch=1"
            )
        drawn = torch.stack([_drawn(row, seed + k.layer) for row, seed in zip(rows, k.seeds)]).view(
            output.shape
        )
        return (drawn * output.float().std(-1, keepdim=True) * k.amount).to(output.dtype)

    return noise


def _drawn(row, seed):
    """Standard normal values in the shape of a row, the same at its last positions however many
    come before.
    """
    positions = row.flatten(0, -2)
    generator = torch.Generator(row.device).manual_seed(seed)
    return (
        torch.randn(positions.shape, generator=generator, device=row.device).flip(0).view(row.shape)
    )


def _bypass(module, args, kwargs, output):
    return _with_first(output, args[0] if args else kwargs["hidden_states"])


def _share(part, path, k):
    """The linear map that reads an attention's heads or an MLP's neurons side by side, and where
    this one's values lie.
    """
    unit, number = ("head", k.head) if k.neuron is None else ("neuron", k.neuron)
    if path not in part.projections:
        raise BadInput(
            f"the {unit}s of {path} cannot be told apart: no output projection of its own reads "
            "them side by side"
        )
    projection = part.projections[path]
    return projection, _place(
        path,
        unit,
        number,
        part.heads if unit == "head" else projection.in_features,
        projection.in_features,
    )


def _place(path, unit, number, units, width):
    """Where one of `units` of equal width lies among values `width` wide."""
    if not units:
        raise BadInput(
            f"how many {unit}s {path} has is not known, so none can be knocked out alone"
        )
    if isinstance(number, bool) or not 0 <= number < units:
        raise BadInput(f"{path} has no {unit} {number!r}; {unit}s are 0 to {units - 1}")
    own = width // units
    return slice(number * own, (number + 1) * own)


def _without_queries(mixer, path, heads, head):
    """A hook that zeroes an attention's queries, or one head's, so that every allowed key gets the
    same weight.
    """
    why = _not_by_queries(mixer)
    if why:
        raise BadInput(f"{path} {why}, so zeroed queries do not make it uniform")
    fused = getattr(mixer, "qkv", None)
    query = next(
        (
            getattr(mixer, name)
            for name in QUERIES
            if isinstance(getattr(mixer, name, None), nn.Linear)
        ),
        None,
    )
    if query is not None:
        module, width = query, query.out_features
        for name, child in mixer.named_children():
            if QUERY_NORM.fullmatch(name) and getattr(child, "weight", torch.empty(0)).shape == (
                width,
            ):
                module = child  # it mixes all heads, so that one can only be zeroed behind it
    elif isinstance(fused, nn.Linear) and fused.out_features == 3 * fused.in_features:
        module, width = fused, fused.in_features
    else:
        raise BadInput(
            f"{path} has no query projection of its own ({', '.join(QUERIES)} or qkv), so it "
            "cannot be made uniform"
        )
    share = slice(0, width) if head is None else _place(path, "head", head, heads, width)
    return module.register_forward_hook, _replace_by(
        lambda output: _changed(output, share, torch.zeros_like)
    )


def _not_by_queries(module):
    """Why an attention would not be uniform with zeroed queries, or None."""
    if any(
        word in name
        for name in (*dir(module), *(name for name, _ in module.named_modules()))
        for word in BIASES
    ) or hasattr(module, "r_proj"):
        return "adds a position bias to its scores"
    if NO_SOFTMAX.search(type(module).__name__):
        return "has no softmax over positions"
    if any(
        QUERY_NORM.fullmatch(name) and getattr(child, "bias", None) is not None
        for name, child in module.named_children()
    ):
        return "normalises its queries and adds a bias"
    query, output = getattr(module, "q_proj", None), output_projection(module)
    if (
        isinstance(query, nn.Linear)
        and output is not None
        and query.out_features == 2 * output.in_features
    ):
        return "takes a gate of its output from the query projection"
    return None


def first_of(output):
    """The tensor a module hands on, alone or as the first of several."""
    return output[0] if isinstance(output, tuple) else output


def _with_first(output, tensor):
    return (tensor, *output[1:]) if isinstance(output, tuple) else tensor
