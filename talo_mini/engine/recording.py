"""The base run of a model, recorded: what each decoder layer is given and hands on."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch

from ..interventions.hooks import first_of
from ..models.anatomy import Anatomy
from ..models.asked import wanted_logits
from ..models.temporary import held
from .memory import free_memory
from .pictures import Pictures


class CannotReplay(Exception):
    """Why a model's decoder cannot be replayed layer by layer; hooks still work."""


@dataclass(frozen=True)
class Recording:
    """What was seen of a base run. `calls` are (args, kwargs) of each decoder layer.

    `outputs` are what the layers hand on, `hidden` the states first among it, [rows, tokens, ...];
    `logits` those that are wanted, [places, vocabulary]: of each question's next token, or as the
    inputs say. `zeros` makes what a part adds when it is zero, by path, where that is known.
    `taken` is the memory that the run took, in bytes, on a GPU.
    """

    calls: list[tuple[tuple, dict]]
    outputs: list
    logits: torch.Tensor
    zeros: dict[str, Callable]
    taken: int

    @property
    def hidden(self) -> list[torch.Tensor]:
        """The hidden states behind each layer."""
        return [first_of(output) for output in self.outputs]


def record(model, anatomy: Anatomy, inputs, pictures: Pictures | None) -> Recording:
    """Run the model once, and keep what its decoder layers are given.

    Raises CannotReplay where the layers do not follow each other through hidden states alone.
    """
    layers = [layer.module for layer in anatomy.stacks["decoder"]]
    calls, outputs, zeros = {}, {}, {}
    device, on_gpu = inputs["input_ids"].device, inputs["input_ids"].is_cuda
    before = torch.cuda.memory_allocated(device) if on_gpu else 0
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    with (
        held(_hooks(anatomy, layers, calls, outputs, zeros)),
        pictures.shared() if pictures else nullcontext(),
    ):
        logits = wanted_logits(model, inputs)
    _check_followable(len(layers), len(inputs["input_ids"]), calls, outputs)
    taken = torch.cuda.max_memory_allocated(device) - before if on_gpu else 0
    in_order = range(len(layers))
    handed = [outputs[i] for i in in_order]
    return Recording([calls[i] for i in in_order], handed, logits, zeros, taken)


def _hooks(anatomy, layers, calls, outputs, zeros):
    """Pairs of (method that registers, hook): the layers' calls and outputs, the parts' zeros."""

    def call(i):
        def hook(module, args, kwargs):
            if i in calls:
                raise CannotReplay("a decoder layer runs more than once")
            calls[i] = by_place(module, args, kwargs)

        return hook

    def output(i):
        return lambda module, args, given: outputs.update({i: given})

    def zero(path):
        return lambda module, args, given: _note_zero(zeros, path, given)

    for layer in anatomy.stacks["decoder"]:
        for part in layer.parts.values():
            for path, module in part.modules.items():
                yield partial(module.register_forward_hook, prepend=True), zero(path)
    for i, module in enumerate(layers):
        yield partial(module.register_forward_pre_hook, with_kwargs=True), call(i)
        yield partial(module.register_forward_hook, prepend=True), output(i)


def by_place(module, args, kwargs):
    """A layer's call with its hidden states in the first place, also where they have a name."""
    name = next(iter(inspect.signature(module.forward).parameters))
    if args or name not in kwargs:
        return args, kwargs
    return (kwargs[name],), {key: value for key, value in kwargs.items() if key != name}


def _note_zero(zeros, path, output):
    """Remember how a part's output looks when it is zero: a tensor alone, or beside Nones."""
    alone = not isinstance(output, tuple)
    first, *rest = (output,) if alone else output
    if not torch.is_tensor(first) or any(item is not None for item in rest):
        return
    # the output itself is not kept alive
    make = partial(torch.zeros, first.shape, dtype=first.dtype, device=first.device)
    zeros[path] = make if alone else lambda: (make(), *rest)


def _check_followable(layers, rows, calls, outputs):
    """Raise CannotReplay where a decoder layer gives or takes more than hidden states."""
    if len(calls) < layers or not all(map(torch.is_tensor, map(first_of, outputs.values()))):
        raise CannotReplay("some decoder layers did not run, or hand on no hidden states")
    if _handed_on(calls, outputs):
        raise CannotReplay("decoder layers hand on more than their hidden states to later ones")
    for args, kwargs in calls.values():
        # several streams may stand behind the tokens
        if not args or not torch.is_tensor(args[0]) or args[0].ndim < 3 or len(args[0]) != rows:
            raise CannotReplay(
                "decoder layers do not take [questions, tokens, ...] hidden states first"
            )
        if any(isinstance(value, Mapping) and len(value) for value in kwargs.values()):
            raise CannotReplay(  # Gemma 4's keys and values
                "decoder layers hand something to later ones beside their hidden states"
            )


def _handed_on(calls, outputs):
    """Whether a layer is given a tensor that another but the first hands on beside its hidden
    states.

    What the first one makes (T5's position bias) does not come from hidden states behind it.
    """
    beside = {i: output[1:] for i, output in outputs.items() if isinstance(output, tuple)}
    first = {id(tensor) for tensor in tensors(beside.pop(0, ()))}
    known = {id(tensor) for tensor in tensors(list(beside.values()))} - first
    return any(id(tensor) in known for tensor in tensors(list(calls.values())))


def tensors(values):
    """The tensors in nested tuples, lists and dicts."""
    if torch.is_tensor(values):
        yield values
    elif isinstance(values, Mapping):
        yield from tensors(list(values.values()))
    elif isinstance(values, tuple | list):
        for value in values:
            yield from tensors(value)


def check_room(layers: int, variant: int, device: torch.device):
    """Raise torch.OutOfMemoryError where what the layers are given takes half of the free memory.

    `variant`: bytes of one set of hidden states. Linux grants a CPU more than there is, and then
    kills.
    """
    if layers * variant > free_memory(device) // 2:
        raise torch.OutOfMemoryError(
            f"what {layers} layers are given takes {layers * variant / 2**30:.1f} GiB"
        )
