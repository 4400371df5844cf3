"""Knock out a part of a layer: hooks that apply inside a `with` block and leave no trace."""

import math
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Real
from operator import index
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..errors import BadInput, check_kind, whole_number
from ..models.anatomy import PARTS, Anatomy
from ..models.ownership import owned
from ..models.parts import Part, linear_sizes
from ..models.temporary import held, replacement, temporarily
from .effects import EFFECTS, HEAD, NEURON, WHOLE, check_defined, find_effect
from .hooks import first_of, hooks_of, inside
from .spelling import spelt

if TYPE_CHECKING:
    from ..models.vlm import VLM

_knocked_out: dict = {}  # open blocks, and the first decoder layer of the model of each


@dataclass(frozen=True)
class Knockout:
    """What is knocked out, where and how.

    `part` of `layer` of a `stack`, counted from 0; one `head` of an attention, or one `neuron` of
    an MLP, a value that its output projection reads. A sweep's names say the same in one word:
    `Knockout("head 3", 5)`, `Knockout("vision: layer", 2)`. `effect` is one of the register's:
    "zero": an attention or an MLP adds nothing to the residual stream; a "layer" hands on its own
    input. "scale": what is added times `amount`. "noise": Gaussian noise in its place, at every
    position `amount` times as loud as what is added there (its standard deviation over the width),
    drawn from one of `seeds` for each row of a batch (or one for all) and the layer, counted from
    the last position: the same whatever a batch holds. "uniform": every allowed position is
    attended to equally. "mean": its mean over a reference set (see `mean_outputs`) in its place.
    Raises BadInput for what is not defined.
    """

    part: str
    layer: int
    effect: str = "zero"
    stack: str = "decoder"
    head: int | None = None
    neuron: int | None = None
    amount: float = 1.0
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self):
        if not isinstance(self.effect, str):
            raise BadInput(f"the effect of a knockout is a name, not {self.effect!r}")
        if self.part not in PARTS:
            self._spell_out()
        for name in ("layer", "head", "neuron"):
            object.__setattr__(self, name, self._whole_number(name))
        if self.head is not None and "attention" not in self.part:
            raise BadInput(f"a head belongs to an attention, not to {self.part!r}")
        if self.neuron is not None and self.part != "mlp":
            raise BadInput(f"a neuron belongs to an MLP, not to {self.part!r}")
        check_defined(find_effect(self.effect), self.part, self.unit)
        number = isinstance(self.amount, Real) and not isinstance(self.amount, bool)
        if not number or not math.isfinite(self.amount):
            raise BadInput(f"the amount of an effect is a number, not {self.amount!r}")
        object.__setattr__(self, "amount", float(self.amount))
        # a list, where they were read from JSON
        seeds = self.seeds if isinstance(self.seeds, list | tuple) else (self.seeds,)
        whole = tuple(whole_number("a seed", seed, 0) for seed in seeds)
        object.__setattr__(self, "seeds", whole)

    def _spell_out(self):
        """Take the fields that the name of a part says. Raises BadInput where it says none."""
        if not isinstance(self.part, str):
            raise BadInput(f"the part of a knockout is a name, not {self.part!r}")
        name = spelt(self.part)
        if name.part not in PARTS:
            raise BadInput(f"unknown part {self.part!r}; use one of {', '.join(PARTS)}")
        if name.others:
            raise BadInput(
                f"{self.part!r} names parts of several layers; give knockout() one Knockout each"
            )
        defaults = dict(stack="decoder", head=None, neuron=None)
        for field, default in defaults.items():
            value = getattr(name, field)
            if value != default and getattr(self, field) not in (default, value):
                raise BadInput(f"{self.part!r} names another {field} than {field}= does")
            if value != default:
                object.__setattr__(self, field, value)
        object.__setattr__(self, "part", name.part)

    def __str__(self):
        unit = {HEAD: f"head {self.head} of ", NEURON: f"neuron {self.neuron} of "}.get(self.unit)
        stack = "" if self.stack == "decoder" else f" of the {self.stack}"
        amount = f" {self.amount:g}" if EFFECTS[self.effect].amount else ""
        effect = "" if self.effect == "zero" else f", {self.effect}{amount}"
        return f"{unit or ''}{self.part} of layer {self.layer}{stack}{effect}"

    def _whole_number(self, name):
        """A field as a plain integer, numpy's integers too; None stays None.

        Numbers that no model has raise where the knockout is applied, which knows what there is.
        """
        value = getattr(self, name)
        if value is None and name != "layer":
            return None
        try:
            return value if isinstance(value, bool) else index(value)
        except TypeError as error:
            raise BadInput(f"the {name} of a knockout is a whole number, not {value!r}") from error

    @property
    def unit(self) -> str:
        """Whether a whole part, a head of it or a neuron of it is meant."""
        return HEAD if self.head is not None else NEURON if self.neuron is not None else WHOLE


