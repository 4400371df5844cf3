"""Whether a model answers a question alike whatever is padded before it.

Some do not. GIT and BLIP count positions from the start of a row, so that a shorter question beside
a longer one is moved to the right; Ministral 3 scales queries by them, Hunyuan weighs dimensions
that were rotated by them, and with "longrope" the longest row decides on the frequencies of all.
Such a model is asked rows of one length only. What a model does is tried, not known: the shortest
question of a padded batch is asked alone and beside the longest one, and again where rows are twice
as long or pass a number that the configuration names.
"""

import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ..benchmarks.questions import Question
from ..errors import BadInput
from .temporary import muted

ROUNDING = 1e-3  # of the largest logit; narrow numbers round more
COUNTS = sys.maxsize  # as a length: what is padded before a question changes its answer
TRYING = COUNTS - 1  # as a length: of the trial itself nothing is tried
# of each model, in each state: the longest row that was tried, or COUNTS
_tried: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_numbers: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # of each model's configuration
_thread = threading.local()


class Uneven(BadInput):
    """Questions of different lengths were put to a model whose answers depend on padding."""


class Unrepeatable(BadInput):
    """A model that answers the same inputs differently each time."""


@contextmanager
def untried():
    """Inside the block this thread runs no model to try it: Uneven is raised in its place."""
    _thread.untried = True
    try:
        yield
    finally:
        _thread.untried = False


def check_padding(vlm, questions: Sequence[Question], template: str, inputs):
    """Raise Uneven where questions are padded and that changes answers (or may: see `untried`).

    Raises Unrepeatable as `try_padding` does.
    """
    mask = inputs["attention_mask"]
    if vlm.model.device.type == "meta" or mask.all():
        return
    tokens = mask.sum(1)
    shortest, longest = questions[int(tokens.argmin())], questions[int(tokens.argmax())]
    if _is_new(vlm, mask.shape[1]):
        if getattr(_thread, "untried", False):
            raise Uneven(f"question {shortest.id!r} is padded, and that was not tried yet")
        try_padding(vlm, shortest, longest, template)
    if padding_counts(vlm):
        raise Uneven(
            f"question {shortest.id!r} stands beside a question of another length, and the answers "
            f"of {vlm.name} change with what is padded before them; ask questions of one length at "
            "once, or each alone (batch=1)"
        )


def is_tried(vlm) -> bool:
    """Whether the model, as it is set now, was tried before, with rows of whatever length."""
    return _length(vlm) > 0


def padding_counts(vlm) -> bool:
    """Whether what is padded before a question is known to change its answers."""
    return _length(vlm) == COUNTS


@torch.no_grad()
def try_padding(vlm, shorter: Question, longer: Question, template: str):
    """Ask the first question twice alone, and beside the other where that one's prompt is longer.

    Nothing is knocked out meanwhile. Raises Unrepeatable where two equal passes differ.
    """
    before = _length(vlm)
    _note(vlm, TRYING)
    try:
        with muted():
            length = _trial(vlm, shorter, longer, template)
    except BaseException:
        _note(vlm, before)
        raise
    _note(vlm, max(before, length))


def _trial(vlm, shorter, longer, template):
    """The length of the row that was tried, COUNTS where padding changed it, 1 without padding."""
    inputs = vlm.inputs([shorter], template)
    alone = vlm.last_logits(inputs)[0]
    if _differ(vlm, alone, vlm.last_logits(inputs)[0]):
        raise Unrepeatable(
            f"{vlm.name} answers question {shorter.id!r} differently each time that it is asked, "
            "so that no change can be told from chance; its forward pass draws random numbers"
        )
    both = vlm.inputs([shorter, longer], template)
    if both["attention_mask"].all():
        return 1
    beside = vlm.last_logits(both)[0]
    return COUNTS if _differ(vlm, alone, beside) else both["input_ids"].shape[1]


def _differ(vlm, one, other):
    """Whether logits differ by more than rounding, or in which of them are numbers."""
    finite = one.isfinite()
    if not torch.equal(finite, other.isfinite()):
        return True
    if not finite.any():
        return False
    largest = max(1.0, one[finite].abs().max().item())
    allowed = max(ROUNDING, 4 * torch.finfo(_dtype(vlm.model)).eps) * largest
    return (one - other)[finite].abs().max().item() > allowed


def _is_new(vlm, length):
    """Whether rows as long as that may be answered otherwise than those that were tried."""
    tried = _length(vlm)
    if vlm.model not in _numbers:
        named = set(_whole_numbers(vlm.model.config.get_text_config().to_dict()))
        # a rule may hold from a length on, or behind it
        _numbers[vlm.model] = named | {number + 1 for number in named}
    passed = any(tried < number <= length for number in _numbers[vlm.model])
    return passed or length >= 2 * tried


def _whole_numbers(value):
    if isinstance(value, int):
        yield value
    if isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _whole_numbers(one)


def _length(vlm):
    return _tried.get(vlm.model, {}).get(_state(vlm.model), 0)


def _note(vlm, length):
    _tried.setdefault(vlm.model, {})[_state(vlm.model)] = length


def _state(model):
    """What may be set anew of a model that was tried."""
    text = model.config.get_text_config()
    return _dtype(model), getattr(text, "_attn_implementation", None)


def _dtype(model):
    """Of the numbers that a model computes with."""
    device = model.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return model.dtype


def of_one_length(vlm, questions: Sequence[Question], template: str) -> list[list[Question]]:
    """The questions in groups whose prompts have the same number of tokens.

    Where all have, though they were padded (their pictures take other numbers), each stands alone.
    """
    groups: dict[int, list[Question]] = {}
    for question, tokens in zip(questions, vlm.tokens(questions, template), strict=True):
        groups.setdefault(len(tokens), []).append(question)
    return list(groups.values()) if len(groups) > 1 else [[question] for question in questions]


def in_batches(
    vlm, questions: Sequence[Question], template: str
) -> Iterator[tuple[list[Question], dict]]:
    """The questions that can be put to the model at once, with their inputs: all together, or
    group by group where padding changes answers.
    """
    try:
        inputs = vlm.inputs(questions, template)
    except Uneven:
        for some in of_one_length(vlm, questions, template):
            yield from in_batches(vlm, some, template)
    else:
        yield list(questions), inputs
