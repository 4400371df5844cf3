"""What a single head looks at: which words and patches the answer sees through it."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ..analysis.significance import mean_interval
from ..benchmarks.questions import Benchmark, parted
from ..errors import BadInput
from ..models.eager import telling_weights
from ..models.temporary import held
from ..models.vlm import VLM

PICTURE = "(picture)"


def words_looked_at(
    vlm: VLM, benchmark: Benchmark, layer: int, heads: Sequence[int], batch: int = 64
) -> pd.DataFrame:
    """Which words the answer's position looks at through heads of a layer, means over questions.

    Columns: head, word (the picture's tokens together are "(picture)"), share; shares of a head sum
    to 1, the largest first. Runs with eager attention, which tells its weights, and puts the
    model's own way back. Raises BadInput where there is no such head or weights are not told.
    """
    totals = {head: Counter() for head in heads}
    for _, ids, last in _last_looks(vlm, benchmark, layer, heads, batch):
        words = [_words(vlm, row) for row in ids]
        for head, total in totals.items():
            for row, shares in zip(words, last[:, head].tolist(), strict=True):
                for word, share in zip(row, shares, strict=True):
                    total[word] += share / len(benchmark.questions)
    rows = [
        dict(head=head, word=word, share=share)
        for head, total in totals.items()
        for word, share in total.most_common()
        if share > 0
    ]
    return pd.DataFrame(rows, columns=["head", "word", "share"])


def looks_in_words(looks: pd.DataFrame, most: int) -> pd.DataFrame:
    """The `most` words that each head looks at most, with shares in percent, as one text a head.

    `looks` is of `words_looked_at`, the largest share of a head first. Columns: head, words.
    """
    first = looks.groupby("head").head(most)
    texts = [f"{row.word} {100 * row.share:.0f}%" for row in first.itertuples()]
    return first.assign(words=texts).groupby("head", as_index=False).words.agg(", ".join)


def patches_looked_at(
    vlm: VLM,
    benchmark: Benchmark,
    layer: int,
    heads: Sequence[int],
    marked: Callable[[Image.Image], np.ndarray],
    batch: int = 64,
) -> pd.DataFrame:
    """Which share of its look at the picture each head's answer position gives to marked patches.

    `marked` tells of a picture which pixels count, [rows, columns] of bool; a patch counts that
    holds one. Columns: head, picture (share of its attention on the picture), delta (of that the
    share on marked patches), low, high (95% interval over questions), patches (what a look that is
    alike everywhere would give). Raises BadInput as `words_looked_at`, and where the tokens of a
    picture are no square of patches.
    """
    rows: dict[int, list] = {head: [] for head in heads}
    for questions, ids, last in _last_looks(vlm, benchmark, layer, heads, batch):
        for question, row, looks in zip(questions, ids, last, strict=True):
            place = row == vlm.image_token
            is_marked = _patches(marked(question.image), int(place.sum()), question)
            for head, measures in rows.items():
                weights = looks[head, place].double().cpu().numpy()
                measures.append(
                    (
                        weights.sum(),
                        weights[is_marked].sum() / max(weights.sum(), 1e-30),
                        is_marked.mean(),
                    )
                )
    summaries = []
    for head, measures in rows.items():
        picture, share, patches = np.array(measures).T
        low, high = mean_interval(share, most=1.0)
        row = dict(head=head, picture=picture.mean(), delta=share.mean(), low=low, high=high)
        summaries.append(row | dict(patches=patches.mean()))
    return pd.DataFrame(summaries)


def _patches(pixels, tokens, question):
    """Which of so many patches, row by row, hold one of the pixels."""
    side = math.isqrt(tokens)
    if side**2 != tokens or pixels.shape[0] % side or pixels.shape[1] % side:
        raise BadInput(f"question {question.id!r}: {tokens} tokens of a picture are no square")
    rows, columns = (length // side for length in pixels.shape)
    return pixels.reshape(side, rows, side, columns).any((1, 3)).ravel()


@torch.inference_mode()
def _last_looks(vlm, benchmark, layer, heads, batch):
    """Questions, their tokens, and the weights of the last one, [questions, heads, tokens], by
    batches.
    """
    part = vlm.anatomy.part("self-attention", layer)
    modules = part.modules.values()
    lacking = next((head for head in heads if not 0 <= head < part.heads), None)
    if lacking is not None:
        raise BadInput(f"layer {layer} of {vlm.name} has no head {lacking}; it has {part.heads}")
    seen: list = []

    def note(module, args, output):
        seen.append(output[1] if isinstance(output, tuple) else None)

    for questions in parted(benchmark.questions, batch):
        inputs = vlm.inputs(questions, benchmark.prompt)
        seen.clear()
        with telling_weights(vlm.model), held((m.register_forward_hook, note) for m in modules):
            vlm.last_logits(inputs)
        if not seen or seen[-1] is None:
            raise BadInput(f"{vlm.name} does not tell its attention's weights")
        yield questions, inputs["input_ids"], seen[-1][:, :, -1].float()


def _words(vlm, ids):
    tokens = vlm.processor.tokenizer.convert_ids_to_tokens(ids.tolist())
    picture = vlm.image_token
    return [PICTURE if i == picture else t for i, t in zip(ids.tolist(), tokens, strict=True)]
