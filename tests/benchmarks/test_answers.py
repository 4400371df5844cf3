"""What a right answer looks like, and how many texts are none."""

import pytest

from talo_mini import Question
from talo_mini.benchmarks.answers import answer_text, count_unparsed

CHOICE = Question("q0", "t", b"", "?", ("red", "blue"), 1)
DIRECT = Question("q1", "t", b"", "?", ("red", "blue"), 0, "direct")


def test_a_right_answer_is_a_letter_or_the_option():
    assert answer_text(CHOICE) == "B" and answer_text(DIRECT) == "red"


def test_texts_that_name_no_option_are_counted():
    assert count_unparsed([CHOICE, DIRECT], ["B", "Red."]) == 0
    assert count_unparsed([CHOICE, DIRECT], ["red", "green"]) == 2
    assert count_unparsed([CHOICE, DIRECT], ["C", "blue"]) == 1
    with pytest.raises(ValueError, match="shorter"):
        count_unparsed([CHOICE, DIRECT], ["B"])
