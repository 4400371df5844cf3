"""What is still to be asked, in batches that fit: questions, and the cells each of them lacks."""

import warnings
from collections import Counter
from functools import partial
from typing import NamedTuple

import torch

from ..benchmarks.prompts import write_prompt
from ..benchmarks.questions import Question, parted
from ..errors import BadInput
from ..interventions.names import Cell
from ..models.padding import Unrepeatable, is_tried, of_one_length, try_padding
from ..models.vlm import VLM
from .packing import by_whole_text


class Batch(NamedTuple):
    """Questions that are asked together, and the cells that all of them lack."""

    questions: list[Question]
    cells: tuple[Cell, ...]

    def halves(self) -> list["Batch"]:
        """The batch in two, or by itself where it is one question."""
        half = max(1, len(self.questions) // 2)
        parts = self.questions[:half], self.questions[half:]
        return [Batch(part, self.cells) for part in parts if part]

    def of_one_length(self, vlm: VLM, prompt: str) -> list["Batch"]:
        """The batch in some that need no padding."""
        groups = of_one_length(vlm, self.questions, prompt)
        return [Batch(some, self.cells) for some in groups]


def batches(
    vlm: VLM, lacking: dict[tuple[Cell, ...], list[Question]], prompt: str, size: int
) -> list[Batch]:
    """Batches of questions that lack the same cells, in rows of similar length, that memory holds.

    Little is padded so. Questions about one picture, which may share a row, stand side by side, for
    its encoding is kept a while only.
    """
    batch_list = []
    for cells, questions in lacking.items():
        row_lengths: Counter = Counter()
        for question in questions:
            row_lengths[question.encoded] += _length(vlm, question, prompt)
        ordered = sorted(questions, key=partial(_order, row_lengths))
        batch_list += [Batch(some, cells) for some in parted(ordered, size)]
    return batch_list


def _order(row_lengths, question):
    pictures = question.encoded
    return len(question.more), question.pixels, row_lengths[pictures], pictures


def _length(vlm, question, prompt):
    """How much is written for a question, in characters: options too, where all of them is read."""
    length = len(write_prompt(question, prompt))
    return length + sum(map(len, question.options)) * by_whole_text(vlm, question)


def try_padding_of(vlm: VLM, waiting: list[Batch], prompt: str):
    """Try whether a new model answers alike twice, and whatever is padded before a question.

    Now, and not by a thread that lays out ahead. Raises Unrepeatable.
    """
    if is_tried(vlm):
        return
    every = [question for batch in waiting for question in batch.questions]
    alike = [question for question in every if len(question.more) == len(every[0].more)]

    def size(question):
        return question.pixels, len(write_prompt(question, prompt))

    try:
        try_padding(vlm, min(alike, key=size), max(alike, key=size), prompt)
    except Unrepeatable:
        raise
    except Exception:  # a question that is refused is told of when its turn comes
        pass


def halved(waiting: list[Batch], error: Exception) -> list[Batch]:
    """The batches, each cut in two. Raises BadInput where each is a single question already."""
    size = max(len(batch.questions) for batch in waiting) // 2
    if not size:
        raise BadInput(
            f"memory does not suffice for one question ({error}); use a smaller picture limit or "
            "model"
        ) from error
    warnings.warn(f"memory ran out; going on with {size} questions at once", stacklevel=4)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return [
        Batch(batch.questions[i : i + size], batch.cells)
        for batch in waiting
        for i in range(0, len(batch.questions), size)
    ]
