"""Tables of a user's own, written by writers that are not ours: the csv module and a hand-made
string.
"""

import base64
import csv
import json

import pytest
from test_questions import png

from talo_mini import BadInput, load_benchmark

COLUMNS = [
    "index",
    "question",
    "hint",
    "A",
    "B",
    "C",
    "D",
    "answer",
    "category",
    "l2-category",
    "image",
]
IMAGE = base64.b64encode(png()).decode()
ROW = dict(
    index="1",
    question='Which "one",\nthe left?',
    hint="",
    A="red",
    B="blue",
    C="",
    D="",
    answer="B",
    category="colour",
    image=IMAGE,
    **{"l2-category": "perception"},
)


def tsv(path, *rows, columns=COLUMNS):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(
            file, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_a_tsv_of_vlmevalkit(tmp_path):
    path = tsv(
        tmp_path / "Tiny.tsv",
        ROW,
        {**ROW, "index": "2", "image": "1", "category": "shape"},
        {**ROW, "index": "1000001", "image": "1"},
        {**ROW, "index": "3", "image": str([IMAGE, IMAGE])},
    )
    found = load_benchmark(path)
    assert found.name == "Tiny" and [(t.name, t.ability) for t in found.tasks] == [
        ("colour", "perception"),
        ("shape", "perception"),
    ]
    first, second = found.questions
    assert first.text == ROW["question"] and first.options == ("red", "blue") and first.answer == 1
    assert second.image_bytes == first.image_bytes == png() and found.prompt == "vlmevalkit"
    assert found.left_out == ("row 3: a rotation of a question above", "row 4: 2 pictures")


def test_pictures_by_path(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(png())
    columns = ["index", "question", "A", "B", "answer", "image_path"]
    path = tsv(tmp_path / "t.tsv", {**ROW, "image_path": "images/a.png"}, columns=columns)
    assert load_benchmark(path).questions[0].image_bytes == png()
    with pytest.raises(
        BadInput,
        match=r"row 1, column 'image_path': there is no file 'images/b.png' beside the table",
    ):
        load_benchmark(
            tsv(tmp_path / "t.tsv", {**ROW, "image_path": "images/b.png"}, columns=columns)
        )


def test_a_folder_with_csv(tmp_path):
    (tmp_path / "cat.png").write_bytes(png())
    (tmp_path / "mine.csv").write_text(
        "image,question,A,B,answer,task\ncat.png,What is it?,cat,dog,cat,animals\n"
    )
    found = load_benchmark(str(tmp_path))
    assert (
        found.questions[0].answer == 0
        and found.questions[0].task == "animals"
        and found.name == "mine"
    )
    (tmp_path / "more.csv").write_text("x\n")
    with pytest.raises(BadInput, match="holds 2 tables"):
        load_benchmark(str(tmp_path))


def test_jsonl(tmp_path):
    (tmp_path / "cat.png").write_bytes(png())
    row = dict(image="cat.png", question="What is it?", options=["cat", "dog"], answer="B")
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(row) + "\n\n" + json.dumps({**row, "answer": "cat"}) + "\n")
    assert [q.answer for q in load_benchmark(str(path)).questions] == [1, 0]
    path.write_text(json.dumps(row) + "\n{oops\n")
    with pytest.raises(BadInput, match=r"mine.jsonl, line 2 is not JSON"):
        load_benchmark(str(path))
    path.write_text("3\n")
    with pytest.raises(BadInput, match=r"mine.jsonl, line 1 is not an object"):
        load_benchmark(str(path))


BAD = [
    ({"answer": "C"}, "row 2, column 'answer': 'C' names none of the 2 options"),
    ({"answer": ""}, "column 'answer': is empty"),
    ({"image": "###"}, "row 2, column 'image': is not base64"),
    ({"question": ""}, "row 2, column 'question': is empty"),
    (
        {"image": base64.b64encode(b"no picture").decode()},
        "row 2, column 'image': cannot be decoded",
    ),
    (
        {"B": "", "C": "green", "answer": "C"},
        "row 2, column 'B': is empty, but a later option is not",
    ),
    ({"B": "red"}, "row 2, question 'Tiny/2': two options are the same"),
    ({"index": "1"}, "question id 'Tiny/1' occurs more than once"),
]


@pytest.mark.parametrize("change,message", BAD, ids=[message[:40] for _, message in BAD])
def test_bad_rows(tmp_path, change, message):
    path = tsv(tmp_path / "Tiny.tsv", ROW, {**ROW, "index": "2", **change})
    with pytest.raises(BadInput, match=message):
        load_benchmark(path)
    if "index" not in change:
        found = load_benchmark(path, skip_malformed=True)
        assert len(found.questions) == 1 and message.split(",")[-1].strip() in found.malformed[0]


def test_rows_of_other_kinds_are_left_out_and_counted(tmp_path):
    found = load_benchmark(
        tsv(
            tmp_path / "Tiny.tsv",
            ROW,
            {**ROW, "index": "2", "image": ""},
            {**ROW, "index": "3", "A": "", "B": "", "answer": "3.5"},
        )
    )
    assert (
        found.left_out == ("row 2: no picture", "row 3: no options to choose from")
        and len(found.questions) == 1
    )


def test_an_image_goes_before_the_name_to_save_it_under_and_an_index_may_lead_to_a_list(tmp_path):
    columns = [*COLUMNS, "image_path"]
    found = load_benchmark(
        tsv(
            tmp_path / "Tiny.tsv",
            {**ROW, "image": str([IMAGE]), "image_path": "validation_1.jpg"},
            {**ROW, "index": "2", "image": "1"},
            columns=columns,
        )
    )
    assert [q.image_bytes for q in found.questions] == [png(), png()]


def test_the_finer_of_two_categories_is_the_task(tmp_path):
    columns = [column for column in COLUMNS if column != "l2-category"] + ["l2_category"]
    found = load_benchmark(
        tsv(
            tmp_path / "MMStar.tsv",
            {**ROW, "category": "math", "l2_category": "geometry"},
            columns=columns,
        )
    )
    assert [(task.name, task.ability) for task in found.tasks] == [("geometry", "math")]


@pytest.mark.parametrize("column", ["question", "answer", "image", "A"])
def test_a_missing_column_is_named(tmp_path, column):
    path = tsv(tmp_path / "Tiny.tsv", ROW, columns=[c for c in COLUMNS if c != column])
    with pytest.raises(BadInput, match=f"Tiny.tsv has no column '{column}'; it has: "):
        load_benchmark(path)


def test_what_is_no_table(tmp_path):
    with pytest.raises(BadInput, match=r"no file 'nowhere.tsv'"):
        load_benchmark("nowhere.tsv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00question")
    with pytest.raises(BadInput, match=r"a.csv cannot be read as a table"):
        load_benchmark(str(tmp_path / "a.csv"))
    with pytest.raises(
        BadInput,
        match=r"unknown benchmark 'nothing'; use one of mini-worlds, .*easy-vqa, scienceqa",
    ):
        load_benchmark("nothing")
