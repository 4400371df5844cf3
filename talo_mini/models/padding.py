"""Whether a model answers a question alike whatever is padded before it.

One that counts positions from the start of a row (GIT, BLIP) does not: a shorter question beside a
longer one is moved to the right. It is asked rows of one length only. Whether a model does is tried
once, and only where it has positions of text that are not rotary: so nearly never.
"""

import re
import weakref
from collections.abc import Sequence
from dataclasses import replace

import torch

from ..benchmarks.questions import Question
from ..errors import BadInput

ROUNDING = 1e-3  # of the largest logit; narrow numbers round more
POSITIONS = re.compile("posit|wpe", re.IGNORECASE)  # names of modules, and of their classes
ROTARY = re.compile("rotary|rope", re.IGNORECASE)  # only how far apart two tokens are counts
OF_PICTURES = re.compile("vision|visual|image|pixel", re.IGNORECASE)
_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Uneven(BadInput):
    """Questions of different lengths were put to a model whose answers depend on padding."""


def check_padding(vlm, questions: Sequence[Question], template: str, inputs):
    """Raise Uneven where questions are padded and that would change their answers."""
    mask = inputs["attention_mask"]
    if vlm.model.device.type == "meta" or mask.all():
        return
    if padding_counts(vlm, questions[0], template):
        raise Uneven(
            f"question {questions[0].id!r} stands beside a question of another length, and "
            f"{vlm.name} counts what is padded before it; ask questions of one length at once, "
            "or each alone (batch=1)"
        )


def padding_counts(vlm, question: Question, template: str) -> bool:
    """Whether this question has other logits beside a longer one than alone; tried once a model.

    Where this question does not let it be tried, it may. The model must not be hooked for something
    else meanwhile.
    """
    if vlm.model not in _known:
        _known[vlm.model] = False  # so that the trial itself is not refused
        try:
            _known[vlm.model] = _has_positions(vlm.model) and _differs(vlm, question, template)
        except BadInput:
            del _known[vlm.model]
            return True
        except BaseException:
            del _known[vlm.model]
            raise
    return _known[vlm.model]


def _has_positions(model):
    """Whether there are positions of text that are learned or fixed, and not rotary."""
    for path, module in model.named_modules():
        words = f"{path.rpartition('.')[2]} {type(module).__name__}"
        if POSITIONS.search(words) and not ROTARY.search(words) and not OF_PICTURES.search(path):
            return True
    return False


@torch.inference_mode()
def _differs(vlm, question, template):
    word = question.text.split()[0]  # as little more as can be: a prompt has a longest length
    written = f"{word} {question.written}" if question.written else question.written
    longer = replace(question, text=f"{word} {question.text}", written=written)
    alone = vlm.last_logits(vlm.inputs([question], template))[0]
    both = vlm.inputs([question, longer], template)
    if both["attention_mask"].all():
        raise BadInput(f"question {question.id!r} cannot be made longer by a word")
    beside = vlm.last_logits(both)[0]
    finite = alone.isfinite() & beside.isfinite()
    if not finite.any():
        return False
    largest = max(1.0, alone[finite].abs().max().item())
    allowed = max(ROUNDING, 4 * torch.finfo(vlm.model.dtype).eps) * largest
    return (alone - beside)[finite].abs().max().item() > allowed


def of_one_length(vlm, questions: Sequence[Question], template: str) -> list[list[Question]]:
    """The questions in groups whose prompts have the same number of tokens.

    Where all have, though they were padded (their pictures take other numbers), each stands alone.
    """
    groups: dict[int, list[Question]] = {}
    for question, tokens in zip(questions, vlm.tokens(questions, template), strict=True):
        groups.setdefault(len(tokens), []).append(question)
    return list(groups.values()) if len(groups) > 1 else [[question] for question in questions]
