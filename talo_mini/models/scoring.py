"""How options are scored: log-probabilities of their tokens as the next ones."""

from collections.abc import Sequence

import numpy as np
import torch

from ..benchmarks.questions import Question
from .asked import Path, Wanted
from .vlm import VLM


def next_tokens(vlm: VLM, questions: Sequence[Question], device=None) -> Wanted:
    """What is wanted of rows of one question each: its options' tokens as the next one.

    Raises BadInput where a question's options cannot be scored by one such token.
    """
    options: list[list[list[Path]]] = []
    for row, question in enumerate(questions):
        options.append([[((row, t),) for t in option] for option in vlm.option_tokens(question)])
    return Wanted.next_tokens(len(questions), device, options)


def scores(vlm: VLM, questions: Sequence[Question], logits: torch.Tensor) -> list[np.ndarray]:
    """Log-probability of each option of each question, [options] each.

    logits: of the next token, [questions, vocabulary].
    """
    return next_tokens(vlm, questions).scores(logits)
