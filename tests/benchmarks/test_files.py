"""Tables of a user's own, written by writers that are not ours: the csv module and a hand-made
string.
"""

import base64
import contextlib
import csv
import json

import pandas as pd
import pytest
from drawings import png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talo_mini import BadInput, load_benchmark
from talo_mini.benchmarks.rows import FILLERS, PLACEHOLDER

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
    first, second, third = found.questions
    assert third.encoded == (png(), png()) and not second.more
    assert first.text == ROW["question"] and first.options == ("red", "blue") and first.answer == 1
    assert second.image_bytes == first.image_bytes == png() and found.prompt == "vlmevalkit"
    assert found.left_out == ("row 3: a rotation of another row's question",)


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
    path.write_text(
        json.dumps(row)
        + "\n\n"
        + json.dumps({**row, "question": "And this?", "answer": "cat"})
        + "\n"
    )
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
    ({"image": "###"}, "row 2, column 'image': '###' is no file beside the table and no base64"),
    ({"question": ""}, "row 2, column 'question': is empty"),
    (
        {"image": base64.b64encode(b"no picture").decode()},
        "row 2, column 'image': cannot be used: it is no picture",
    ),
    ({"B": "red"}, "row 2, question 'Tiny/2': two options are the same"),
    ({"index": "1", "question": "?"}, "question id 'Tiny/1' occurs more than once"),
    ({"answer": "A"}, "'red' is right here, 'blue' in row 1, which asks the same"),
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
            {**ROW, "index": "2", "image": "1", "question": "And here?"},
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


@pytest.mark.parametrize("column", ["question", "answer", "image"])
def test_a_missing_column_is_named(tmp_path, column):
    path = tsv(tmp_path / "Tiny.tsv", ROW, columns=[c for c in COLUMNS if c != column])
    with pytest.raises(BadInput, match=f"Tiny.tsv has no column '{column}'; it has: "):
        load_benchmark(path)


def test_a_file_without_options_is_told(tmp_path):
    columns = ["index", "question", "answer", "image"]
    with pytest.raises(BadInput, match=r"Tiny.tsv has no options: neither"):
        load_benchmark(tsv(tmp_path / "Tiny.tsv", ROW, columns=columns))


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


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


ANIMAL = dict(image=IMAGE, question="What is it?", options=["cat", "dog"], answer="B")


def test_how_answers_are_written_is_decided_once_a_file(tmp_path):
    """The letter A beside an option "A": the other row knows letters only."""
    odd = dict(ANIMAL, question="Which letter?", options=["C", "A", "B"], answer="A")
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", odd, ANIMAL))
    assert [q.answer for q in found.questions] == [0, 1]
    by_words = dict(ANIMAL, answer="dog")
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", odd, by_words))
    assert [q.answer for q in found.questions] == [1, 1]
    with pytest.raises(BadInput, match=r"row 1, column 'answer': 'A' fits two ways: option A .'C'"):
        load_benchmark(jsonl(tmp_path / "a.jsonl", odd))


def numbered(path, *answers, options=("cat", "dog", "cow")):
    """The right places in a file of questions with these answers."""
    rows = [
        dict(ANIMAL, question=f"{i}?", options=options, answer=a) for i, a in enumerate(answers)
    ]
    return [question.answer for question in load_benchmark(jsonl(path, *rows)).questions]


def test_places_are_counted_as_the_answers_of_the_file_tell(tmp_path):
    """From 0 where one is 0, from 1 where one is the number of options, in text too."""
    path = tmp_path / "a.jsonl"
    assert numbered(path, 0, 2, 1) == [0, 2, 1]
    assert numbered(path, 1, 3, 1) == [0, 2, 0]
    assert numbered(path, "0", "2") == [0, 2]
    assert numbered(path, "3", "1") == [2, 0]
    for unclear in ((1, 2), (1, 2, 3, 0)):  # no sign, both signs
        with pytest.raises(BadInput, match="do not tell whether the first option is 0 or 1"):
            numbered(path, *unclear)
    rows = [dict(ANIMAL, question=f"{i}?", options=["x", "y", "z"], answer=i) for i in range(4)]
    with pytest.raises(BadInput, match="no question that can be used"):  # and not all moved by one
        load_benchmark(jsonl(path, *rows), skip_malformed=True)
    row = {**ROW, "option1": "red", "option2": "blue", "option3": "grey", "answer": "2"}
    columns = ["index", "question", "image", "option1", "option2", "option3", "answer"]
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", row, columns=columns))
    assert found.questions[0].options[found.questions[0].answer] == "blue"


