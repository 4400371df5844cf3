"""How knockouts are named in the table of outcomes: a cell is a part, an effect and a layer."""

import re

from ..errors import BadInput
from ..models.anatomy import PARTS, Anatomy
from ..outcomes.table import BASE
from .effects import hooks_of
from .knockout import Knockout

# "mlp", "head 3", "neuron 7", "cross-attention head 3", "vision: layer", "self-attention and 2, 5"
# (with those of layers 2 and 5)
PART = re.compile(
    r"(?:(?P<stack>[^:]+): )?(?:(?P<of>[a-z]+-attention) (?=head ))?(?P<name>[a-z-]+)(?: "
    r"(?P<number>\d+))?"
    r"(?: and (?P<more>\d+(?:, \d+)*))?"
)
UNITS = {"head": "self-attention", "neuron": "mlp"}
BASE_CELL = ("base", "none", BASE)


def as_knockouts(part: str, effect: str, layer: int, seeds=(0,)) -> tuple[Knockout, ...]:
    """The knockouts that an outcome's part, effect and layer name. Raises BadInput for a name that
    means nothing.

    A part is one of `anatomy.PARTS`, "head 3" (of the self-attention, or "cross-attention head 3")
    or "neuron 7" (of the MLP); "vision: layer" is in another stack than the decoder; "mlp and 2, 5"
    is knocked out together with the MLPs of layers 2 and 5. An effect is "zero", "uniform", "mean",
    or with an amount "scale 0.5" and "noise 1", drawn from `seeds`, one a question.
    """
    found = PART.fullmatch(part)
    if not found or (found["name"] in UNITS) != (found["number"] is not None):
        raise BadInput(
            f"unknown part {part!r}; use one of {', '.join(PARTS)}, 'head 0', 'neuron 0', "
            "'vision: layer' or 'mlp and 2, 5'"
        )
    name = found["of"] or UNITS.get(found["name"], found["name"])
    effect, _, amount = effect.partition(" ")
    options = dict(effect=effect, stack=found["stack"] or "decoder")
    if found["number"]:
        options[found["name"]] = int(found["number"])
    if effect == "noise":
        options["seeds"] = tuple(seeds)
    if effect in ("scale", "noise"):
        try:
            options["amount"] = float(amount)
        except ValueError as error:
            raise BadInput(
                f"effect {effect!r} needs an amount, for example '{effect} 0.5'"
            ) from error
    elif amount and effect != "mean":
        raise BadInput(f"effect {effect!r} takes no amount, here {amount!r}")
    others = [int(number) for number in found["more"].split(", ")] if found["more"] else []
    if layer in others:
        raise BadInput(f"part {part!r} already holds layer {layer}")
    return tuple(Knockout(name, i, **options) for i in sorted([layer, *others]))


def names_of(parts) -> list[str]:
    """The names of parts, some of which may be pairs (part, layer)."""
    return [part if isinstance(part, str) else part[0] for part in parts]


def layers_with(anatomy: Anatomy, part: str) -> list[int]:
    """The layers in which a part can be knocked out with any effect (not the dead ones), [] where
    no layer has it.

    Of a set ("mlp and 2") those above its highest, so that no set is asked twice.
    """
    *others, own = as_knockouts(part, "zero", -1)[::-1]
    return [
        i
        for i, layer in enumerate(anatomy.stacks.get(own.stack, ()))
        if not layer.dead
        and (own.part == "layer" or own.part in layer.parts)
        and all(i > other.layer for other in others)
    ]


def pair_parts(anatomy: Anatomy, part: str) -> list[str]:
    """The part itself and its sets with each lower layer that has it: a sweep of them knocks out
    every layer and every pair.
    """
    return [part, *(f"{part} and {layer}" for layer in layers_with(anatomy, part)[:-1])]


def all_cells(anatomy: Anatomy, parts, layers, effect: str) -> list[tuple[str, str, int]]:
    """The base model and every part in every layer that has it, or in `layers`; of a pair (part,
    layer) that layer's alone.

    Raises BadInput where one is not defined.
    """
    cells = [BASE_CELL]
    for name in parts:
        part, chosen = (name, layers) if isinstance(name, str) else (name[0], name[1:])
        having = layers_with(anatomy, part)
        if chosen is None and not having:
            raise BadInput(
                f"no layer of {anatomy.model} has a part {part!r}; print the anatomy to see what "
                "there is"
            )
        for layer in having if chosen is None else chosen:
            for k in as_knockouts(part, effect, layer):
                list(
                    hooks_of(anatomy, k, means=None)
                )  # what is not defined there raises now, and not among the questions
            cells.append((part, effect, layer))
    return list(dict.fromkeys(cells))
