"""How VLMEvalKit's multiple-choice sets lay out their columns: tables of ours with the same
columns, each read rightly or counted (the table of `book/faults.md`).
"""

import base64
import csv
from pathlib import Path

import pytest
from drawings import png

from talo_mini import BadInput, load_benchmark

IMAGE = base64.b64encode(png()).decode()
ABC = {"A": "cat", "B": "dog", "C": "cow"}
WORDS = ("cat", "dog", "cow")
LINES = "(A) cat\n(B) dog\n(C) cow"
# name: (columns of a row beside question and image, its options or the reason why it is left out)
LAYOUTS = {
    "columns and a letter": ({**ABC, "answer": "B"}, WORDS),
    "columns option1, option2": (
        {"option1": "cat", "option2": "dog", "option3": "cow", "answer": "B"},
        WORDS,
    ),
    "columns option_a, option_b": (
        {"option_a": "cat", "option_b": "dog", "option_c": "cow", "answer": "B"},
        WORDS,
    ),
    "Python's list": ({"options": "['cat', 'dog', 'cow']", "answer": "B"}, WORDS),
    "JSON's list, words": ({"options": '["cat", "dog", "cow"]', "answer": "dog"}, WORDS),
    "numpy's list, without commas": ({"options": "['cat' 'dog'\n 'cow']", "answer": "B"}, WORDS),
    "numpy's numbers": ({"choices": "[2 0 1]", "answer": "B"}, ("2", "0", "1")),
    "a list of lettered words": (
        {"candidates": str(["A. cat", "B. dog", "C. cow"]), "answer": "B"},
        WORDS,
    ),
    "lettered lines": ({"candidates": "A. cat\nB. dog\nC. cow", "answer": "B. dog"}, WORDS),
    "lettered lines between instructions": (
        {
            "multi-choice options": f"The choices are:\n{LINES}\nSelect the best answer.",
            "answer": "B",
        },
        WORDS,
    ),
    "columns beside an instruction": (
        {**ABC, "multi-choice options": LINES, "answer": "B"},
        WORDS,
    ),
    "lettered words in columns": (
        {"A": "A. cat", "B": "B. dog", "C": "C. cow", "answer": "B"},
        WORDS,
    ),
    "an answer in a list": ({**ABC, "answer": "['B']"}, WORDS),
    "digits, counted from 0": ({**ABC, "answer": "1"}, WORDS),
    "letter and words": ({**ABC, "answer": "(b) dog"}, WORDS),
    "columns with large names": ({**ABC, "Answer": "B", "Category": "animals"}, WORDS),
    "yes or no": ({"answer": "no"}, ("Yes", "No")),
    "several right letters": ({**ABC, "answer": "BC"}, "several right options"),
    "an order of letters": ({**ABC, "answer": "C, A, B"}, "several right options"),
    "several answers in a list": ({**ABC, "answer": "['A', 'B']"}, "several right options"),
    "an open question": ({"A": "3.5", "B": "Other Answers", "answer": "A"}, "an open question"),
    "pictures among the options": (
        {"A": "<image 2>", "B": "<image 3>", "answer": "B"},
        "pictures among the options",
    ),
}


def written(path, *rows):
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def asked(row, number=0):
    return {"index": str(number), "image": IMAGE, "question": f"Which {number}?", **row}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_or_counted(tmp_path, layout):
    row, expected = LAYOUTS[layout]
    sound = asked({**ABC, "answer": "A"}, 1)
    rows = [asked(row)] if isinstance(expected, tuple) else [asked(row), sound]
    if layout.startswith("digits"):
        rows.append(asked({**ABC, "answer": "0"}, 1))
    found = load_benchmark(written(tmp_path / "a.tsv", *rows))
    if isinstance(expected, tuple):
        assert found.questions[0].options == expected
        assert found.questions[0].answer == 1
        assert not found.left_out
    else:
        assert found.left_out == (f"row 1: {expected}",)
        assert len(found.questions) == 1


def test_every_layout_is_told_in_the_book():
    """Each is a row of the table of layouts that were tried, and no other is."""
    page = (Path(__file__).parents[2] / "book" / "faults.md").read_text()
    table = page.split("## Layouts")[1]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    assert set(LAYOUTS) <= set(rows)


def test_a_forgotten_comma_is_told(tmp_path):
    path = written(tmp_path / "a.tsv", asked({"options": "['cat' 'dog', 'cow']", "answer": "B"}))
    with pytest.raises(BadInput, match="column 'options': a comma is missing before 'dog'"):
        load_benchmark(path)


def test_one_wrong_row_changes_no_reading_of_others(tmp_path):
    """Whether answers are letters or words is decided by the rows that can be read."""
    letters = {"A": "C", "B": "A", "C": "B", "answer": "A"}
    rows = [{**ABC, "answer": "D"}, letters, {**ABC, "answer": "B"}]
    path = written(tmp_path / "a.tsv", *(asked(row, i) for i, row in enumerate(rows)))
    found = load_benchmark(path, skip_malformed=True)
    assert [question.answer for question in found.questions] == [0, 1]
    assert len(found.malformed) == 1


def test_the_picture_of_a_row_that_is_missing_is_told(tmp_path):
    path = written(tmp_path / "a.tsv", asked({**ABC, "answer": "A", "image": "4000"}))
    with pytest.raises(BadInput, match="names the picture of row '4000', which the table lacks"):
        load_benchmark(path)


def test_pictures_in_the_folder_that_VLMEvalKit_makes(tmp_path):
    (tmp_path / "images" / "Big").mkdir(parents=True)
    (tmp_path / "images" / "Big" / "n0.jpg").write_bytes(png())
    row = {**asked({**ABC, "answer": "B"}), "image_path": "n0.jpg"}
    del row["image"]
    for name in ("Big.tsv", "Big_local.tsv"):
        assert load_benchmark(written(tmp_path / name, row)).questions[0].image_bytes == png()


def test_the_reason_of_a_file_without_a_usable_row_is_what_is_wrong(tmp_path):
    row = asked({**ABC, "answer": "?"})
    path = written(tmp_path / "a.tsv", row, {**row, "index": "1"})
    with pytest.raises(BadInput, match="no question that can be used row 1, column 'answer'"):
        load_benchmark(path, skip_malformed=True)
