"""What a mini world is: a sampler of scenes, a brush, and the questions one may ask of a scene."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Asked(NamedTuple):
    """A question about a scene: its text, its right answer, and the answers it could have had.

    Where `shown` is given, the options of the choice form are taken from it instead of from all
    candidates. `seen` are the candidates that whoever looks, and does not work the answer out,
    would guess among; empty: all of them.
    """

    text: str
    answer: str
    candidates: tuple[str, ...]
    shown: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """`sample(rng, split)` gives a scene, `draw(scene)` its picture, `describe(scene)` its caption.

    `abilities` maps an ability to its askers.

    An asker takes (scene, rng) and gives an `Asked`, or None where its question makes no sense.
    Those in `held_out` are never asked in training.
    """

    name: str
    sample: Callable
    draw: Callable
    describe: Callable
    abilities: dict[str, tuple[Callable, ...]]
    held_out: tuple[Callable, ...] = ()


def unique(things, field, rng):
    """One of the things whose `field` no other thing shares, or None."""
    counts = Counter(getattr(thing, field) for thing in things)
    alone = [thing for thing in things if counts[getattr(thing, field)] == 1]
    return rng.choice(alone) if alone else None


def is_test_picture(image) -> bool:
    """Whether a picture belongs to the test half of all pictures: the parity of the digest of its
    pixels.

    The rule looks at nothing but pixels, so no training picture can ever equal a test picture.
    """
    return hashlib.blake2b(image.tobytes(), digest_size=1).digest()[0] % 2 == 1
