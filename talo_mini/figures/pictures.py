"""Questions as a reader sees them."""

import textwrap

from .base import axes_of


def show_questions(questions, columns: int = 4, titles=None):
    """Pictures with their question and right answer beneath."""
    rows = -(-len(questions) // columns)
    figure, axes = axes_of(2.3 * columns, 3.1 * rows, nrows=rows, ncols=columns, squeeze=False)
    for axis in axes.flat[len(questions) :]:
        axis.axis("off")
    for i, (axis, question) in enumerate(zip(axes.flat, questions, strict=False)):
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color="#BBBBBB")  # a frame: pictures may be white
        axis.imshow(question.image, interpolation="nearest")
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