@contextmanager
def knockout(anatomy: "Anatomy | VLM", *knockouts: Knockout, means: dict | None = None):
    """Apply knockouts inside a `with` block; afterwards, also after an error, all is as before.

    `anatomy` may also be the VLM itself.

    Blocks may be nested: of two knockouts of one part the outer decides, of two in one call the
    first. The thread that opened the block owns the model until its end; others wait, and one that
    runs the model past this package is told. Compiled models run uncompiled meanwhile, since they
    would skip hooks. `means` is what `mean_outputs` gave. Raises BadInput, before anything is
    touched, where a layer, part or head does not exist, the layer is dead or the effect is not
    defined there; when the model is copied or saved inside; and at the end of the block where the
    part was not run, as cross-attention is not without a picture. Effect "zero" equals zeroing the
    weights and biases of the part (paper, section 3), save where later layers reuse the keys and
    values of this one: then only what it adds itself is removed.
    """
    for k in knockouts:
        if not isinstance(k, Knockout):
            raise BadInput(f"a knockout is Knockout(part, layer), not {k!r}")
    own = getattr(anatomy, "anatomy", anatomy)  # of a VLM
    own = check_kind("what is knocked out", own, Anatomy, "load_vlm(...) or find_anatomy(model)")
    hooks = [(k, *hook) for k in knockouts for hook in hooks_of(own, k, means or {})]
    with in_force(own, hooks):
        yield


@contextmanager
def in_force(anatomy: Anatomy, hooks):
    """Hooks of knockouts hold inside the block: triples (knockout, method that registers, hook).

    All that `knockout` says of its block is true of this one.
    """
    ran = set()
    # prepend: transformers' own hooks, which record hidden states, must see the changed output
    registrations = [
        (partial(register, prepend=True, with_kwargs=True), _noting(ran, k, hook))
        for k, register, hook in hooks
    ]
    with (
        owned(anatomy),
        torch.compiler.set_stance("force_eager"),
        temporarily([_noted(anatomy), *_unsaved(anatomy.root)]),
        held(registrations),
    ):
        yield
    idle = [k for k, _, _ in hooks if k not in ran]
    if idle:
        raise BadInput(
            f"{idle[0].part} of layer {idle[0].layer} of the {idle[0].stack} was not run inside "
            "the block, so nothing was knocked out (cross-attention and vision layers need a "
            "picture)"
        )


def _unsaved(model):
    """That the model's own way to a file is shut, as a change: hooks would not be in the file."""

    def refuse(*args, **options):
        raise BadInput(
            "a model cannot be saved while a part of it is knocked out: the file would hold the "
            "whole model; save it outside the block"
        )

    names = "save_pretrained", "push_to_hub"
    return [replacement(model, name, refuse) for name in names if hasattr(model, name)]


def _noted(anatomy):
    """The note that a block of this model is open, as a change."""
    block, first = object(), anatomy.stacks["decoder"][0].module
    return lambda: _knocked_out.update({block: first}), lambda: _knocked_out.pop(block, None)


def is_knocked_out(anatomy: Anatomy) -> bool:
    """Whether a `knockout` block of this model is open."""
    first = anatomy.stacks["decoder"][0].module
    return any(layer is first for layer in _knocked_out.values())


def _noting(ran, k, hook):
    """The hook, which notes that its knockout ran."""

    def noting(*args):
        ran.add(k)
        return hook(*args)

    return noting


def mean_outputs(
    anatomy: Anatomy, run, parts=("self-attention", "mlp"), stack: str = "decoder"
) -> dict:
    """The mean of what each part of a stack adds while `run()` runs, by module path, [width].

    And of what its output projection reads, all heads or all neurons side by side, by
    `hooks.inside(path)`. `run` is called once; it runs the model on a reference set. Padding
    positions count too, so use equal lengths. Raises BadInput for a stack that the model has not,
    for a part that no layer of it has, and for a model in training mode.
    """
    names = [parts] if isinstance(parts, str) else list(parts)
    _check_there(anatomy, names, stack)
    totals, counts = {}, {}

    def record(place, values):
        flat = values.detach().float().flatten(0, -2)
        totals[place] = totals.get(place, 0) + flat.sum(0)
        counts[place] = counts.get(place, 0) + len(flat)

    def added(path):
        return lambda module, args, output: record(path, first_of(output))

    def read(path):
        return lambda module, args: record(inside(path), args[0])

    hooks = []
    for layer in anatomy.stacks[stack]:
        for part in (layer.parts.get(name, Part({})) for name in names):
            hooks += [
                (part.added(path).register_forward_hook, added(path)) for path in part.modules
            ]
            hooks += [
                (projection.register_forward_pre_hook, read(path))
                for path, projection in part.projections.items()
            ]
    training = next((m for m in anatomy.root.modules() if m.training), None)
    if training is not None:
        raise BadInput("the model is in training mode, so means would be random; call eval() first")
    with owned(anatomy), torch.compiler.set_stance("force_eager"), held(hooks):
        run()
    return {place: total / counts[place] for place, total in totals.items()}


