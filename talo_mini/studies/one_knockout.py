"""A part of one layer knocked out: what the model then writes, and how many answers change."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..analysis.significance import accuracy_interval
from ..benchmarks.questions import Question
from ..interventions.knockout import Knockout, knockout
from ..interventions.names import layers_with
from ..models.scoring import scores
from ..models.vlm import VLM


def written_without(
    vlm: VLM, question: Question, prompt: str, part: str = "self-attention"
) -> pd.DataFrame:
    """What the model writes as it is, and with a part of each layer that has it knocked out.

    Columns: layer ("none" in the first row), answer.
    """
    rows = [dict(layer="none", answer=vlm.generate([question], prompt)[0])]
    for layer in layers_with(vlm.anatomy, part):
        with knockout(vlm.anatomy, Knockout(part, layer)):
            rows.append(dict(layer=layer, answer=vlm.generate([question], prompt)[0]))
    return pd.DataFrame(rows)


def likeliest_options(
    vlm: VLM, questions: Sequence[Question], inputs, *knockouts: Knockout
) -> np.ndarray:
    """The number of the likeliest option of each question, [questions], under all these knockouts
    at once.

    `inputs` are what `vlm.inputs` gave for the questions.
    """
    with knockout(vlm.anatomy, *knockouts):
        logits = vlm.last_logits(inputs)
    return np.array([score.argmax() for score in scores(vlm, questions, logits)])


def changed_answers(
    vlm: VLM, questions: Sequence[Question], inputs, part: str = "self-attention"
) -> pd.DataFrame:
    """In how many questions another option is the likeliest once a part of a layer is knocked out.

    `inputs` are what `vlm.inputs` gave for the questions. Columns: layer, delta (share of the
    questions, in fractions), low, high (Wilson 95% interval of it).
    """
    before, rows = likeliest_options(vlm, questions, inputs), []
    for layer in layers_with(vlm.anatomy, part):
        after = likeliest_options(vlm, questions, inputs, Knockout(part, layer))
        changed = int((after != before).sum())
        low, high = accuracy_interval(changed, len(questions))
        rows.append(dict(layer=layer, delta=changed / len(questions), low=low, high=high))
    return pd.DataFrame(rows)


def mildest_and_hardest(changes: pd.DataFrame) -> pd.DataFrame:
    """The layers whose loss changes fewest answers, and those whose loss changes most.

    `changes` is what `changed_answers` gave. Two rows: kind ("mildest", "hardest"), layers (a list:
    all that are level), delta, low, high.
    """
    rows = []
    for kind, share in (("mildest", changes.delta.min()), ("hardest", changes.delta.max())):
        level = changes[changes.delta == share]
        row = dict(kind=kind, layers=level.layer.tolist(), delta=share)
        rows.append(row | dict(low=level.low.iloc[0], high=level.high.iloc[0]))
    return pd.DataFrame(rows)
