"""How knockouts are written in the table of outcomes: a cell is a part, an effect and a layer."""

from collections.abc import Sequence

from ..errors import BadInput
from ..models.anatomy import Anatomy
from ..outcomes.table import BASE
from .effects import EFFECTS, WHOLE, find_effect
from .hooks import hooks_of
from .knockout import Knockout
from .spelling import UNITS, spelt

BASE_CELL = ("base", "none", BASE)
ANY = 10**9  # stands for a layer above all others, where a part is named without one
Cell = tuple[str, str, int]


def as_knockouts(part: str, effect: str, layer: int, seeds=(0,)) -> tuple[Knockout, ...]:
    """The knockouts that a cell's part, effect and layer name.

    A part is one of `anatomy.PARTS`, "head 3" (of the self-attention, or "cross-attention head 3")
    or "neuron 7" (of the MLP); "vision: layer" is in another stack than the decoder; "mlp and 2, 5"
    is knocked out together with the MLPs of layers 2 and 5. An effect is one of the register, with
    its amount where it has one; what needs seeds draws from `seeds`, one a question. Raises
    BadInput for a name that means nothing.
    """
    name = spelt(part)
    options = name._asdict() | _effect_options(effect, seeds)
    others = options.pop("others")
    if layer in others or len(set(others)) < len(others):
        doubled = layer if layer in others else max(others, key=others.count)
        raise BadInput(f"part {part!r} already holds layer {doubled}")
    return tuple(Knockout(layer=i, **options) for i in sorted([layer, *others]))


def _effect_options(written, seeds):
    """The fields of a knockout that an effect's name sets."""
    name, _, rest = written.partition(" ")
    effect = find_effect(name)
    options = dict(effect=name)
    if effect.needs == "seeds":
        options["seeds"] = tuple(seeds)
    if effect.amount:
        try:
            options["amount"] = float(rest)
        except ValueError as error:
            raise BadInput(
                f"effect {name!r} needs an amount, for example '{effect.example}'"
            ) from error
    elif rest and effect.needs != "reference":  # which names its reference set there
        raise BadInput(f"effect {name!r} takes no amount, here {rest!r}")
    return options


def cell_of(knockouts: tuple[Knockout, ...]) -> Cell:
    """The part, effect and layer that name knockouts of one kind in several layers.

    The inverse of `as_knockouts`, but for seeds, and for the reference set of a mean. Raises
    BadInput where they differ in more than their layer.
    """
    first, *rest = sorted(knockouts, key=lambda k: k.layer)
    for k in rest:
        if _kind(k) != _kind(first):
            raise BadInput(f"{first} and {k} are of two kinds, which no one name tells")
    stack = "" if first.stack == "decoder" else f"{first.stack}: "
    unit = first.part
    if first.unit != WHOLE:
        number = first.head if first.neuron is None else first.neuron
        own = "" if UNITS[first.unit] == first.part else f"{first.part} "
        unit = f"{own}{first.unit} {number}"
    *others, layer = (k.layer for k in (first, *rest))
    more = f" and {', '.join(map(str, others))}" if others else ""
    amount = f" {first.amount!r}" if EFFECTS[first.effect].amount else ""
    return f"{stack}{unit}{more}", f"{first.effect}{amount}", layer


def _kind(k):
    return k.part, k.effect, k.stack, k.head, k.neuron, k.amount


def listed(parts) -> list:
    """Parts as a list, each a name or a pair (name, layer); a lone name is a list of one.

    Names are as `cell_of` writes them, so that one knockout has one name. Raises BadInput for what
    is none.
    """
    entries = [parts] if isinstance(parts, str) else parts
    if not hasattr(entries, "__iter__"):
        raise BadInput(f"parts= is a list of names such as 'mlp', not {parts!r}")
    return [_plain_part(part) for part in entries]


def _plain_part(part):
    name, *layers = (part,) if isinstance(part, str) else (*part,) if _is_pair(part) else (None,)
    if not isinstance(name, str):
        raise BadInput(f"a part is a name such as 'mlp', or a name and a layer, not {part!r}")
    plain, _, _ = cell_of(as_knockouts(name.strip(), "zero", ANY))
    return (plain, *layers) if layers else plain


def _is_pair(part):
    return isinstance(part, tuple) and len(part) == 2


def names_of(parts) -> list[str]:
    """The names of parts, some of which may be pairs (part, layer)."""
    return [part if isinstance(part, str) else part[0] for part in parts]


def layers_with(anatomy: Anatomy, part: str) -> list[int]:
    """The layers in which a part can be knocked out (not the dead ones), [] where none has it.

    Of a set ("mlp and 2") those above its highest, so that no set is asked twice.
    """
    *others, own = as_knockouts(part, "zero", -1)[::-1]
    lowest = max((other.layer for other in others), default=-1) + 1
    layers = enumerate(anatomy.stacks.get(own.stack, ()))
    return [
        i
        for i, layer in layers
        if i >= lowest and not layer.dead and (own.part == "layer" or own.part in layer.parts)
    ]


def parts_present(anatomy: Anatomy, parts: Sequence[str]) -> list[str]:
    """Those of the parts that can be knocked out in some layer of the model, in their order."""
    return [part for part in parts if layers_with(anatomy, part)]


def head_names(anatomy: Anatomy) -> list[str]:
    """The decoder's single heads as parts, "head 0" and on: as many as its first layer has."""
    return [f"head {number}" for number in range(anatomy.part("self-attention", 0).heads)]


def pair_parts(anatomy: Anatomy, part: str) -> list[str]:
    """The part and its sets with each lower layer: swept, they are every layer and every pair."""
    return [part, *(f"{part} and {layer}" for layer in layers_with(anatomy, part)[:-1])]


def all_cells(anatomy: Anatomy, parts, layers, effect: str) -> list[Cell]:
    """The base model, and every part in every layer that has it or in `layers`.

    Of a pair (part, layer) that layer's alone. Raises BadInput where one is not defined.
    """
    cells = [BASE_CELL]
    if layers is not None and not hasattr(layers, "__iter__"):
        raise BadInput(f"layers= is a list of numbers such as [{layers!r}], not {layers!r}")
    layers = None if layers is None else list(layers)
    for name in parts:
        part, chosen = (name, layers) if isinstance(name, str) else (name[0], name[1:])
        if chosen is None:
            chosen = layers_with(anatomy, part)
            if not chosen:
                raise BadInput(
                    f"no layer of {anatomy.model} has a part {part!r}; print the anatomy to see "
                    "what there is"
                )
        for layer in chosen:
            for k in as_knockouts(part, effect, layer):
                list(hooks_of(anatomy, k, means=None))  # what is not defined there raises now
            cells.append((part, effect, int(layer)))
    return list(dict.fromkeys(cells))
