"""The register of effects: one record for each way to replace what a part adds."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..errors import BadInput

ATTENTIONS = ("self-attention", "cross-attention")
ADDING = (*ATTENTIONS, "mlp")  # what adds to the residual stream; a whole layer hands it on
WHOLE, HEAD, NEURON = "whole", "head", "neuron"
Replacement = Callable[[torch.Tensor], torch.Tensor]


def queries_off(knockout, mean):
    """No replacement of values: zeroed queries, under which every allowed key weighs alike."""
    raise TypeError("an effect on queries replaces no values")


@dataclass(frozen=True)
class Effect:
    """What stands in the place of a part's output, or of one head's or neuron's share of it.

    `replacement(knockout, mean)` gives the function from values [..., width] to those in their
    place; queries_off: the effect acts on an attention's queries (see `hooks`). `parts` and `units`
    are where it is defined; a whole layer can only be bypassed, so that "zero" alone names it. With
    `amount` its name carries a number, "scale 0.5". `needs` names what must be given with it:
    "reference" (questions whose mean is held), or "seeds", one a question. Raises ValueError for a
    record that would do something else than its name says.
    """

    name: str
    replacement: Callable[..., Replacement]
    parts: tuple[str, ...] = ADDING
    units: tuple[str, ...] = (WHOLE, HEAD, NEURON)
    amount: bool = False
    needs: str = ""

    def __post_init__(self):
        if "layer" in self.parts and self.replacement is not _zero:
            raise ValueError(f"effect {self.name!r}: a whole layer can only be bypassed")
        if self.replacement is queries_off and not set(self.parts) <= set(ATTENTIONS):
            raise ValueError(f"effect {self.name!r}: only attentions have queries")

    @property
    def example(self) -> str:
        """Its name as one would write it."""
        return f"{self.name} 0.5" if self.amount else self.name


def _zero(knockout, mean):
    return torch.zeros_like


def _scale(knockout, mean):
    return lambda values: values * knockout.amount


def _mean(knockout, mean):
    return lambda values: mean.to(values).expand_as(values)


def _noise(knockout, mean):
    seeds = knockout.seeds

    def noise(values):
        joined = values.ndim == 2 and len(values) > len(seeds) and len(values) % len(seeds) == 0
        if joined:  # OPT's MLP joins questions and tokens
            return noise(values.unflatten(0, (len(seeds), -1))).flatten(0, 1)
        rows, each = values, seeds
        if len(seeds) == 1 and values.ndim == 3:  # every row's
            each = seeds * len(rows)
        elif len(seeds) == 1:  # wider streams of one question
            rows = values[None]
        if len(rows) != len(each):
            raise BadInput(
                f"{knockout.part} of layer {knockout.layer} hands on {len(rows)} rows for "
                f"{len(seeds)} questions, so that each cannot have noise of its own; use batch=1"
            )
        drawn = [_drawn(row, seed + knockout.layer) for row, seed in zip(rows, each, strict=True)]
        loudness = values.float().std(-1, keepdim=True) * knockout.amount
        return (torch.stack(drawn).view(values.shape) * loudness).to(values.dtype)

    return noise


def _drawn(row, seed):
    """Standard normal values like a row, the same at its last positions in any batch."""
    positions = row.flatten(0, -2)
    generator = torch.Generator(row.device).manual_seed(seed % 2**63)
    # in float32, whatever the default is: noise is the same under every setting
    options = dict(generator=generator, device=row.device, dtype=torch.float32)
    drawn = torch.randn(positions.shape, **options)
    return drawn.flip(0).view(row.shape)


EFFECTS = {
    effect.name: effect
    for effect in (
        Effect("zero", _zero, parts=(*ADDING, "layer")),
        Effect("scale", _scale, amount=True),
        # as loud as the values vary over the width, which a single neuron does not have
        Effect("noise", _noise, units=(WHOLE, HEAD), amount=True, needs="seeds"),
        Effect("uniform", queries_off, parts=ATTENTIONS, units=(WHOLE, HEAD)),
        Effect("mean", _mean, needs="reference"),
    )
}


def find_effect(name: str) -> Effect:
    """The effect of that name. Raises BadInput where there is none."""
    if name not in EFFECTS:
        raise BadInput(f"unknown effect {name!r}; use one of {', '.join(EFFECTS)}")
    return EFFECTS[name]


def check_defined(effect: Effect, part: str, unit: str):
    """Raise BadInput where an effect is not defined for a part, or for a single unit of it."""
    if part in effect.parts and unit in effect.units:
        return
    alternatives = [
        other.name for other in EFFECTS.values() if part in other.parts and unit in other.units
    ]
    what = {WHOLE: part, HEAD: f"a single head of {part}", NEURON: f"a single neuron of {part}"}
    hint = "; a whole layer can only be bypassed" if part == "layer" else ""
    raise BadInput(
        f"effect {effect.name!r} is not defined for {what[unit]}{hint}; use one of "
        f"{', '.join(alternatives)}"
    )
