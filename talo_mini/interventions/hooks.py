"""Where a knockout takes hold: the hooks on a part, a head, a neuron or an attention's queries."""

import inspect
import re

import torch

from ..errors import BadInput
from ..models.parts import linear_sizes, output_projection
from .effects import EFFECTS, HEAD, WHOLE, queries_off

BIASES = "relative_attention_bias", "distance_embedding", "sink"
RELATIVE = "relative_position", "rel_pos", "alibi"
NO_SOFTMAX = re.compile("Linear|Delta|Mamba|Recurrent|Conv|SSM")
QUERY_NORM = re.compile("q(uery)?_?(layer)?_?norm")
QUERIES = ("q_proj", "query", "q", "q_b_proj", "wq")


def hooks_of(anatomy, k, means):
    """Pairs of (method that registers, hook) for one knockout, which take (module, args, kwargs).

    `means`: see `mean_outputs`, or None where not known yet. Raises BadInput where a part, head or
    neuron does not exist, the layer is dead or the effect is not defined there.
    """
    part = anatomy.part(k.part, k.layer, k.stack)
    if anatomy.stacks[k.stack][k.layer].dead:
        raise BadInput(
            f"layer {k.layer} of the {k.stack} of {anatomy.model} is dead: nothing reads its "
            "output, so nothing would be knocked out"
        )
    if not part.followed and k.unit == WHOLE and k.effect not in ("zero", "uniform"):
        raise BadInput(
            f"what follows {k.part} in layer {k.layer} of the {k.stack} cannot be read from the "
            f"layer's own code, so that {k.effect!r} may act in front of a norm that undoes it; "
            "use the effect 'zero', or single heads"
        )
    hooked = set()  # a dense MLP and experts beside it may be added through one norm
    for path, module in part.modules.items():
        if EFFECTS[k.effect].replacement is queries_off:
            _check_no_bias(anatomy, k)
            yield _without_queries(part.mixers[path], path, part.heads, k.head)
        elif k.part == "layer":
            yield module.register_forward_hook, _bypass
        elif k.unit == WHOLE and part.added(path) not in hooked:
            hooked.add(part.added(path))
            replacement = _replacement(k, path, means)
            yield part.added(path).register_forward_hook, _replace_by(replacement)
        elif k.unit != WHOLE:
            projection, share = unit_share(part, path, k)
            replacement = _replacement(k, inside(path), means, share)
            yield projection.register_forward_pre_hook, _replace_in(share, replacement)


def inside(path: str) -> str:
    """The name of the mean of what a part's output projection reads: all heads or neurons."""
    return f"{path}, inside"


def _replacement(k, place, means, share=slice(None)):
    """The function from values to what stands in their place, with the mean of that place."""
    effect = EFFECTS[k.effect]
    if effect.needs != "reference" or means is None:
        return effect.replacement(k, None)
    if place not in means:
        raise BadInput(f"no mean output of {place}; compute it with mean_outputs() and pass means=")
    return effect.replacement(k, means[place][share])


def _replace_by(replacement):
    def hook(module, args, kwargs, output):
        return with_first(output, replacement(first_of(output)))

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


def _bypass(module, args, kwargs, output):
    return with_first(output, given(module, args, kwargs))


def unit_share(part, path, k):
    """The linear map that reads heads or neurons side by side, and where this one's values lie."""
    if path not in part.projections:
        raise BadInput(
            f"the {k.unit}s of {path} cannot be told apart: no output projection of its own reads "
            "them side by side"
        )
    projection = part.projections[path]
    width, _ = linear_sizes(projection)
    units = part.heads if k.unit == HEAD else width
    number = k.head if k.unit == HEAD else k.neuron
    return projection, _place(path, k.unit, number, units, width)


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
    """A hook that zeroes an attention's queries, or one head's: every allowed key weighs alike."""
    why = _not_by_queries(mixer)
    if why:
        raise BadInput(f"{path} {why}, so zeroed queries do not make it uniform")
    module, width = _query_projection(mixer, path)
    share = slice(0, width) if head is None else _place(path, HEAD, head, heads, width)
    hook = _replace_by(lambda queries: _changed(queries, share, torch.zeros_like))
    return module.register_forward_hook, hook


def _check_no_bias(anatomy, k):
    """Raise BadInput where the stack adds a bias of relative positions to its attentions' scores.

    Some keep it beside the attention and add it to the mask (BEiT).
    """
    around = anatomy.stacks[k.stack][k.layer].path.rsplit(".", 2)[0]
    tower = anatomy.root.get_submodule(around if around.count(".") else "")
    names = (name for name, _ in (*tower.named_modules(), *tower.named_parameters()))
    if any(word in name for name in names for word in RELATIVE):
        raise BadInput(
            f"the {k.stack} adds a position bias to its attentions' scores, so zeroed queries do "
            "not make them uniform"
        )


def _query_projection(mixer, path):
    """The module behind which an attention's queries can be zeroed, and how wide they are."""
    children = (getattr(mixer, name, None) for name in QUERIES)
    query = next((child for child in children if linear_sizes(child)), None)
    fused = getattr(mixer, "qkv", None)
    read, written = linear_sizes(fused) or (0, 0)
    if query is None and written and written == 3 * read:
        return fused, read
    if query is None:
        raise BadInput(
            f"{path} has no query projection of its own ({', '.join(QUERIES)} or qkv), so it "
            "cannot be made uniform"
        )
    _, width = linear_sizes(query)
    for name, child in mixer.named_children():
        # such a norm mixes all heads, so that one can only be zeroed behind it
        wide = getattr(child, "weight", torch.empty(0)).shape == (width,)
        if QUERY_NORM.fullmatch(name) and wide:
            return child, width
    return query, width


def _not_by_queries(mixer):
    """Why an attention would not be uniform with zeroed queries, or None."""
    below = [name for name, _ in mixer.named_modules()]
    names = [*dir(mixer), *below]
    biased = any(word in name for name in names for word in BIASES)
    if biased or hasattr(mixer, "r_proj"):
        return "adds a position bias to its scores"
    if NO_SOFTMAX.search(type(mixer).__name__):
        return "has no softmax over positions"
    for name, child in mixer.named_children():
        if QUERY_NORM.fullmatch(name) and getattr(child, "bias", None) is not None:
            return "normalises its queries and adds a bias"
    query, output = getattr(mixer, "q_proj", None), output_projection(mixer)
    both = linear_sizes(query) and output is not None
    if both and linear_sizes(query)[1] == 2 * linear_sizes(output)[0]:
        return "takes a gate of its output from the query projection"
    return None


def given(module, args, kwargs):
    """The hidden states a layer is called with, by their place or by their name."""
    if args:
        return args[0]
    name = next(iter(inspect.signature(module.forward).parameters))
    return kwargs[name]


def first_of(output):
    """The tensor a module hands on, alone or as the first of several."""
    return output[0] if isinstance(output, tuple) else output


def with_first(output, tensor):
    """What a module hands on with another first tensor."""
    return (tensor, *output[1:]) if isinstance(output, tuple) else tensor
