"""Questions as a reader sees them."""

import textwrap

import numpy as np
from PIL import Image

from .base import axes_of


def show_questions(questions, columns: int = 4, titles=None):
    """Pictures, side by side where a question has several, with question and right answer."""
    rows = -(-len(questions) // columns)
    figure, axes = axes_of(2.3 * columns, 3.1 * rows, nrows=rows, ncols=columns, squeeze=False)
    for axis in axes.flat[len(questions) :]:
        axis.axis("off")
    for i, (axis, question) in enumerate(zip(axes.flat, questions, strict=False)):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color="#BBBBBB")  # a frame: pictures may be white
        axis.imshow(side_by_side(question.images), interpolation="nearest")
        axis.set_title(titles[i] if titles else question.task, fontsize=8)
        lines = [*textwrap.wrap(question.text, 30), f"→ {question.options[question.answer]}"]
        axis.text(
            0.5,
            -0.04,
            "\n".join(lines + [""] * (3 - len(lines))),
            fontsize=8,
            ha="center",
            va="top",
            transform=axis.transAxes,
        )
    return figure


def side_by_side(images: list[Image.Image]) -> np.ndarray:
    """Pictures in a row of the height of the first, with white between them, [height, width, 3]."""
    height = images[0].height
    widths = [max(1, round(image.width * height / image.height)) for image in images]
    gap = np.full((height, max(1, height // 16), 3), 255, np.uint8)
    shown = [gap]
    for image, width in zip(images, widths, strict=True):
        shown += [np.asarray(image.resize((width, height))), gap]
    return np.concatenate(shown[1:-1], axis=1)