def test_a_number_is_a_place_or_the_words_but_not_both(tmp_path):
    path, numbers = tmp_path / "a.jsonl", ["1", "2", "3", "4"]
    with pytest.raises(BadInput, match="'2' is a place, but the answers"):
        numbered(path, 2, options=numbers)
    assert numbered(path, 2, 0, options=numbers) == [2, 0]  # no option is the word 0
    assert numbered(path, 4, 1, options=numbers) == [3, 0]  # both ways say the same
    assert numbered(path, "2", options=numbers) == [1]
    rows = [
        dict(ANIMAL, question=f"{i}?", options=options, answer=answer)
        for i, (options, answer) in enumerate([(["3", "1"], "1"), (["x", "y"], "2")])
    ]
    found = load_benchmark(jsonl(path, *rows)).questions  # digits fit both rows as places only
    assert [question.options[question.answer] for question in found] == ["3", "y"]


def test_a_number_of_a_column_of_places_is_never_the_words(tmp_path):
    """However the file writes it; elsewhere a number in a list is that number."""
    asked = [(["1", "0", "3", "2"], 0), (["2", "3", "1", "0"], 1), (["0", "3", "2", "1"], 2)]
    table = pd.DataFrame([dict(image=IMAGE, question=f"{i}?") for i in range(3)])
    table = table.assign(**{n: [o[k] for o, _ in asked] for k, n in enumerate("ABCD")})
    for name, places in (("answer_index", [0, 1, 2]), ("answer_idx", [0.0, 1.0, 2.0])):
        table.assign(**{name: places}).to_csv(tmp_path / "a.csv", index=False)
        for source in (tmp_path / "a.csv", table.assign(**{name: places})):
            found = load_benchmark(source).questions
            assert [question.options[question.answer] for question in found] == ["1", "3", "2"]
    with pytest.raises(BadInput, match="'2' is a place, but the answers"):
        numbered(tmp_path / "a.jsonl", [2], options=["1", "2", "3", "4"])


def test_an_exporters_missing_value_is_no_option_but_none_and_na_are(tmp_path):
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", {**ROW, "C": "nan", "D": "nan"}))
    assert found.questions[0].options == ("red", "blue")
    assert found.repaired == ("row 1: the option 'nan' is a missing value",) * 2
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", {**ROW, "A": "NA", "C": "None", "D": "null"}))
    assert found.questions[0].options == ("NA", "blue", "None", "null") and not found.repaired


def test_an_empty_first_option_moves_no_answer(tmp_path):
    row = {**ROW, "A": "", "C": "green", "answer": "C"}
    found = load_benchmark(tsv(tmp_path / "AI2D.tsv", row))
    assert found.questions[0].options == ("blue", "green") and found.questions[0].answer == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_rotations_are_told_by_their_options_whatever_their_order(tmp_path, order):
    rotated = {**ROW, "index": "1000001", "A": "blue", "B": "red", "answer": "A", "image": "1"}
    rows = [ROW, rotated]
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", *(rows[i] for i in order)))
    assert [q.id for q in found.questions] == ["Tiny/1"] and len(found.left_out) == 1


def test_a_stranger_a_million_further_on_is_no_rotation(tmp_path):
    stranger = {**ROW, "index": "1000001", "question": "How many?", "A": "2", "B": "3"}
    assert len(load_benchmark(tsv(tmp_path / "Tiny.tsv", ROW, stranger)).questions) == 2


def test_rotations_without_their_original_are_one_question(tmp_path):
    first = {**ROW, "index": "2000001"}
    second = {**ROW, "index": "3000001", "A": "blue", "B": "red", "answer": "A"}
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", second, first))
    assert [q.id for q in found.questions] == ["Tiny/2000001"]


