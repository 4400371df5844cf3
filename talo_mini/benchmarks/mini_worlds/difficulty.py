"""The mini worlds made harder to see: the same questions and chances, and room to gain.

How hard was set on pictures of the training half (`python -m talo_mini.minis.difficulty`).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from ..pictures import decoded, encoded_png
from ..questions import Benchmark


@dataclass(frozen=True)
class Difficulty:
    """What is done to a picture, and how much of it (`level`)."""

    change: Callable[[Image.Image, float, random.Random], Image.Image]
    level: float
    levels: tuple[float, ...]  # that the command tries


def noisy(picture: Image.Image, level: float, rng: random.Random) -> Image.Image:
    """Normal noise of the standard deviation `level`, of 255, on every value of every pixel."""
    values = np.asarray(picture, float)
    noise = np.random.default_rng(rng.getrandbits(64)).normal(0, level, values.shape)
    return Image.fromarray((values + noise).clip(0, 255).astype(np.uint8))


def blurred(picture: Image.Image, level: float, rng: random.Random) -> Image.Image:
    """Seen through a Gaussian lens of the radius `level`, in pixels."""
    return picture.filter(ImageFilter.GaussianBlur(level))


DIFFICULTIES = {
    "noisy": Difficulty(noisy, 110, (60, 80, 110, 140)),
    "blurred": Difficulty(blurred, 1.7, (1, 1.5, 1.7, 2, 3)),
}


def harder(benchmark: Benchmark, name: str, level: float | None = None) -> Benchmark:
    """The same questions about pictures changed by a difficulty; both forms of one see the same.

    `level` is the difficulty's own unless another is tried.
    """
    difficulty = DIFFICULTIES[name]
    amount = difficulty.level if level is None else level
    made: dict[tuple[str, bytes], bytes] = {}

    def changed(question):
        number = question.id.rpartition("/")[0]  # without the form
        key = number, question.image_bytes
        if key not in made:
            rng = random.Random(f"{name}/{number}")
            picture = difficulty.change(decoded(question.image_bytes), amount, rng)
            made[key] = encoded_png(picture)
        return replace(question, image_bytes=made[key])

    questions = tuple(map(changed, benchmark.questions))
    return replace(benchmark, name=f"{benchmark.name}-{name}", questions=questions)
