"""The mini worlds made harder to see: the same questions and chances, and room to gain.

How hard was set on pictures of the training half (`python -m talo_mini.minis.difficulty`).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from ..pictures import decoded, encoded_png
from ..questions import Benchmark


@dataclass(frozen=True)
class Difficulty:
    """What is done to a picture, how much of it (`level`), and `without` the tasks it changes."""

    change: Callable[[Image.Image, float, random.Random], Image.Image]
    level: float
    levels: tuple[float, ...]  # that the command tries
    without: frozenset[str] = frozenset()


def noisy(picture: Image.Image, level: float, rng: random.Random) -> Image.Image:
    """Normal noise of the standard deviation `level`, of 255, on every value of every pixel."""
    values = np.asarray(picture, float)
    noise = np.random.default_rng(rng.getrandbits(64)).normal(0, level, values.shape)
    return Image.fromarray((values + noise).clip(0, 255).astype(np.uint8))


def blurred(picture: Image.Image, level: float, rng: random.Random) -> Image.Image:
    """Seen through a Gaussian lens of the radius `level`, in pixels."""
    return picture.filter(ImageFilter.GaussianBlur(level))


def shifted(picture: Image.Image, level: float, rng: random.Random) -> Image.Image:
    """Drawn smaller by the share `level`, somewhere on the background, and paler."""
    width, height = picture.size
    size = round(width * (1 - level)), round(height * (1 - level))
    place = rng.randint(0, width - size[0]), rng.randint(0, height - size[1])
    canvas = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    canvas.paste(picture.resize(size, Image.Resampling.LANCZOS), place)
    return ImageEnhance.Color(canvas).enhance(1 - level)


DIFFICULTIES = {
    "noisy": Difficulty(noisy, 110, (60, 80, 110, 140)),
    "blurred": Difficulty(blurred, 1.7, (1, 1.5, 1.7, 2, 3)),
    "shifted": Difficulty(shifted, 0.03, (0.03, 0.05, 0.1, 0.2), frozenset({"nearest_corner"})),
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

    tasks = tuple(task for task in benchmark.tasks if task.name not in difficulty.without)
    kept = [q for q in benchmark.questions if q.task not in difficulty.without]
    questions = tuple(map(changed, kept))
    title = f"{benchmark.name}-{name}"
    return replace(benchmark, name=title, tasks=tasks, questions=questions)
