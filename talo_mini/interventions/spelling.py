"""How the part of a knockout is written: "mlp", "head 3", "vision: layer", "mlp and 2, 5"."""

import re
from typing import NamedTuple

from ..errors import BadInput
from ..models.anatomy import PARTS

# with those of layers 2 and 5: "self-attention and 2, 5"
PART = re.compile(
    r"(?:(?P<stack>.+): )?(?:(?P<of>[a-z]+-attention) (?=head ))?(?P<name>[a-z-]+)"
    r"(?: (?P<number>\d+))?(?: and (?P<more>\d+(?:, \d+)*))?"
)
UNITS = {"head": "self-attention", "neuron": "mlp"}  # and the part that is meant without a word


class Spelt(NamedTuple):
    """What a written part says: the fields of a knockout, and the other layers of a set."""

    part: str
    stack: str
    head: int | None
    neuron: int | None
    others: tuple[int, ...]


def spelt(written: str) -> Spelt:
    """What a part's name says. Raises BadInput for one that means nothing."""
    match = PART.fullmatch(written)
    if not match or (match["name"] in UNITS) != (match["number"] is not None):
        raise BadInput(
            f"unknown part {written!r}; use one of {', '.join(PARTS)}, 'head 0', 'neuron 0', "
            "'vision: layer' or 'mlp and 2, 5'"
        )
    number = int(match["number"]) if match["number"] else None
    return Spelt(
        match["of"] or UNITS.get(match["name"], match["name"]),
        match["stack"] or "decoder",
        number if match["name"] == "head" else None,
        number if match["name"] == "neuron" else None,
        tuple(int(layer) for layer in match["more"].split(", ")) if match["more"] else (),
    )