def _check_there(anatomy, names, stack):
    """Raise BadInput where a model lacks a stack, or all its layers there lack a part."""
    if stack not in anatomy.stacks:
        raise BadInput(
            f"{anatomy.model} has no stack {stack!r}; use one of {', '.join(anatomy.stacks)}"
        )
    there = list(dict.fromkeys(name for layer in anatomy.stacks[stack] for name in layer.parts))
    for name in names:
        if name not in there:
            raise BadInput(
                f"no layer of the {stack} of {anatomy.model} has a part {name!r} whose mean could "
                f"be taken; use {', '.join(there)}"
            )


@contextmanager
def zeroed_weights(anatomy: Anatomy, *knockouts: Knockout):
    """The paper's own way: zero all weights and biases of the part, then put them back bit for bit.

    Raises BadInput for a whole layer, a head, a neuron or another effect, which weights cannot
    express, and for weights that cannot be zeroed in place: quantised or offloaded ones, and those
    that a module shares which is not to be knocked out.
    """
    modules = []
    for k in knockouts:
        if k.part == "layer" or k.effect != "zero" or k.unit != WHOLE:
            raise BadInput(f"{k} cannot be done by zeroing weights; use knockout()")
        modules += anatomy.part(k.part, k.layer, k.stack).modules.values()
    parameters = plain_weights(modules, anatomy)
    # they change nothing, but tell another thread, and a copy, that the model is not as it was
    guards = [(module.register_forward_pre_hook, _as_it_is) for module in modules]
    changes = [_zeroed(parameter) for parameter in parameters]
    with owned(anatomy), temporarily(changes), held(guards):
        yield


def _as_it_is(module, args):
    return None


def _zeroed(parameter):
    """Weights set to zero, as a change."""
    own = parameter.detach().clone()

    def put(value):
        # inference mode may write to any weights, also to those of a model built under it
        with torch.inference_mode():
            parameter.copy_(value)

    return lambda: put(torch.zeros_like(own)), lambda: put(own)


def plain_weights(modules: Sequence[nn.Module], anatomy: Anatomy) -> list[nn.Parameter]:
    """The weights and biases of some modules. Raises BadInput where they are not plain float
    tensors, or are those of other modules too.
    """
    modules_inside = {inner: None for module in modules for inner in module.modules()}
    _check_not_shared(modules_inside, anatomy.root)
    weights = []
    for inner in modules_inside:
        if getattr(inner, "lora_magnitude_vector", None):
            raise BadInput(
                "the weights of a DoRA adapter are scaled to a norm that zeros do not have, so "
                "they cannot be zeroed in place; use knockout()"
            )
        if isinstance(inner, nn.Embedding):
            continue  # T5's position bias, inside an attention, is read by later layers too
        parameters = list(inner.parameters(recurse=False))
        plain = all(type(p.data) is torch.Tensor and p.is_floating_point() for p in parameters)
        if not plain or any(p.is_meta for p in parameters) or _hides_its_weight(inner):
            raise BadInput(
                "weights that are quantised, packed (4-bit) or offloaded cannot be zeroed in "
                "place; use knockout()"
            )
        weights += parameters
    return weights


def _check_not_shared(modules, root):
    """Raise BadInput where other modules of the model have one of the same parameters."""
    weights = {weight for module in modules for weight in module.parameters(recurse=False)}
    for path, other in root.named_modules():
        if other not in modules and weights.intersection(other.parameters(recurse=False)):
            raise BadInput(
                f"weights of the part are also those of {path}, so that both would be changed; use "
                "knockout()"
            )


def _hides_its_weight(module):
    """Whether a linear map has its weight in buffers, as quantised ones have; no adapter's."""
    if linear_sizes(module) is None:
        return False
    wraps = any(linear_sizes(inner) for child in module.children() for inner in child.modules())
    return not wraps and not isinstance(getattr(module, "weight", None), nn.Parameter)
