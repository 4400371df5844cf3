"""A card tells what a mini answers, in percent, with both guesses and how much room there is."""

import pytest

from talo_mini import load_benchmark, sweep
from talo_mini.analysis import has_room, task_accuracy
from talo_mini.minis import card


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return card.card("llava-mini", 4, str(tmp_path_factory.mktemp("kept")))


def test_a_row_is_a_task_with_its_own_numbers(text, tmp_path):
    vlm = card.load_vlm("llava-mini", device="cpu")
    benchmark = load_benchmark("mini-worlds", per_task=4)
    accuracy = task_accuracy(sweep(vlm, benchmark, parts=()))
    cells = {(row.task, row.form): row for row in accuracy.itertuples()}
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.count("|") == 7]
    told = {row[1].removesuffix(" (held out)"): row for row in rows if row[1].count("_")}
    assert len(told) > 30
    for task, row in told.items():
        for form, place in (("direct", 2), ("choice", 4)):
            own = cells[task, form]
            assert row[place].startswith(f"{100 * own.accuracy:.0f} [")
            guesses = row[place + 1].split(", ")
            assert guesses[-1] == f"{100 * own.informed:.0f}"
            assert guesses[0] == f"{100 * own.chance:.0f}"
    assert f"Of 84 tasks and forms {has_room(accuracy).sum()} have room" in text


def test_what_the_whole_card_says_is_filled_in(text):
    assert "{" not in text and "<summary>Every task, in percent</summary>\n\n|" in text
    assert "%** in the direct form" in text
