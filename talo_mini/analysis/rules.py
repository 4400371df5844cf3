"""How TaLo chooses a layer: three rules, each of which draws a probe set and leaves the rest."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from ..errors import BadInput, whole_number
from .significance import gain_p

NONE = -1  # no layer is bypassed


class Draw(NamedTuple):
    """A column that was chosen, or NONE, the questions that chose and those that measure, and how
    many questions had to have a label for it.
    """

    choice: int
    probe: np.ndarray
    evaluation: np.ndarray
    labels: int


def choose_layer(right: np.ndarray, knocked: np.ndarray, first: int = 0) -> int:
    """The column whose knockout answers most probe questions right, or NONE where none beats the
    base model.

    right [questions], knocked [questions, layers], both boolean. Columns before `first` are not
    considered; of equal columns the lowest is taken, as in the paper's released package.
    """
    counts = knocked.sum(0)
    counts[:first] = -1
    best = int(counts.argmax())
    return best if counts[best] > right.sum() else NONE


def random_places(rng, pictures: np.ndarray) -> np.ndarray:
    """The place of each question's picture in a random order of all pictures."""
    return rng.permutation(pictures.max() + 1).argsort()[pictures]


def _shuffled(rng, pictures):
    """The questions in random order, those about one picture one after the other."""
    return np.argsort(random_places(rng, pictures), kind="stable")


def _unseen(order, taken, pictures):
    """The questions after the first `taken` that are not about a picture of these."""
    seen = np.zeros(pictures.max() + 1, bool)
    seen[pictures[order[:taken]]] = True
    return order[taken:][~seen[pictures[order[taken:]]]]


def draw_best(rng, right, knocked, shots, pictures):
    """One probe set of `shots` questions; every layer competes.

    The rest is evaluation, save questions about a picture that the probe set has seen; pictures
    [questions], numbers from 0.
    """
    order = _shuffled(rng, pictures)
    probe = order[:shots]
    choice = choose_layer(right[probe], knocked[probe])
    return Draw(choice, probe, _unseen(order, shots, pictures), len(probe))


def draw_released(rng, right, knocked, shots, pictures):
    """As the paper's released code does it.

    A pool of min(n // 3, 4 * shots) questions is kept out of the evaluation. While no layer helps,
    another probe set is drawn from what the pool has left, with one question more each time (none
    more right after a first set without errors); there is room for two more sets, whatever the
    code's limit of five says: all of them need labels. The first layer never competes. With fewer
    than 3 * shots questions the pool, and so the probe set, is smaller than `shots`.
    """
    order = _shuffled(rng, pictures)
    pool = rng.permutation(order[: min(len(right) // 3, 4 * shots)])
    probe, unused, drawn = pool[:shots], pool[shots:], 0
    while (choice := choose_layer(right[probe], knocked[probe], first=1)) == NONE:
        size = shots if not drawn and right[probe].all() else shots + drawn + 1
        if size > len(unused):
            break
        probe, unused, drawn = unused[:size], unused[size:], drawn + 1
    return Draw(choice, probe, _unseen(order, len(pool), pictures), len(pool) - len(unused))


def choose_cautiously(right, knocked, pictures, level: float) -> int:
    """As `choose_layer`, but NONE unless the gain of the best layer is significant, corrected for
    all that competed.

    The one-sided exact sign test on the pictures of the probe set (with a question each,
    McNemar's), times the number of layers (Bonferroni), must be below `level`: a layer that does
    not help is then bypassed in at most that share of draws.
    """
    choice = choose_layer(right, knocked)
    if choice == NONE:
        return NONE
    change = np.bincount(pictures, knocked[:, choice].astype(float) - right)
    sure = knocked.shape[1] * gain_p((change > 0).sum(), (change < 0).sum()) < level
    return choice if sure else NONE


def draw_cautious(rng, right, knocked, shots, pictures, level):
    """As `draw_best`, but chooses as `choose_cautiously` does."""
    draw = draw_best(rng, right, knocked, shots, pictures)
    probe = draw.probe
    choice = choose_cautiously(right[probe], knocked[probe], pictures[probe], level)
    return draw._replace(choice=choice)


RULES: dict[str, Callable] = {
    "best": draw_best,
    "released": draw_released,
    "cautious": draw_cautious,
}


@dataclass(frozen=True)
class Probing:
    """How probe sets are drawn: `shots` questions each, `draws` times, by a `rule`, from a `seed`.

    `level` is that of the rule "cautious". Raises BadInput for an unknown rule and for numbers
    below one.
    """

    shots: int = 10
    draws: int = 20
    seed: int = 0
    rule: str = "best"
    level: float = 0.05

    def __post_init__(self):
        if self.rule not in RULES:
            raise BadInput(f"unknown rule {self.rule!r}; use one of {', '.join(RULES)}")
        for name, least in (("shots", 1), ("draws", 1), ("seed", 0)):
            whole_number(name, getattr(self, name), least)
        number = isinstance(self.level, int | float) and not isinstance(self.level, bool)
        if not (number and 0 < self.level < 1):
            raise BadInput(f"level is {self.level!r}; it is a probability between 0 and 1")

    @property
    def draw(self) -> Callable:
        """The rule as a function of (rng, right, knocked, shots, pictures)."""
        rule = RULES[self.rule]
        return partial(rule, level=self.level) if self.rule == "cautious" else rule

    def generator(self, task: str) -> np.random.Generator:
        """Random numbers of a task's own, the same whatever other tasks there are."""
        return np.random.default_rng([self.seed, *task.encode()])
