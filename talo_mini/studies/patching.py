"""A head is patched: it writes what it writes when a word of the question is another."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cosine_similarity

from ..analysis.significance import accuracy_interval
from ..benchmarks.questions import Benchmark, parted
from ..errors import BadInput
from ..interventions.effects import HEAD
from ..interventions.hooks import unit_share
from ..interventions.knockout import Knockout, knockout
from ..models.scoring import scores
from ..models.temporary import held
from ..models.vlm import VLM
from .rewording import reworded


@torch.inference_mode()
def answers_patched(
    vlm: VLM, benchmark: Benchmark, word: str, other: str, part: str, layer: int, batch: int = 64
) -> pd.DataFrame:
    """How often a question with `word` is answered as the whole model answers it with `other`, by
    what a head writes: its own, nothing, or what it writes when it is asked with `other`.

    Columns: writes, questions, delta (the share), low, high (95% Wilson interval), alike (the mean
    cosine between what it writes at the answer's position and its own). Raises BadInput where the
    part is no head, and where the two words are not equally many tokens.
    """
    guilty = Knockout(part, layer)
    places = _places(vlm, guilty)
    ways: dict[str, list] = {"its own": [], "nothing": [], f"as with {other!r}": []}
    expected, cosines = [], []
    for questions in parted(benchmark.questions, batch):
        changed = reworded(benchmark.only(questions), word, other).questions
        inputs, other_inputs = (vlm.inputs(own, benchmark.prompt) for own in (questions, changed))
        if not torch.equal(inputs["attention_mask"], other_inputs["attention_mask"]):
            raise BadInput(
                f"{word!r} and {other!r} are not equally many tokens to {vlm.name}, so that no "
                "position of one question is that of the other"
            )
        (own, base_logits), (patch, other_logits) = (
            _noted(vlm, places, one) for one in (inputs, other_inputs)
        )
        with knockout(vlm, guilty):
            knockout_logits = vlm.last_logits(inputs)
        with held(_written(places, patch)):
            patched_logits = vlm.last_logits(inputs)
        expected += _answers(vlm, changed, other_logits)
        for answers, logits in zip(
            ways.values(), (base_logits, knockout_logits, patched_logits), strict=True
        ):
            answers += _answers(vlm, questions, logits)
        last = [torch.cat([one[:, -1] for one in values], -1) for values in (own, patch)]
        cosines += cosine_similarity(*last).tolist()
    likeness = dict(zip(ways, (1.0, np.nan, np.mean(cosines)), strict=True))
    rows = []
    for name, answers in ways.items():
        same = int(np.equal(answers, expected).sum())
        low, high = accuracy_interval(same, len(expected))
        counts = dict(writes=name, questions=len(expected), delta=same / len(expected))
        rows.append(counts | dict(low=low, high=high, alike=likeness[name]))
    return pd.DataFrame(rows)


def _places(vlm, guilty):
    """The maps that read the heads side by side, and where this one's values lie."""
    if guilty.unit != HEAD:
        raise BadInput(f"{guilty.part!r} is no head; name one, for example 'head 3'")
    part = vlm.anatomy.part(guilty.part, guilty.layer)
    return [unit_share(part, path, guilty) for path in part.modules]


def _noted(vlm, places, inputs):
    """What a head writes at each position, [questions, tokens, width] a place, and the logits."""
    seen: dict = {}

    def note(share, module, args):
        seen[module] = args[0][..., share].clone()

    hooks = [(module.register_forward_pre_hook, partial(note, share)) for module, share in places]
    with held(hooks):
        logits = vlm.last_logits(inputs)
    if len(seen) < len(places):
        raise BadInput(f"the head did not run in {vlm.name}")
    return [seen[module] for module, _ in places], logits


def _written(places, values):
    """Pairs of (method that registers, hook) by which a head writes these values."""

    def write(share, value, module, args):
        changed = args[0].clone()
        changed[..., share] = value
        return (changed, *args[1:])

    for (module, share), value in zip(places, values, strict=True):
        yield module.register_forward_pre_hook, partial(write, share, value)


def _answers(vlm, questions, logits):
    return [int(row.argmax()) for row in scores(vlm, questions, logits)]
