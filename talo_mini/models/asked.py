"""What a model is called with, and which of its logits are wanted."""

from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

Path = tuple[tuple[int, int], ...]  # (place, token) one after the other
LAST = -1  # the column of a prompt's next token where prompts end together


@dataclass
class Wanted:
    """Where an option's tokens are predicted: of each question, of each option, its spellings."""

    rows: torch.Tensor  # [places]
    columns: torch.Tensor  # [places]
    options: list[list[list[Path]]]  # places count from 0

    @classmethod
    def next_tokens(cls, rows: int, device, options=()) -> "Wanted":
        """The next token of each row; `options` are those of the rows' questions, where known."""
        columns = torch.full((rows,), LAST, device=device)
        return cls(torch.arange(rows, device=device), columns, list(options))

    def read(self, values: torch.Tensor) -> torch.Tensor:
        """The values at these places, [places, ...], of [rows, tokens, ...]."""
        return values[self.rows, self.columns]

    def scores(self, logits: torch.Tensor) -> list[np.ndarray]:
        """Log-probability of each option of each question, [options] each.

        logits: [places, vocabulary]. An option's is the sum over its tokens; spellings with and
        without a space before are added.
        """
        paths = [path for question in self.options for option in question for path in option]
        where = tuple(torch.tensor(list(chain(*paths)), device=logits.device).T)
        logs = iter(torch.log_softmax(logits, -1)[where].cpu().double().tolist())
        found = []
        with np.errstate(invalid="ignore"):
            for question in self.options:
                own = [_spelt(option, logs) for option in question]
                found.append(np.array([np.logaddexp.reduce(spellings) for spellings in own]))
        return found


def _spelt(option, logs):
    """Log-probability of each spelling of an option, from those of its tokens in turn."""
    return [sum(next(logs) for _ in path) for path in option]


class Asked(dict):
    """What a model is called with, and what is wanted of it.

    Where questions share rows, `alone()` gives the same with each in rows of its own, to compare.
    """

    def __init__(self, tensors: dict, wanted: Wanted, alone=None):
        super().__init__(tensors)
        self.wanted, self.alone = wanted, alone


def wanted_logits(model, inputs) -> torch.Tensor:
    """Logits at the wanted places, [places, vocabulary]; of other inputs of each next token."""
    if not isinstance(inputs, Asked) or (inputs.wanted.columns == LAST).all():
        return model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]
    columns, place = inputs.wanted.columns.unique(return_inverse=True)
    logits = model(**inputs, use_cache=False, logits_to_keep=columns).logits
    return logits[inputs.wanted.rows, place]
