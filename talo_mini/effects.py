"""What stands in the place of a part's output: the hooks of each effect, zero, scale, noise, uniform and mean."""

import re

import torch
from torch import nn

from .anatomy import output_projection
from .questions import BadInput

BIASES = "relative_attention_bias", "sink"
NO_SOFTMAX = re.compile("Linear|Delta|Mamba|Recurrent|Conv|SSM")
QUERY_NORM = re.compile("q(uery)?_?(layer)?_?norm")
QUERIES = ("q_proj", "query", "q", "q_b_proj", "wq")


def hooks_of(anatomy, k, means):
    """Pairs of (method that registers, hook) for one knockout."""
    part = anatomy.part(k.part, k.layer, k.stack)
    for path, module in part.modules.items():
        if k.head is not None:
            yield _without_head(part, path, module, k)
        elif k.effect == "uniform":
            yield _without_queries(path, module)
        elif k.part == "layer":
            yield module.register_forward_hook, _bypass
        elif k.effect == "mean" and path not in means:
            raise BadInput(f"no mean output of {path}; compute it with mean_outputs() and pass means=")
        else:
            yield module.register_forward_hook, _replace_by(_replacement(k, means.get(path)))


def _replace_by(replacement):
    def hook(module, args, kwargs, output):
        return _with_first(output, replacement(first_of(output)))
    return hook


def _replacement(k, mean):
    """The function from a part's output to what stands in its place."""
    if k.effect == "zero":
        return torch.zeros_like
    if k.effect == "scale":
        return lambda output: output * k.amount
    if k.effect == "mean":
        return lambda output: mean.to(output).expand_as(output)

    def noise(output):
        rows = output if len(k.seeds) > 1 else output[None]
        if len(rows) != len(k.seeds):
            raise BadInput(f"{k.part} of layer {k.layer} hands on {len(rows)} rows for {len(k.seeds)} questions, so that each cannot "
                           "have noise of its own; use batch=1")
        drawn = torch.stack([_drawn(row, seed + k.layer) for row, seed in zip(rows, k.seeds)]).view(output.shape)
        return (drawn * output.float().std(-1, keepdim=True) * k.amount).to(output.dtype)
    return noise


def _drawn(row, seed):
    """Standard normal values in the shape of a row, the same at its last positions however many come before."""
    positions = row.flatten(0, -2)
    generator = torch.Generator(row.device).manual_seed(seed)
    return torch.randn(positions.shape, generator=generator, device=row.device).flip(0).view(row.shape)


def _bypass(module, args, kwargs, output):
    return _with_first(output, args[0] if args else kwargs["hidden_states"])


def _without_head(part, path, module, k):
    """A hook that zeroes one head's share of what the output projection reads."""
    if not part.heads:
        raise BadInput(f"how many heads {path} has is not known, so none can be knocked out alone")
    if isinstance(k.head, bool) or not 0 <= k.head < part.heads:
        raise BadInput(f"{path} has no head {k.head!r}; heads are 0 to {part.heads - 1}")
    projection = module if isinstance(module, nn.Linear) else output_projection(module)
    between = [name for name, child in module.named_children() if "inner" in name and "Norm" in type(child).__name__]
    if projection is None or between:
        raise BadInput(f"the heads of {path} cannot be told apart: {between[0] if between else 'something'} stands between "
                       "them and the output projection")
    width = projection.in_features // part.heads

    def hook(module, args, kwargs):
        kept = args[0].clone()
        kept[..., k.head * width:(k.head + 1) * width] = 0
        return (kept, *args[1:]), kwargs
    return projection.register_forward_pre_hook, hook


def _without_queries(path, module):
    """A hook that zeroes an attention's queries, so that every allowed key gets the same weight."""
    why = _not_by_queries(module)
    if why:
        raise BadInput(f"{path} {why}, so zeroed queries do not make it uniform")
    for name in QUERIES:
        if isinstance(getattr(module, name, None), nn.Linear):
            return getattr(module, name).register_forward_hook, _replace_by(torch.zeros_like)
    fused = getattr(module, "qkv", None)
    if isinstance(fused, nn.Linear) and fused.out_features == 3 * fused.in_features:
        def first_third(output):
            return torch.cat([torch.zeros_like(output[..., :fused.in_features]), output[..., fused.in_features:]], -1)
        return fused.register_forward_hook, _replace_by(first_third)
    raise BadInput(f"{path} has no query projection of its own ({', '.join(QUERIES)} or qkv), so it cannot be made uniform")


def _not_by_queries(module):
    """Why an attention would not be uniform with zeroed queries, or None."""
    if any(word in name for name in (*dir(module), *(name for name, _ in module.named_modules())) for word in BIASES) or hasattr(module, "r_proj"):
        return "adds a position bias to its scores"
    if NO_SOFTMAX.search(type(module).__name__):
        return "has no softmax over positions"
    if any(QUERY_NORM.fullmatch(name) and getattr(child, "bias", None) is not None for name, child in module.named_children()):
        return "normalises its queries and adds a bias"
    query, output = getattr(module, "q_proj", None), output_projection(module)
    if isinstance(query, nn.Linear) and output is not None and query.out_features == 2 * output.in_features:
        return "takes a gate of its output from the query projection"
    return None


def first_of(output):
    """The tensor a module hands on, alone or as the first of several."""
    return output[0] if isinstance(output, tuple) else output


def _with_first(output, tensor):
    return (tensor, *output[1:]) if isinstance(output, tuple) else tensor
