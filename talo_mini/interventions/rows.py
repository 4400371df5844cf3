"""Knockouts that differ from row to row of one batch: questions of several tasks in one call."""

from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch

from ..errors import BadInput
from ..models.anatomy import Anatomy
from ..models.temporary import held
from .effects import EFFECTS
from .hooks import first_of, given, hooks_of, with_first
from .knockout import Knockout, in_force

if TYPE_CHECKING:
    from ..models.vlm import VLM


@contextmanager
def knockout_by_row(anatomy: "Anatomy | VLM", rows: Sequence[Sequence[Knockout]]):
    """Inside the block every row of a batch has knockouts of its own; `rows` lists those of each.

    A row without any is answered by the whole model. All batches inside have `len(rows)` rows, also
    while `generate` writes greedily; everything else is as with `knockout`. Raises BadInput for a
    part of another stack than the decoder, whose rows are no questions, for an effect that is drawn
    or averaged over questions, for two knockouts of one place in a row, and for a batch of another
    size.
    """
    anatomy = anatomy if isinstance(anatomy, Anatomy) else anatomy.anatomy
    own: dict[Knockout, list[bool]] = {}
    for number, row in enumerate(rows):
        _check(number, row)
        for k in row:
            own.setdefault(k, [False] * len(rows))[number] = True
    hooks = [
        (k, register, _in_rows(torch.tensor(chosen), hook))
        for k, chosen in own.items()
        for register, hook in hooks_of(anatomy, k, means={})
    ]
    # the first layer, since inside others rows and tokens may be joined
    first = anatomy.stacks["decoder"][0].module.register_forward_pre_hook
    counted = partial(first, prepend=True, with_kwargs=True), _counting(len(rows))
    with in_force(anatomy, hooks), held([counted]):
        yield


def _check(number, row):
    for k in row:
        if k.stack != "decoder":
            raise BadInput(
                f"row {number}: {k.part} of the {k.stack} cannot be knocked out for single rows, "
                "since its rows are pieces of pictures; use knockout() for the whole batch"
            )
        if EFFECTS[k.effect].needs:
            raise BadInput(
                f"row {number}: effect {k.effect!r} cannot be had for single rows; use knockout() "
                "for the whole batch"
            )
    places = [(k.part, k.layer, k.head, k.neuron) for k in row]
    if len(set(places)) < len(places):
        raise BadInput(f"row {number} names one place twice; name each knockout once")


def _counting(rows):
    """A hook that raises BadInput where a layer is given a batch of another size."""

    def count(layer, args, kwargs):
        batch = len(given(layer, args, kwargs))
        if batch != rows:
            raise BadInput(
                f"a batch of {batch} rows was run inside a block for {rows}; list the knockouts of "
                "every row, and ask a model whose answers change with padding questions of one "
                "length at once"
            )

    return count


def _in_rows(chosen, hook):
    """The hook in the chosen rows, [rows]; the others keep what they had."""

    def some(module, args, kwargs, *output):
        changed = hook(module, args, kwargs, *output)
        if output:
            return with_first(changed, _mixed(chosen, first_of(changed), first_of(output[0])))
        (values, *others), options = changed
        return (_mixed(chosen, values, args[0]), *others), options

    return some


def _mixed(chosen, changed, own):
    """Values [rows, ...] as changed in the chosen rows; some MLPs join rows and tokens."""
    mask = chosen.to(own.device).repeat_interleave(len(own) // len(chosen))
    return torch.where(mask.view(-1, *[1] * (own.ndim - 1)), changed, own)