def test_rotations_are_told_by_a_column(tmp_path):
    rows = [{**ROW, "index": str(i), "g_index": str(i // 2), "A": f"red {i}"} for i in range(4)]
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", *rows, columns=[*COLUMNS, "g_index"]))
    assert [q.id for q in found.questions] == ["Tiny/0", "Tiny/2"]


def test_a_number_that_only_looks_like_a_groups_decides_nothing(tmp_path):
    """3DSRBench numbers every row anew in qid; others number a template of many pictures."""
    turned = {**ROW, "index": "2", "A": "blue", "B": "red", "answer": "A"}
    rows = [{**ROW, "qid": "a-1"}, {**turned, "qid": "a-2"}]
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", *rows, columns=[*COLUMNS, "qid"]))
    assert [q.id for q in found.questions] == ["Tiny/1"]
    picture = base64.b64encode(png("blue")).decode()
    rows = [{**ROW, "qid": "a"}, {**turned, "qid": "a", "image": picture}]
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", *rows, columns=[*COLUMNS, "qid"]))
    assert [q.id for q in found.questions] == ["Tiny/1", "Tiny/2"]


@pytest.mark.parametrize(
    "options,message",
    [
        ([{"label": "A"}, {"label": "B"}], "holds an option that is no text"),
        (["cat", None], "holds an option that is no text"),
        (["cat", ""], "holds an empty option"),
        ([["cat", "dog"], "cow"], "holds an option that is no text"),
        ({"label": ["A"], "text": ["cat"]}, "is no list of options"),
        ("cat, dog", "is not a list"),
        (3, "is no list of options"),
    ],
)
def test_options_that_are_none_are_refused(tmp_path, options, message):
    with pytest.raises(BadInput, match=f"row 1, column 'options': {message}"):
        load_benchmark(jsonl(tmp_path / "a.jsonl", dict(ANIMAL, options=options)))


def test_a_single_option_is_no_question(tmp_path):
    rows = [ANIMAL, dict(ANIMAL, options=["cat"], answer="A")]
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", *rows))
    assert len(found.questions) == 1 and found.left_out == ("row 2: a single option",)


@pytest.mark.parametrize("options", ["['cat', 'dog']", '["cat", "dog"]', {"A": "cat", "B": "dog"}])
def test_options_as_text_and_by_letter(tmp_path, options):
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", dict(ANIMAL, options=options)))
    assert found.questions[0].options == ("cat", "dog")


def test_natural_names_of_columns(tmp_path):
    (tmp_path / "it's [1].png").write_bytes(png())
    row = dict(file_name="it's [1].png", question="?", choices=["cat", "dog"], answer=0)
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", row))
    assert found.questions[0].image_bytes == png() and found.questions[0].answer == 0


def test_a_cell_that_begins_with_a_quote_swallows_no_row(tmp_path):
    lines = ["index\tquestion\tA\tB\tanswer\timage"]
    lines += [f"{i}\tWhat?\tcat\tdog\tA\t{IMAGE}" for i in range(6)]
    lines[2] = lines[2].replace("What?", '"What?')
    lines[4] = lines[4].replace("\tdog", '\tdog"')
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match=r"a.tsv, line 3"):
        load_benchmark(str(path))


def test_sound_tables_that_look_odd_are_read(tmp_path):
    path = tmp_path / "a.csv"
    head = "question,A,B,answer,image\n"
    path.write_text(head.replace("\n", ",\n") + f"What?,cat,dog,A,{IMAGE},\n")
    assert len(load_benchmark(str(path)).questions) == 1
    path.write_text(head + f"What?,cat,dog,A,data:image/png;base64,{IMAGE}\n".replace("64,", "64;"))
    path.write_text(head + f'What?,cat,dog,A,"data:image/png;base64,{IMAGE[:40]}\n{IMAGE[40:]}"\n')
    assert load_benchmark(str(path)).questions[0].image_bytes == png()
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", dict(ANIMAL, question="one\u2028two?")))
    assert found.questions[0].text == "one\u2028two?"


@pytest.mark.parametrize("end", [".tsv", ".csv", ".jsonl"])
def test_a_header_without_rows_is_told(tmp_path, end):
    path = tmp_path / f"a{end}"
    path.write_text(
        ""
        if end == ".jsonl"
        else "question\tA\tB\tanswer\timage\n".replace("\t", "," if end == ".csv" else "\t")
    )
    with pytest.raises(BadInput, match="holds no rows"):
        load_benchmark(str(path))


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname"])
def test_nothing_outside_the_tables_folder_is_read(tmp_path, name):
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "mine").mkdir()
    with pytest.raises(BadInput, match="lies outside the table's folder"):
        load_benchmark(jsonl(tmp_path / "mine" / "a.jsonl", dict(ANIMAL, image=name)))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(BadInput, match="lies outside the table's folder"):
        load_benchmark(jsonl(tmp_path / "mine" / "a.jsonl", dict(ANIMAL, image="a.png")))


def with_levels(*pairs):
    """Rows of a category and an l2-category each."""
    return [
        {**ROW, "index": str(i), "question": f"{i}?", "category": one, "l2-category": other}
        for i, (one, other) in enumerate(pairs)
    ]


def test_of_two_categories_that_within_the_other_is_the_task_in_any_order(tmp_path):
    rows = with_levels(("seeing", "colour"), ("seeing", "shape"), ("seeing", "shape"))
    for some in (rows, rows[::-1]):
        found = load_benchmark(tsv(tmp_path / "Tiny.tsv", *some))
        assert {(task.name, task.ability) for task in found.tasks} == {
            ("colour", "seeing"),
            ("shape", "seeing"),
        }


def test_one_task_with_two_abilities_is_refused_in_any_order(tmp_path):
    rows = with_levels(("x", "a"), ("x", "b"), ("y", "b"))
    for some in (rows, rows[::-1]):
        with pytest.raises(BadInput, match="task 'x' has the ability"):
            load_benchmark(tsv(tmp_path / "Tiny.tsv", *some))


def test_a_leading_placeholder_is_dropped_and_told(tmp_path):
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", dict(ANIMAL, question="<image>\nWhat?")))
    assert found.questions[0].text == "What?" and found.repaired == (
        "row 1: a mark of the picture's place (<image>) is dropped",
    )


@pytest.mark.parametrize("cell", ["x" * 300_000, "²", "\ud800", 3.5, None, ["a"], {"b": 1}])
@pytest.mark.parametrize("column", ["question", "answer", "image", "index", "category", "options"])
def test_any_cell_is_read_or_refused_in_a_short_sentence(tmp_path, column, cell):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**ANIMAL, column: cell}) + "\n")
    try:
        load_benchmark(str(path))
    except BadInput as error:
        assert len(str(error)) < 600 and "a.jsonl" in str(error)


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(
    str.strip
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(CELLS, st.lists(CELLS, min_size=2, max_size=4)), min_size=1, max_size=4),
    st.data(),
)
def test_a_generated_table_round_trips_or_is_refused(tmp_path, rows, data):
    """Whatever is accepted has the question, the options, the right answer and the picture."""
    written = []
    for i, (question, options) in enumerate(rows):
        right = data.draw(st.integers(0, len(options) - 1))
        cells = dict(zip("ABCD", options, strict=False))
        written.append(
            {
                **ROW,
                "A": "",
                "B": "",
                **cells,
                "index": str(i),
                "question": question,
                "answer": "ABCD"[right],
            }
        )
    path = tsv(tmp_path / "Tiny.tsv", *written)
    try:
        found = load_benchmark(path)
    except BadInput as error:
        assert "Tiny" in str(error)
        return
    kept = {int(q.id.rpartition("/")[2]): q for q in found.questions}
    for i, q in kept.items():
        row = written[i]
        own = [row[letter].strip() for letter in "ABCD" if row[letter].strip()]
        while own and own[-1] in FILLERS:
            own.pop()
        assert q.text == PLACEHOLDER.sub("", row["question"].strip()) and list(q.options) == own
        assert q.options[q.answer] == row[row["answer"]].strip() and q.image_bytes == png()
    assert len(kept) + len(found.left_out) == len(rows)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
