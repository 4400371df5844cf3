"""What a model is called with, and which of its logits are wanted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

Path = tuple[tuple[int, int], ...]  # (place, token) one after the other
NONE = -1  # no place: an option with fewer spellings or tokens than another
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
        places, tokens, counts = self._spellings
        known = torch.log_softmax(logits, -1)[places.clamp(min=0), tokens].cpu().double()
        known = known.masked_fill((places == NONE).cpu(), 0).sum(-1)  # [options, spellings]
        known = known.masked_fill((places[..., 0] == NONE).cpu(), -torch.inf)
        return np.split(known.logsumexp(-1).numpy(), np.cumsum(counts)[:-1])

    @cached_property
    def _spellings(self) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Place and token of each step, [options, spellings, steps] each, NONE where there is
        none; and how many options each question has.
        """
        options = [option for question in self.options for option in question]
        widest = max(map(len, options))
        longest = max(len(path) for option in options for path in option)
        steps = np.full((len(options), widest, longest, 2), NONE)
        for number, option in enumerate(options):
            for spelling, path in enumerate(option):
                steps[number, spelling, : len(path)] = path
        places, tokens = torch.tensor(steps, device=self.rows.device).unbind(-1)
        return places, tokens.clamp(min=0), [len(question) for question in self.options]


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
    wanted_only = logits.shape[1] == len(columns)  # some models give all places, whatever is asked
    return logits[inputs.wanted.rows, place if wanted_only else inputs.wanted.columns]
