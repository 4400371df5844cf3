"""Two ways to the logits of many cells: the whole model under hooks, or all layers in one pass."""

from collections.abc import Iterator

import torch

from ..interventions.knockout import knockout
from ..interventions.names import BASE_CELL, as_knockouts
from ..models.vlm import VLM
from .replay import one_pass
from .vision_prefix import VisionPrefix


def hooked_logits(
    vlm: VLM, inputs, cells, check: bool = False, means=None, pictures=None, seeds=(0,)
) -> Iterator[torch.Tensor]:
    """Logits of the next token for each cell, [questions, vocabulary] each, by running the model.

    They are made as they are asked for. `seeds`: of each question's noise. `pictures`: encodings
    that are kept, see `pictures`; where a cell knocks out something outside the decoder, vision
    layers share by `VisionPrefix` instead.
    """
    prefix = VisionPrefix(vlm.anatomy)
    groups = [
        () if part == BASE_CELL[0] else as_knockouts(part, effect, layer, seeds)
        for part, effect, layer in cells
    ]
    inside = all(k.stack == "decoder" for group in groups for k in group)
    for knockouts in groups:
        # never both: where pictures are shared, layers run on new ones, and not on every row
        keep_pictures = inside and pictures and pictures.able
        with (
            pictures.shared() if keep_pictures else prefix.shared(knockouts),
            knockout(vlm.anatomy, *knockouts, means=means),
        ):
            logits = vlm.last_logits(inputs)
        yield logits


def replayed_logits(
    vlm: VLM, inputs, cells, check: bool = False, means=None, pictures=None, seeds=(0,)
) -> Iterator[torch.Tensor]:
    """The same in one pass, see `replay`; knockouts outside the decoder by hooks.

    With `check` some parts are compared with hooks. Raises CannotReplay.
    """
    groups = {
        (part, effect, layer): as_knockouts(part, effect, layer, seeds)
        for part, effect, layer in cells
        if (part, effect, layer) != BASE_CELL
    }
    inside = [cell for cell, group in groups.items() if all(k.stack == "decoder" for k in group)]
    knockouts = [groups[cell] for cell in inside]
    replayed = one_pass(vlm.model, vlm.anatomy, inputs, knockouts, check, means, pictures)
    base = next(replayed)
    outside = [cell for cell in cells if cell not in {BASE_CELL, *inside}]
    hooked = hooked_logits(vlm, inputs, outside, means=means, seeds=seeds)
    for cell in cells:
        if cell == BASE_CELL:
            yield base
        else:
            yield next(replayed if cell in inside else hooked)