@pytest.mark.parametrize("end", [".tsv", ".csv", ".jsonl"])
def test_damaged_bytes_are_read_or_refused(tmp_path, end, data):
    """Bytes cut, doubled or flipped anywhere in a sound file."""
    path = tmp_path / f"a{end}"
    if end == ".jsonl":
        jsonl(path, ANIMAL, dict(ANIMAL, question="And this?"))
    else:
        tsv(path, ROW, {**ROW, "index": "2", "image": "1", "question": "?"})
        if end == ".csv":
            path.write_text(path.read_text().replace("\t", ","))
    sound = path.read_bytes()
    at = data.draw(st.integers(0, len(sound) - 1))
    length = data.draw(st.integers(1, 40))
    kind = data.draw(st.sampled_from(["cut", "double", "flip"]))
    part = sound[at : at + length]
    middle = {"cut": b"", "double": part * 2, "flip": bytes(b ^ 0x55 for b in part)}[kind]
    path.write_bytes(sound[:at] + middle + sound[at + length :])
    with contextlib.suppress(BadInput):
        load_benchmark(str(path))


# What was found by reading odd tables: each is refused in a sentence, or read as it is meant.
ODD = {
    "a letter whose option is empty": (
        {**ROW, "C": "", "D": "grey", "answer": "C"},
        "'C' names none of the 3 options \\(A. red, B. blue, D. grey\\)",
    ),
    "options in the order of other letters": (
        {**ROW, "A": "B. red", "B": "A. blue"},
        "begin with the letters B, A; write them in this order",
    ),
    "a question that is only a mark": ({**ROW, "question": "<image>"}, "is empty but for a mark"),
    "options that differ by a space": ({**ROW, "B": "red "}, "two options are the same"),
    "a zero byte": ({**ROW, "question": "What\0?"}, "holds a zero byte"),
    "a picture in a circle of links": ({**ROW, "image": "loop.png"}, "there is no file"),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_row_is_refused_in_a_sentence(tmp_path, case):
    row, message = ODD[case]
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(BadInput, match=message):
        load_benchmark(tsv(tmp_path / "Tiny.tsv", row))


@pytest.mark.parametrize(
    "line,message",
    [
        ('{"question": "a", "question": "b"}', "names 'question' twice"),
        ("[" * 200_000, "is not JSON"),
        ('{"question": "a", "Question": "b"}', "has two columns 'question'"),
    ],
)
def test_an_odd_line_of_json_is_refused_in_a_sentence(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput, match=message):
        load_benchmark(str(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(image=[]), "0 pictures"),
        (dict(image=[3]), "is no picture"),
        (dict(g_index=["a"]), "is no text"),
        (dict(options="[" * 200_000), "is not a list"),
        (dict(options="{[1],[2]}"), "is not a list"),
        (dict(options="['a', ..., 'z']"), "holds an option that is no text"),
        (dict(options={"": "none", "A": "cat"}), "is no list of options"),
        (dict(options='{"A": "cat", "A": "dog"}'), "names 'A' twice"),
        (dict(options=[str(i) for i in range(30)]), "are 30, but there are 26 letters"),
    ],
)
def test_an_odd_cell_of_json_is_refused_in_a_sentence(tmp_path, change, message):
    with pytest.raises(BadInput, match=message):
        load_benchmark(jsonl(tmp_path / "a.jsonl", {**ANIMAL, **change}))


