"""What questions share is computed once: a row is a tree of tokens, not a line.

Questions about one picture begin alike, and so do options of several tokens. Each token of a row
sees the tokens on its way to the root and stands as far from it as it would alone, so that a causal
decoder gives it what it would give it alone. A tree is one more input with a mask, so that the
replay, its knockouts and its checks stay as they are; keys and values kept a layer would need a
cache of every family's own kind, and one for every knockout.
"""

import inspect
import re
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from ..benchmarks.questions import Question, by_pictures
from ..errors import BadInput
from ..interventions.hooks import NO_SOFTMAX
from ..models.asked import Asked, Wanted
from ..models.padding import Uneven, padding_counts
from ..models.scoring import next_tokens
from ..models.state import check_length
from ..models.vlm import VLM
from .memory import out_of_memory

MASKED = ("eager", "sdpa")  # implementations of attention that take any mask
LOOK_BACK = {"full_attention", "sliding_attention", "chunked_attention"}  # kinds a mask decides
WINDOWS = ("sliding_window", "attention_chunk_size")
COMPARED = 16  # beginnings of options that stand alone to be compared: one question may have 100
# per token and not needed where positions are given, or carried along
TYPES, CARRIED = "mm_token_type_ids", ("cross_attention_mask",)


class CannotPack(Exception):
    """Why questions of a model cannot share a row."""


class CannotAskAlone(Exception):
    """Of questions that share rows, one cannot be put to the model in a row of its own."""


class _Row:
    """A tree of tokens, each with its parent, its position and the prompt token it comes from."""

    def __init__(self):
        self.tokens, self.parents, self.positions, self.origins = [], [], [], []
        self.children = {}

    def add(self, parent: int, token: int, position: tuple, origin: tuple[int, int]) -> int:
        """The place of this token behind its parent (-1: the root), new or already there."""
        key = (parent, token, position)
        if key not in self.children:
            self.children[key] = len(self.tokens)
            self.tokens.append(token)
            self.parents.append(parent)
            self.positions.append(position)
            self.origins.append(origin)
        return self.children[key]

    def grow(self, place: int, token: int) -> int:
        """The place of a token of text behind another place."""
        following = (max(self.positions[place]) + 1,) * len(self.positions[place])
        return self.add(place, token, following, self.origins[place])

    def seen(self, length: int) -> np.ndarray:
        """Which tokens each one sees, [length, length]; padding sees itself."""
        seen = np.eye(length, dtype=bool)
        for place, parent in enumerate(self.parents):
            if parent >= 0:
                seen[place] |= seen[parent]
        return seen


def packed(vlm: VLM, questions: Sequence[Question], template: str) -> Asked:
    """Inputs in which questions about one picture share a row, and options what they begin with.

    Those of `apart` where nothing is shared. Raises CannotPack where the model cannot be asked so.
    """
    rows = by_pictures(questions)
    if len(rows) == len(questions) and not any(map(partial(by_whole_text, vlm), questions)):
        return apart(vlm, questions, template)
    _check_able(vlm)
    # each picture is prepared once, with the first question about it
    own = vlm.inputs([questions[group[0]] for group in rows], template)
    try:
        return _shared(vlm, questions, template, rows, own)
    except (CannotPack, BadInput):
        raise
    except Exception as error:  # a model of another kind, whose questions can still be asked alone
        if out_of_memory(error):
            raise
        raise CannotPack(" ".join(str(error).split())[:100]) from error


def _shared(vlm, questions, template, rows, own):
    positions = _positions(vlm.model, own)
    _check_tensors(own, positions)
    trees, ends = _trees(vlm, questions, template, rows, own, positions)
    wanted = _wanted(vlm, questions, trees, rows, ends)
    length = max(len(tree.tokens) for tree in trees)
    _check_window(vlm.model.config.get_text_config(), length)
    tensors = _tensors(vlm, own, trees, length, positions.ndim == 3)
    return Asked(tensors, wanted, partial(_each_alone, vlm, questions, template))


def _each_alone(vlm, questions, template):
    """Those of `apart`, to compare. Raises CannotAskAlone where the processor refuses a question
    that did not bring its picture to the shared row.
    """
    try:
        return apart(vlm, questions, template, COMPARED)
    except Uneven:
        raise
    except Exception as error:  # processors have no common class of errors
        if out_of_memory(error):
            raise
        raise CannotAskAlone from error


def apart(vlm: VLM, questions: Sequence[Question], template: str, most: int | None = None) -> Asked:
    """Inputs in which each question stands alone, and each spelling of an option of several tokens.

    Of such spellings at most so many, spread over all; options may then lack some. Raises BadInput
    where a model takes more of each token than itself, so that options of several tokens cannot be
    written behind a prompt.
    """
    if not any(map(partial(by_whole_text, vlm), questions)):
        plain = vlm.inputs(questions, template)
        return Asked(plain, next_tokens(vlm, questions, plain["input_ids"].device))
    paths = [vlm.option_paths(question) for question in questions]
    lines = _lines(paths, most)
    plain = vlm.inputs([questions[number] for number, _ in lines], template)
    _check_places(vlm, questions[0], plain)
    known = {"input_ids", "attention_mask", TYPES, *CARRIED}
    strange = [name for name in plain if name not in known and _by_token(plain, name)]
    if strange:
        raise BadInput(
            f"question {questions[0].id!r}: its options cannot be scored by their whole text, "
            f"since {vlm.name} also takes {strange[0]} of each token; ask it in the choice form"
        )
    prompts = [mask.nonzero()[:, 0].tolist() for mask in plain["attention_mask"]]
    more, device = [list(path) for _, path in lines], plain["input_ids"].device
    wanted = _wanted_of_lines(paths, lines, [len(prompt) for prompt in prompts], device)
    return Asked(_lengthened(plain, prompts, more, vlm), wanted)


