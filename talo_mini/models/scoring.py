"""How options are scored: log-probabilities of an option's tokens as the next token."""

from collections.abc import Sequence

import numpy as np
import torch

from ..benchmarks.questions import Question
from .vlm import VLM


def scores(vlm: VLM, questions: Sequence[Question], logits: torch.Tensor) -> list[np.ndarray]:
    """Log-probability of each option of each question, [options] each.

    logits: of the next token, [questions, vocabulary].
    """
    tokens = [vlm.option_tokens(question) for question in questions]
    places = [
        (row, token) for row, options in enumerate(tokens) for option in options for token in option
    ]
    where = tuple(torch.tensor(places, device=logits.device).T)
    # few of a whole vocabulary leave a GPU
    logs = iter(torch.log_softmax(logits, -1)[where].cpu().double().tolist())
    found = []
    with np.errstate(invalid="ignore"):
        for options in tokens:
            own = [np.logaddexp.reduce([next(logs) for _ in option]) for option in options]
            found.append(np.array(own))
    return found
