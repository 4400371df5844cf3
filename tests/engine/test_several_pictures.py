"""Questions of several pictures are answered as they are alone, in every family that takes them."""

import dataclasses

import numpy as np
import pytest
from checkpoints import CHECKPOINTS, save_checkpoint

from talo_mini import BadInput, Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.models.scoring import scores

# Families whose prompt has a place for one picture.
SINGLE = ("instructblip", "instructblip_t5", "paligemma")


@pytest.fixture(scope="module")
def benchmark():
    """Of three pictures, questions about one, about two, and other questions about the same two."""
    worlds = load_benchmark("mini-worlds", ["object_colour"], 3, "choice")
    single = worlds.questions
    pairs = []
    for question, other in zip(single, single[1:] + single[:1], strict=True):
        two = dataclasses.replace(question, id=f"{question.id}/2", more=(other.image_bytes,))
        pairs += [two, dataclasses.replace(two, id=f"{two.id}/more", text="which colour is it?")]
    return worlds.only([*single, *pairs])


@pytest.mark.parametrize("name", sorted(CHECKPOINTS))
def test_families_see_every_picture_under_every_knockout(name, benchmark, tmp_path):
    vlm = load_vlm(save_checkpoint(CHECKPOINTS[name], tmp_path), device="cpu")
    if name in SINGLE:
        with pytest.raises(BadInput, match=r"'object_colour/.*shows 2 pictures.*a place for one"):
            sweep(vlm, benchmark)
        return
    found = sweep(vlm, benchmark, parts=("self-attention", "layer"))
    asked = {question.id: question for question in benchmark.questions}
    for row in found.itertuples():
        known = [] if row.part == "base" else [Knockout(row.part, row.layer)]
        question = asked[row.question]
        with knockout(vlm, *known):
            logits = vlm.last_logits(vlm.inputs([question]))
        assert np.allclose(row.scores, scores(vlm, [question], logits)[0], atol=1e-4)
    base = found[found.part == "base"].set_index("question").scores
    for question in benchmark.questions[:3]:
        difference = np.subtract(base[question.id], base[f"{question.id}/2"])
        assert np.abs(difference).max() > 1e-3
    assert found.picture.nunique() == 1  # the pairs join all three


def test_texts_are_written_about_every_picture(tiny, benchmark):
    written = tiny.generate(benchmark, max_new_tokens=3)
    alone = [tiny.generate([question], max_new_tokens=3)[0] for question in benchmark.questions]
    assert written == alone
    with pytest.raises(BadInput, match="ask them in two batches"):
        tiny.inputs(benchmark)