def test_columns_of_one_letter_are_options_only_without_a_gap(tmp_path):
    columns = [*COLUMNS, "x", "y", "n"]
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", {**ROW, "x": "1", "n": "2"}, columns=columns))
    assert found.questions[0].options == ("red", "blue")
    assert not found.repaired


@pytest.mark.parametrize("missing", ["nan", "NaN", "<NA>", "#N/A"])
def test_missing_values_are_no_text_wherever_they_stand(tmp_path, missing):
    """In front (AI2D), behind a letter, as hint, category and picture."""
    row = {**ROW, "A": missing, "C": "grey", "answer": "C", "hint": missing, "category": missing}
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", row, {**ROW, "image": missing}))
    question = found.questions[0]
    assert question.options == ("blue", "grey") and question.answer == 1
    assert question.hint == "" and question.task == "Tiny"
    assert found.left_out == ("row 2: no picture",)
    lettered = dict(ANIMAL, options=["A. cat", "B. dog", f"C. {missing}"])
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", lettered))
    assert found.questions[0].options == ("cat", "dog")


def test_the_same_question_twice_is_one_and_another_right_answer_is_refused(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", ANIMAL, ANIMAL)
    found = load_benchmark(path)
    assert found.left_out == ("row 2: the same question as another row's",)
    path = jsonl(tmp_path / "a.jsonl", ANIMAL, {**ANIMAL, "answer": "A"})
    with pytest.raises(BadInput, match="'cat' is right here, 'dog' in row 1, which asks the same"):
        load_benchmark(path)


def test_letters_of_rows_with_an_empty_option_are_their_own(tmp_path):
    """In a file of letters the row without A is read by its own letters, and changes no other."""
    odd = {**ROW, "A": "", "C": "grey", "D": "pink", "answer": "D"}
    words = {**ROW, "index": "2", "question": "?", "A": "E", "B": "B", "C": "C", "D": "A"}
    found = load_benchmark(tsv(tmp_path / "Tiny.tsv", odd, {**words, "answer": "A"}))
    assert [question.answer for question in found.questions] == [2, 0]


@pytest.mark.parametrize("answer,right", [(1, "dog"), (2, "cow"), (0, None)])
@pytest.mark.parametrize(
    "options", [{"A": "", "B": "dog", "C": "cow"}, {"options": ["nan", "dog", "cow"]}]
)
def test_places_of_rows_with_an_empty_option_are_their_own(tmp_path, options, answer, right):
    whole = dict(A="red", B="blue", C="pink") if "A" in options else dict(options=["x", "y", "z"])
    rows = [dict(image=IMAGE, question="?", answer=0, **whole)]
    rows.append(dict(image=IMAGE, question="!", answer=answer, **options))
    path = jsonl(tmp_path / "a.jsonl", *rows)
    if right is None:
        with pytest.raises(BadInput, match=r"'0' names none of the 2 options \(B. dog, C. cow\)"):
            load_benchmark(path)
        return
    question = load_benchmark(path).questions[1]
    assert question.options == ("dog", "cow") and question.options[question.answer] == right


@pytest.mark.parametrize(
    "columns,message",
    [
        (
            "option_a option_c option_d",
            "has the options' columns option_a, option_c, option_d; name",
        ),
        (
            "option1 option3 option4",
            "option1, option2, ... or option_a, option_b, ..., up to 26 and",
        ),
        ("option2 option3", "has the options' columns option2, option3"),
        ("option1 option2 option_a", "has the options' columns option1, option2, option_a"),
        (" ".join(f"option{i}" for i in range(1, 28)), "up to 26 and none left out"),
        (
            "option1 option_1 option2",
            "two columns of one option, 'option1' and 'option_1'; keep one",
        ),
    ],
)
def test_numbered_options_with_a_gap_are_refused(tmp_path, columns, message):
    names = columns.split()
    row = dict(image=IMAGE, question="?", answer="A", **{name: name for name in names})
    with pytest.raises(BadInput, match=message):
        load_benchmark(jsonl(tmp_path / "a.jsonl", row))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator,name", [("\t", "a.tsv"), (",", "a.csv")])
def test_two_rows_in_one_cell_are_told(tmp_path, end, separator, name):
    """A quote at the beginning of one row and in the middle of the next."""
    cells = [["question", "A", "B", "answer", "image"], ['"Big?', "cat", "dog", "A", "x"]]
    cells += [['Which is 32"', "x", "y", "B", "z"]]
    text = end.join(separator.join(row) for row in cells) + end
    (tmp_path / name).write_bytes(text.encode())
    with pytest.raises(BadInput, match="a cell holds the end of a row and the beginning of anoth"):
        load_benchmark(str(tmp_path / name))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_between_two_stray_quotes_are_told(tmp_path, end):
    """Also where each of the two rows has a cell too few or too many of its own."""
    rows = ["question,image,A,B,answer", f'"Big?,{IMAGE},cat', f"Red?,{IMAGE},cat,dog,A"]
    rows += [f'Blue, or red",{IMAGE},x,y,A']
    (tmp_path / "a.csv").write_bytes(end.join(rows).encode())
    with pytest.raises(BadInput, match="a cell holds the end of a row and the beginning of anoth"):
        load_benchmark(str(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    "question",
    [
        "Look at the picture.\nWhich is it: red, green, blue, or grey?",
        "First, look, then read, then answer, please, if you can.\nWhich one?",
        "One, two.\nThree, four, five, six.\n\nWhich, then?",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_text_of_several_lines_may_have_commas(tmp_path, question, first):
    columns = ["question", "image", "A", "B", "answer"]
    columns = columns if first else [*columns[1:], columns[0]]
    row = dict(question=f'"{question}"', image=IMAGE, A="cat", B="dog", answer="A")
    written = [",".join(columns), ",".join(row[column] for column in columns)]
    (tmp_path / "a.csv").write_text("\n".join(written) + "\n")
    assert load_benchmark(str(tmp_path / "a.csv")).questions[0].text == question


def test_a_row_that_was_cut_off_is_told(tmp_path):
    (tmp_path / "a.csv").write_text(f"question,image,answer,A,B,C,D\nq,{IMAGE},A,cat,dog\n")
    with pytest.raises(BadInput, match="line 2 has 5 cells, but there are 7 columns; it may have"):
        load_benchmark(str(tmp_path / "a.csv"))


def test_yes_and_no_are_read_as_people_write_them(tmp_path):
    rows = [dict(image=IMAGE, question=f"{i}?", answer=a) for i, a in enumerate(["No.", "yes", ""])]
    with pytest.raises(BadInput, match="row 3, column 'answer'"):
        load_benchmark(jsonl(tmp_path / "a.jsonl", *rows))
    found = load_benchmark(jsonl(tmp_path / "a.jsonl", *rows), skip_malformed=True)
    assert [question.answer for question in found.questions] == [1, 0]


def test_rotations_of_a_question_of_several_pictures_are_recognised(tmp_path):
    """A row that names another row's index has all its pictures."""
    both = str([IMAGE, IMAGE])
    path = tsv(
        tmp_path / "Tiny.tsv",
        {**ROW, "index": "1", "image": both},
        {**ROW, "index": "1000001", "image": "1"},
        {**ROW, "index": "2", "image": "1", "question": "another?"},
    )
    found = load_benchmark(path)
    assert [len(question.encoded) for question in found.questions] == [2, 2]
    assert found.left_out == ("row 2: a rotation of another row's question",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<image><image>", "is empty but for marks"),
        ("<image> <image> <image>?", "marks 3 pictures"),
    ],
)
def test_marks_of_pictures_that_name_nothing_are_told(tmp_path, text, told):
    path = tsv(tmp_path / "a.tsv", {**ROW, "image": str([IMAGE, IMAGE]), "question": text})
    with pytest.raises(BadInput, match=told):
        load_benchmark(path)


def test_a_second_picture_beside_the_first_is_shown(tmp_path):
    for column in ("image", "image_path"):
        (tmp_path / "one.png").write_bytes(png("red"))
        (tmp_path / "two.png").write_bytes(png("blue"))
        row = ROW | {column: "one.png", f"{column}_2": "two.png"}
        names = [name for name in COLUMNS if name != "image"]
        path = tsv(tmp_path / "q.tsv", row, columns=[*names, f"{column}_2", column])
        (question,) = load_benchmark(path).questions
        assert [image.getpixel((1, 1)) for image in question.images] == [(255, 0, 0), (0, 0, 255)]
        both = ROW | {column: "two.png", f"{column}_1": "one.png", f"{column}_2": "two.png"}
        path = tsv(tmp_path / "q.tsv", both, columns=[*names, f"{column}_1", f"{column}_2", column])
        shown = load_benchmark(path).questions[0].images  # the first names the second once more
        assert [image.getpixel((1, 1)) for image in shown] == [(255, 0, 0), (0, 0, 255)]
        counted = ROW | {column: "one.png", f"{column}_1": "two.png"}  # from 0 on
        path = tsv(tmp_path / "q.tsv", counted, columns=[*names, f"{column}_1", column])
        assert len(load_benchmark(path).questions[0].images) == 2


def test_a_column_task_is_the_task_whatever_stands_beside_it(tmp_path):
    for other in ("subject", "skill", "topic"):
        row = ROW | {"task": "counting", other: "biology"}
        columns = [name for name in COLUMNS if "category" not in name]
        path = tsv(tmp_path / "q.tsv", row, columns=[other, *columns, "task"])
        assert [task.name for task in load_benchmark(path).tasks] == ["counting"]


def test_questions_that_differ_by_their_hint_are_two(tmp_path):
    rows = [
        ROW | dict(index=str(i), hint=hint, answer=answer)
        for i, (hint, answer) in enumerate([("of the left one", "A"), ("of the right one", "B")])
    ]
    found = load_benchmark(tsv(tmp_path / "q.tsv", *rows))
    assert [q.answer for q in found.questions] == [0, 1] and not found.left_out


def test_of_a_choice_that_is_asked_openly_the_right_words_are_accepted(tmp_path):
    found = load_benchmark(tsv(tmp_path / "q.tsv", ROW), form="open")
    assert found.questions[0].options == ("blue",) and "not shown" in found.repaired[0]
    row = dict(question="?", options=["red", "blue"], answer="A", image=IMAGE)
    (tmp_path / "q.jsonl").write_text(json.dumps(row))
    found = load_benchmark(str(tmp_path / "q.jsonl"), form="open")
    assert found.questions[0].options == ("red",)
    (tmp_path / "q.jsonl").write_text(json.dumps(row | dict(answer=["red", "crimson"])))
    found = load_benchmark(str(tmp_path / "q.jsonl"), form="open")
    assert found.questions[0].options == ("red", "crimson")


@pytest.mark.parametrize("written", ["1,500, 2,750", "[1,000, 2,500]", "[1,500, 2,750]", "(1,500)"])
def test_commas_that_may_stand_in_numbers_are_told(tmp_path, written):
    path = tmp_path / "a.jsonl"
    for row, form in ((dict(options=written), None), (dict(options=None, answer=written), "open")):
        if form == "open" and not written.startswith("["):
            continue  # a text of its own
        with pytest.raises(BadInput, match="holds commas that may stand in numbers or between"):
            load_benchmark(jsonl(path, {**ANIMAL, **row}), form=form)


@pytest.mark.parametrize(
    "written,options",
    [
        ("[100,250]", ("100", "250")),
        ("[1500, 2750]", ("1500", "2750")),
        ("['1,500', '2,750']", ("1,500", "2,750")),
        ("[0.5,100]", ("0.5", "100")),
    ],
)
def test_lists_of_numbers_as_programs_write_them_are_read(tmp_path, written, options):
    (question,) = load_benchmark(
        jsonl(tmp_path / "a.jsonl", {**ANIMAL, "options": written})
    ).questions
    assert question.options == options


@pytest.mark.parametrize("written", ["[1,500]", "['a' 'b', 'c']"])
def test_accepted_answers_that_may_be_one_or_several_are_told(tmp_path, written):
    path = jsonl(tmp_path / "a.jsonl", {**ANIMAL, "answer": written, "options": ""})
    with pytest.raises(BadInput, match=r"column 'answer': (holds commas|a comma is missing)"):
        load_benchmark(path, form="open")


@pytest.mark.parametrize(
    "place,message",
    [
        ("https://a.org/cat", "'https://a.org/cat' is an address; save the picture as a file"),
        ("https://a.org/cat.png", "is an address"),
        ("pics", "'pics' is a folder; name a picture in it"),
        ("cats", "cannot be used: it is no picture"),  # which is base64
        ("cat", "'cat' is no file beside the table and no base64"),
    ],
)
def test_what_stands_in_place_of_a_picture_is_told(tmp_path, place, message):
    (tmp_path / "pics").mkdir()
    with pytest.raises(BadInput, match=message):
        load_benchmark(jsonl(tmp_path / "a.jsonl", {**ANIMAL, "image": place}))


def test_another_rows_index_that_is_a_file_too_is_told(tmp_path):
    rows = [{**ANIMAL, "index": 7}, {**ANIMAL, "index": 8, "question": "?", "image": "7"}]
    path = jsonl(tmp_path / "a.jsonl", *rows)
    (tmp_path / "7").mkdir()  # a folder of this name is none
    assert len({question.image_bytes for question in load_benchmark(path).questions}) == 1
    (tmp_path / "7").rmdir()
    (tmp_path / "7").write_bytes(png("green"))
    with pytest.raises(BadInput, match="row 2, column 'image': '7' is another row's index and a"):
        load_benchmark(path)
    same = {**ANIMAL, "index": "cat.png", "image": "cat.png"}
    (tmp_path / "cat.png").write_bytes(png("green"))
    assert load_benchmark(jsonl(tmp_path / "b.jsonl", same)).questions[0].image_bytes
