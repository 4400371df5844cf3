"""Two ways to the logits of many cells: the whole model under hooks, or all layers in one pass."""

from contextlib import nullcontext

import torch

from ..interventions.knockout import knockout
from ..interventions.names import BASE_CELL, as_knockouts
from ..models.vlm import VLM
from .replay import one_pass
from .vision_prefix import VisionPrefix


def hooked_logits(
    vlm: VLM, inputs, cells, check: bool = False, means=None, pictures=None, seeds=(0,)
) -> list[torch.Tensor]:
    """Logits of the next token for each cell, [questions, vocabulary] each, by running the model.

    `seeds`: of each question's noise. `pictures`: encodings that are kept, see `pictures`.
    """
    prefix, found = VisionPrefix(vlm.anatomy), []
    for cell in cells:
        part, effect, layer = cell
        knockouts = () if cell == BASE_CELL else as_knockouts(part, effect, layer, seeds)
        same_pictures = pictures and all(k.stack == "decoder" for k in knockouts)
        with (
            pictures.shared() if same_pictures else nullcontext(),
            prefix.shared(knockouts),
            knockout(vlm.anatomy, *knockouts, means=means),
        ):
            found.append(vlm.last_logits(inputs))
    return found


def replayed_logits(
    vlm: VLM, inputs, cells, check: bool = False, means=None, pictures=None, seeds=(0,)
) -> list[torch.Tensor]:
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
    logits = one_pass(vlm.model, vlm.anatomy, inputs, knockouts, check, means, pictures)
    found = dict(zip([BASE_CELL, *inside], logits, strict=True))
    outside = [cell for cell in cells if cell not in found]
    hooked = hooked_logits(vlm, inputs, outside, means=means, seeds=seeds)
    found.update(zip(outside, hooked, strict=True))
    return [found[cell] for cell in cells]
