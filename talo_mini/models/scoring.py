"""How options are scored: log-probabilities of their tokens as the next ones."""

from collections.abc import Sequence

import numpy as np
import torch

from ..benchmarks.questions import Question
from .packed import PackedInputs, Path, Wanted
from .vlm import VLM


def scores(
    vlm: VLM, questions: Sequence[Question], logits: torch.Tensor, inputs=None
) -> list[np.ndarray]:
    """Log-probability of each option of each question, [options] each.

    logits: of the next token, [questions, vocabulary]; of packed `inputs`, [places, vocabulary].
    """
    if isinstance(inputs, PackedInputs):
        return inputs.wanted.scores(logits)
    options: list[list[list[Path]]] = []
    for row, question in enumerate(questions):
        options.append([[((row, t),) for t in option] for option in vlm.option_tokens(question)])
    nowhere = torch.empty(0)
    return Wanted(nowhere, nowhere, options).scores(logits)
