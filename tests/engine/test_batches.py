"""What is still to be asked is cut into batches that are a partition, and halved where need be."""

from functools import cache
from unittest import mock

import pytest
from conftest import tiny_llava
from drawings import png
from hypothesis import given
from hypothesis import strategies as st

from talo_mini import BadInput, Question
from talo_mini.benchmarks.questions import parted
from talo_mini.engine.batches import Batch, batches, halved
from talo_mini.errors import whole_number

PICTURES = [png(colour) for colour in ("red", "blue", "green")]
CELLS = (("mlp", "zero", 1),), (("mlp", "zero", 2), ("layer", "zero", 0))


@cache
def tiny():
    return tiny_llava()


def asked(pictures):
    """A question about each of these pictures, with texts of different lengths."""
    return [
        Question(str(i), "t", PICTURES[picture], "what? " * (i % 5 + 1), ("a", "b"), 0)
        for i, picture in enumerate(pictures)
    ]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.integers(1, 9))
def test_batches_are_a_partition_of_what_is_lacking(pictures, size):
    questions = asked(pictures)
    lacking = {CELLS[0]: questions[::2], CELLS[1]: questions[1::2]}
    lacking = {cells: some for cells, some in lacking.items() if some}
    made = batches(tiny(), lacking, "bare", size)
    assert all(len(batch.questions) <= size for batch in made)
    for cells, some in lacking.items():
        found = [q.id for batch in made if batch.cells == cells for q in batch.questions]
        assert sorted(found) == sorted(q.id for q in some)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 5))
def test_pictures_of_a_batch_fit_in_memory_together(sides, size):
    """As many pixels as a single picture may have; a larger one stands alone."""
    questions = [
        Question(str(i), "t", png(size=(side, side)), "what?", ("a", "b"), 0)
        for i, side in enumerate(sides)
    ]
    with mock.patch("talo_mini.benchmarks.questions.MOST_PIXELS", 2500):
        made = list(parted(questions, size))
    assert [q for some in made for q in some] == questions
    for some in made:
        pixels = sum(q.pixels for q in some)
        assert len(some) <= size
        assert pixels <= 2500 or len(some) == 1


@given(st.integers(1, 20))
def test_halves_are_a_partition(count):
    batch = Batch(asked([0] * count), CELLS[0])
    assert [q for half in batch.halves() for q in half.questions] == batch.questions
    assert len(batch.halves()) == min(2, count)


def test_where_memory_does_not_suffice_for_one_question_it_is_told():
    with pytest.warns(UserWarning, match="going on with 2 questions at once"):
        smaller = halved([Batch(asked([0] * 5), CELLS[0])], MemoryError("full"))
    assert [len(batch.questions) for batch in smaller] == [2, 2, 1]
    with pytest.raises(BadInput, match="memory does not suffice for one question"):
        halved([Batch(asked([0]), CELLS[0])], MemoryError("full"))


@pytest.mark.parametrize("size", [0, -1, True, 2.0, "3", None])
def test_a_size_is_a_number_of_questions(size):
    with pytest.raises(BadInput, match="batch is"):
        whole_number("batch", size)