def _lines(paths, most):
    """A line for each beginning of an option that something is predicted behind: (question, tokens)
    each, at most so many of them.
    """
    lines = list(
        dict.fromkeys(
            (number, path[:-1])
            for number, options in enumerate(paths)
            for option in options
            for path in option
        )
    )
    return lines[:: max(1, -(-len(lines) // most))] if most else lines


@torch.no_grad()
def _check_places(vlm, question, plain):
    """Raise BadInput where a model has further places than the tokens that it is given."""
    if vlm.image_token is not None:
        return
    places = vlm.model(**plain, use_cache=False).logits.shape[1]
    if places != plain["input_ids"].shape[1]:
        raise BadInput(
            f"question {question.id!r}: its options cannot be scored by their whole text, since "
            f"{vlm.name} reads its picture beside the tokens; ask it in the choice form"
        )


def _wanted_of_lines(paths, lines, begins, device):
    """Where in lines, whose prompts are so many tokens, each token of each path is predicted.

    Of paths whose line is among them.
    """
    rows = {line: row for row, line in enumerate(lines)}
    places = {}

    def steps(number, path):
        row = rows[number, path[:-1]]
        columns = range(begins[row] - 1, begins[row] - 1 + len(path))
        own = [places.setdefault((row, column), len(places)) for column in columns]
        return tuple(zip(own, path, strict=True))

    options = []
    for number, question in enumerate(paths):
        known = [[path for path in option if (number, path[:-1]) in rows] for option in question]
        options.append([[steps(number, path) for path in option] for option in known])
    where = torch.tensor(list(places), device=device).T
    return Wanted(where[0], where[1], options)


def _lengthened(plain, prompts, more, vlm):
    """The plain inputs with tokens behind each prompt, padded on the right."""
    device, pad = vlm.model.device, vlm.processor.tokenizer.pad_token_id or 0
    sizes = [len(prompt) + len(tokens) for prompt, tokens in zip(prompts, more, strict=True)]
    length = max(sizes)
    # which token of the prompt each one is, or comes behind
    origins = [(prompt + prompt[-1:] * length)[:length] for prompt in prompts]
    where = torch.tensor(origins, device=device)
    rows = torch.arange(len(where), device=device)[:, None]
    tensors = dict(plain)
    tensors |= {name: plain[name][rows, where] for name in CARRIED if name in plain}
    ids = plain["input_ids"][rows, where]
    kinds = plain[TYPES][rows, where] if TYPES in plain else None
    for row, (prompt, tokens, size) in enumerate(zip(prompts, more, sizes, strict=True)):
        ids[row, len(prompt) : size] = torch.tensor(tokens, dtype=ids.dtype, device=device)
        ids[row, size:] = pad
        if kinds is not None:
            kinds[row, len(prompt) :] = 0
    tensors["input_ids"] = ids
    ends = torch.tensor(sizes, device=device)[:, None]
    tensors["attention_mask"] = (torch.arange(length, device=device) < ends).long()
    return tensors if kinds is None else tensors | {TYPES: kinds}


def by_whole_text(vlm: VLM, question: Question) -> bool:
    """Whether a question's options are told apart by more than their first token."""
    return vlm.scoring(question) == "whole text"


def _check_able(vlm):
    """Raise CannotPack where a model's decoder does not look back through an attention mask."""
    if padding_counts(vlm):
        raise CannotPack("its answers change with what is padded before a question")
    text = vlm.model.config.get_text_config()
    if getattr(text, "_attn_implementation", None) not in MASKED:
        raise CannotPack("its attention takes no mask of one's own")
    if getattr(text, "is_encoder_decoder", False) or vlm.image_token is None:
        raise CannotPack("its prompt has no place for the picture")
    strange = sorted({*(getattr(text, "layer_types", None) or ())} - LOOK_BACK)
    if strange:
        raise CannotPack(f"it has layers of the kind {strange[0]}")
    for layer in vlm.anatomy.stacks["decoder"]:
        for part in layer.parts.values():
            for mixer in part.mixers.values():
                name = type(mixer).__name__
                if not re.search("Att", name) or NO_SOFTMAX.search(name):
                    raise CannotPack(f"{name} looks back without a mask")
                if any("indexer" in inside for inside, _ in mixer.named_modules()):
                    raise CannotPack(f"{name} chooses by itself where to look")


def _check_window(text, length):
    for name in WINDOWS:
        window = getattr(text, name, None)
        if window and length > window:
            raise CannotPack(f"its attention looks back {window} tokens only")


def _positions(model, plain) -> torch.Tensor:
    """The position of each token, [questions, tokens], or [axes, questions, tokens]."""
    index = getattr(getattr(model, "model", None), "get_rope_index", None)
    if index is None:
        return plain["attention_mask"].cumsum(-1) - 1
    parameters = inspect.signature(index).parameters
    positions, _ = index(**{name: value for name, value in plain.items() if name in parameters})
    return positions


def _by_token(plain, name):
    value = plain[name]
    return torch.is_tensor(value) and value.shape[:2] == plain["input_ids"].shape


def _check_tensors(plain, positions):
    """Raise CannotPack where a model is given more of each token than can be carried along."""
    known = {"input_ids", "attention_mask", *CARRIED}
    if positions.ndim == 3:
        known.add(TYPES)  # only positions are made of them
    for name in plain:
        if name not in known and (_by_token(plain, name) or name.startswith("qformer")):
            raise CannotPack(f"it also takes {name}")


def _trees(vlm, questions, template, rows, own, positions):
    """A tree for each row, and the place where each question's prompt ends."""
    axes = positions if positions.ndim == 3 else positions[None]
    short, trees, ends = vlm.tokens(questions, template), [], {}
    for row, group in enumerate(rows):
        tree, place = _Row(), -1
        columns = own["attention_mask"][row].nonzero()[:, 0].tolist()
        ids, spots = own["input_ids"][row].tolist(), axes[:, row].T.tolist()
        for column in columns:
            place = tree.add(place, ids[column], tuple(spots[column]), (row, column))
        whole = list(tree.tokens)
        for number in group:
            place, more = _after(short[group[0]], short[number], whole, vlm.image_token)
            check_length(vlm.model, vlm.name, questions[number], place + 1 + len(more))
            for token in more:
                place = tree.grow(place, token)
            ends[number] = place
        trees.append(tree)
    return trees, ends


def _after(first, other, whole, image):
    """Up to which place of the whole first prompt another is the same, and how it goes on.

    `first` and `other` hold the picture's place in short, `whole` all its tokens. Raises CannotPack
    where the tokenizer alone does not write what stands behind the picture.
    """
    tail = len(first) - (_last(first, image) + 1 or _common(first, whole) + 1)
    if whole[len(whole) - tail :] != first[len(first) - tail :]:
        raise CannotPack("its processor writes more than its tokenizer")
    same = _common(first, other)
    place = len(whole) - (len(first) - same) - 1
    if image in [*other[same:], *whole[place + 1 :]]:
        raise CannotPack("its prompts do not begin with their pictures")
    return place, other[same:]


def _last(tokens, token) -> int:
    """The last place of a token, -1 where it is not."""
    return max((place for place, one in enumerate(tokens) if one == token), default=-1)


def _common(one, two) -> int:
    """How many tokens two lists begin with alike."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(two)))


def _wanted(vlm, questions, trees, rows, ends):
    """Add the options' tokens to the trees; where each of them is predicted."""
    places, options = {}, {}
    for row, (tree, group) in enumerate(zip(trees, rows, strict=True)):
        for number in group:
            own = vlm.option_paths(questions[number])
            options[number] = [
                [_steps(tree, row, ends[number], path, places) for path in option] for option in own
            ]
    where = torch.tensor(list(places), device=vlm.model.device).T
    return Wanted(where[0], where[1], [options[number] for number in range(len(questions))])


def _steps(tree, row, place, path, places):
    """Each token of a path with the place where it is predicted; all but the last are added."""
    steps = []
    for token in path:
        if steps:
            place = tree.grow(place, steps[-1][1])
        steps.append((places.setdefault((row, place), len(places)), token))
    return tuple(steps)


def _tensors(vlm, own, trees, length, rotary):
    """What the model is called with: one row a tree."""
    device, dtype = vlm.model.device, vlm.model.dtype
    pad = [length - len(tree.tokens) for tree in trees]
    ids = [tree.tokens + [0] * more for tree, more in zip(trees, pad, strict=True)]
    nowhere = (0,) * len(trees[0].positions[0])
    spots = [tree.positions + [nowhere] * more for tree, more in zip(trees, pad, strict=True)]
    positions = torch.tensor(spots, device=device)  # [rows, tokens, axes]
    seen = torch.tensor(np.stack([tree.seen(length) for tree in trees]), device=device)
    hidden = torch.zeros(seen.shape, dtype=dtype, device=device)
    tensors = {name: value for name, value in own.items() if name != TYPES}
    tensors |= dict(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=hidden.masked_fill_(~seen, torch.finfo(dtype).min)[:, None],
        position_ids=positions.permute(2, 0, 1) if rotary else positions[..., 0],
    )
    for name in CARRIED:
        if name in own:
            origins = [
                tree.origins + [(0, 0)] * more for tree, more in zip(trees, pad, strict=True)
            ]
            number, column = torch.tensor(origins, device=device).permute(2, 0, 1)
            tensors[name] = own[name][number, column]
    return tensors
