"""Each Hub benchmark from small parquet files with the Hub's columns, as the `datasets` library
writes them.
"""

import io

import pyarrow
import pyarrow.parquet
import pytest
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow

from talo_mini import BadInput, load_benchmark
from talo_mini.benchmarks import ON_THE_HUB
from talo_mini.benchmarks.prompts import find_prompt, write_prompt


def jpeg(colour="red", size=(20, 12)):
    buffer = io.BytesIO()
    Pillow.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def picture(colour="red"):
    return {"bytes": jpeg(colour), "path": None}


def words(*names):
    return {name: Value("string") for name in names}


FEATURES = {
    "scienceqa": Features(
        {
            "image": Image(),
            "choices": List(Value("string")),
            "answer": Value("int8"),
            **words(
                "question",
                "hint",
                "task",
                "grade",
                "subject",
                "topic",
                "category",
                "skill",
                "lecture",
                "solution",
            ),
        }
    ),
    "mmstar": Features(
        {
            "index": Value("int64"),
            "image": Image(),
            **words("question", "answer", "category", "l2_category"),
        }
    ),
    "mmbench": Features(
        {
            "image": Image(),
            **words(
                "index",
                "question",
                "hint",
                "answer",
                "A",
                "B",
                "C",
                "D",
                "category",
                "source",
                "L2-category",
                "comment",
                "split",
            ),
        }
    ),
    "mmmu": Features(
        {
            **{f"image_{i}": Image() for i in range(1, 8)},
            **words(
                "id",
                "question",
                "options",
                "explanation",
                "img_type",
                "answer",
                "topic_difficulty",
                "question_type",
                "subfield",
            ),
        }
    ),
    "seed": Features(
        {
            "image": List(Image()),
            "question_type_id": Value("int16"),
            **words(
                "answer",
                "choice_a",
                "choice_b",
                "choice_c",
                "choice_d",
                "data_id",
                "data_type",
                "question",
                "question_id",
            ),
        }
    ),
    "realworldqa": Features({"image": Image(), **words("question", "answer", "image_path")}),
}
STATE = dict(
    image=picture(),
    question="Which of these states is farthest north?",
    choices=["Ohio", "Maine", "Iowa"],
    answer=1,
    hint="",
    task="closed choice",
    grade="grade2",
    subject="social science",
    topic="geography",
    category="Maps",
    skill="Read a map: cardinal directions",
    lecture="",
    solution="",
)
CAT = dict(
    index=0,
    image=picture(),
    question="Which option is right?\nOptions: A: a cat, on a mat., B: a dog., C: 3, 4, and 5, "
    "D: none",
    answer="C",
    category="coarse perception",
    l2_category="image topic",
)
FRUIT = dict(
    index="7",
    image=picture(),
    question="What fruit?",
    hint="Look.",
    answer="B",
    A="apple",
    B="pear",
    C="nan",
    D="nan",
    category="object_localization",
    source="",
    comment="",
    split="dev",
    **{"L2-category": "finegrained_perception"},
)
SUM = {
    "id": "validation_Art_Theory_7",
    "question": "What is <image 1> of?",
    "options": "['Paris', 'Rome']",
    "answer": "B",
    "question_type": "multiple-choice",
    "subfield": "x",
    "explanation": "",
    "img_type": "",
    "topic_difficulty": "Easy",
    "image_1": picture(),
    **{f"image_{i}": None for i in range(2, 8)},
}
SCENE = dict(
    image=[picture()],
    question_type_id=1,
    answer="D",
    choice_a="a",
    choice_b="b",
    choice_c="c",
    choice_d="d",
    data_id="1",
    data_type="image",
    question="Where?",
    question_id="101669",
)
ROAD = dict(
    image=picture(),
    question="Which way?\n\nA. Left\nB. Right\nPlease answer directly with only the letter of the "
    "correct option and nothing else.",
    answer="B",
    image_path="1.webp",
)


def write(folder, name, *rows):
    Dataset.from_list(list(rows), features=FEATURES[name]).to_parquet(folder / "part-0.parquet")
    return str(folder)


def load(folder, name, *rows, **options):
    return load_benchmark(name, source=write(folder, name, *rows), **options)


def test_scienceqa(tmp_path):
    no_picture = {**STATE, "image": None}
    other = {**STATE, "category": "Geography", "hint": "Oceans are blue."}
    found = load(tmp_path, "scienceqa", no_picture, STATE, other)
    assert [(t.name, t.ability) for t in found.tasks] == [
        ("Maps", "social science"),
        ("Geography", "social science"),
    ]
    question = found.questions[0]
    assert (
        question.options == ("Ohio", "Maine", "Iowa")
        and question.answer == 1
        and question.image.size == (20, 12)
    )
    assert found.left_out == ("row 1: no picture",) and found.source == str(tmp_path)
    assert write_prompt(found.questions[1], found.prompt).startswith(
        "Hint: Oceans are blue.\nQuestion: Which of"
    )


def test_mmstar(tmp_path):
    bracketed = {
        **CAT,
        "index": 1,
        "question": "How many?\nChoices:\n(A) 10\n(B) 20\n(C) 30",
        "answer": "A",
    }
    found = load(tmp_path, "mmstar", CAT, bracketed)
    assert found.questions[0].options == ("a cat, on a mat.", "a dog.", "3, 4, and 5", "none")
    assert found.questions[0].text == "Which option is right?" and found.questions[0].answer == 2
    assert (
        found.questions[1].options == ("10", "20", "30")
        and found.tasks[0].ability == "coarse perception"
    )
    assert write_prompt(found.questions[1], found.prompt) == (
        "Question: How many?\nOptions:\nA. 10\nB. 20\nC. 30\nPlease select the correct answer "
        "from the options above."
    )
    lmms_eval = find_prompt("lmms-eval", "mmstar")  # whose words are the set's own
    assert write_prompt(found.questions[0], lmms_eval).startswith(f"{CAT['question']}\nAnswer with")


def test_mmbench_keeps_one_question_of_a_circular_group(tmp_path):
    rotated = {**FRUIT, "index": "1000007", "A": "pear", "B": "apple", "answer": "A"}
    found = load(tmp_path, "mmbench", FRUIT, rotated, {**FRUIT, "index": "8"})
    assert [q.id for q in found.questions] == ["mmbench/7", "mmbench/8"]
    assert found.questions[0].options == ("apple", "pear") and found.questions[0].hint == "Look."
    assert found.left_out == ("row 2: a rotation of a question above",)


def test_mmmu(tmp_path):
    found = load(
        tmp_path,
        "mmmu",
        SUM,
        {**SUM, "question_type": "open"},
        {**SUM, "id": "validation_Art_Theory_2", "image_2": picture("blue")},
        {**SUM, "options": "['<image 1>', 'Rome']"},
    )
    assert found.tasks[0].name == "Art_Theory" and found.tasks[0].ability == "art and design"
    assert found.questions[0].text == "What is <image 1> of?" and found.questions[0].options == (
        "Paris",
        "Rome",
    )
    assert found.left_out == (
        "row 2: an open question",
        "row 4: pictures among the options",
    )
    assert [len(question.encoded) for question in found.questions] == [1, 2]
    assert found.questions[1].more == (jpeg("blue"),)


def test_seed(tmp_path):
    found = load(
        tmp_path,
        "seed",
        SCENE,
        {**SCENE, "data_type": "video"},
        {**SCENE, "question_id": "v3", "question_type_id": 5},
    )
    assert [task.name for task in found.tasks] == ["Scene Understanding", "Instances Counting"]
    assert found.questions[0].answer == 3 and found.left_out == ("row 2: about a video",)


def test_realworldqa(tmp_path):
    yes = {
        **ROAD,
        "question": "Is it wet?\nPlease answer directly with a single word or number.",
        "answer": "Yes",
    }
    found = load(tmp_path, "realworldqa", ROAD, yes, {**yes, "answer": "3"})
    assert found.questions[0].text == "Which way?" and found.questions[0].options == (
        "Left",
        "Right",
    )
    assert found.questions[1].form == "direct" and found.questions[1].text == "Is it wet?"
    assert found.left_out == ("row 3: an open question",)
    told = load_benchmark("realworldqa", source=str(tmp_path), prompt="lmms-eval")
    assert [write_prompt(question, told.prompt) for question in told.questions] == [
        ROAD["question"],
        yes["question"],
    ]
    assert told.questions == found.questions


def test_an_option_that_is_missing_never_gives_its_letter_to_the_next(tmp_path):
    """With A, C and D left, the answer C is not the third option."""
    for name, row, gap, right in (
        ("mmbench", FRUIT, dict(A="apple", B="", C="pear", D="", answer="C"), "pear"),
        ("seed", SCENE, dict(choice_b="", answer="C"), SCENE["choice_c"]),
    ):
        found = load(tmp_path / name, name, {**row, **gap})
        assert [q.options[q.answer] for q in found.questions] == [right]
        assert found.repaired == ("row 1: options are lettered anew, since one is empty",)
    gap = dict(question="Which way?\nA. Left\nC. Right", answer="C")
    with pytest.raises(BadInput, match="its options are lettered A, C"):
        load(tmp_path / "realworldqa", "realworldqa", {**ROAD, **gap})


def test_all_benchmarks_are_tested_here():
    """Each has its columns, a sound row and one that is wrong."""
    wrong = {name for name, _, _ in BAD}
    assert set(FEATURES) == set(GOOD) == wrong == set(ON_THE_HUB)


@pytest.mark.parametrize("name", FEATURES)
def test_a_sound_row_is_read_whole(tmp_path, name):
    """What it asks is a question of the set, with the row's own picture."""
    found = load(tmp_path, name, GOOD[name])
    assert len(found.questions) == 1 and not found.left_out and not found.malformed
    assert found.questions[0].id.startswith(f"{name}/")
    assert found.questions[0].image_bytes == jpeg()


def test_tasks_and_questions_are_limited(tmp_path):
    rows = [
        {**STATE, "category": category} for category in ("Maps", "Birds", "Maps", "Maps", "Birds")
    ]
    found = load(tmp_path, "scienceqa", *rows, tasks=["Maps"], per_task=2)
    assert [q.task for q in found.questions] == ["Maps", "Maps"] and len(found.tasks) == 1
    with pytest.raises(BadInput, match="has no task 'Fish'; it has: Maps, Birds"):
        load(tmp_path, "scienceqa", *rows, tasks=["Fish"])


def test_a_file_of_an_independent_writer(tmp_path):
    """Plain parquet without the `datasets` library's notes, as other tools write it."""
    rows = [{**STATE, "answer": 1}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert load_benchmark("scienceqa", source=str(tmp_path)).questions[0].image.size == (20, 12)


BAD = [
    (
        "scienceqa",
        {**STATE, "answer": 7},
        "row 2, column 'answer': '7' names none of the 3 options",
    ),
    ("scienceqa", {**STATE, "category": ""}, "row 2, column 'category': is empty"),
    (
        "scienceqa",
        {**STATE, "choices": ["a", "a"]},
        "row 2, question 'scienceqa/1': two options are the same",
    ),
    (
        "scienceqa",
        {**STATE, "image": {"bytes": jpeg()[:300], "path": None}},
        "row 2, column 'image': cannot be used: it is no picture",
    ),
    (
        "mmstar",
        {**CAT, "question": "Why?"},
        "row 2, column 'question': its options cannot be told from the text 'Why\\?'",
    ),
    ("mmstar", {**CAT, "answer": "F"}, "row 2, column 'answer': 'F' names none of the 4 options"),
    (
        "mmbench",
        {**FRUIT, "index": "9", "answer": "C"},
        "row 2, column 'answer': 'C' names none of the 2 options",
    ),
    ("mmmu", {**SUM, "options": "[oops"}, "row 2, column 'options': is not a list"),
    (
        "mmmu",
        {**SUM, "id": "validation_Cooking_1"},
        "row 2, column 'id': 'validation_Cooking_1' names no subject",
    ),
    (
        "seed",
        {**SCENE, "question_type_id": 44},
        "row 2, column 'question_type_id': 44 is not one of",
    ),
    (
        "realworldqa",
        {**ROAD, "answer": "E"},
        "row 2, column 'answer': 'E' names none of the 2 options",
    ),
]
GOOD = dict(scienceqa=STATE, mmstar=CAT, mmbench=FRUIT, mmmu=SUM, seed=SCENE, realworldqa=ROAD)


@pytest.mark.parametrize(
    "name,row,message", BAD, ids=[f"{name} {message[:30]}" for name, _, message in BAD]
)
def test_a_malformed_row_is_named_and_left_out_only_when_allowed(tmp_path, name, row, message):
    with pytest.raises(BadInput, match=message) as raised:
        load(tmp_path, name, GOOD[name], row)
    assert str(tmp_path) in str(raised.value) and "skip_malformed=True" in str(raised.value)
    found = load_benchmark(name, source=str(tmp_path), skip_malformed=True)
    assert len(found.questions) == len(found.malformed) == 1 and not found.left_out


def test_a_missing_column_is_named(tmp_path):
    Dataset.from_list([{"question": "why?"}]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="has no column 'image'; it has: question"):
        load_benchmark("scienceqa", source=str(tmp_path))


def test_no_usable_row(tmp_path):
    with pytest.raises(BadInput, match=r"holds no question that can be used row 1: no picture"):
        load(tmp_path, "scienceqa", {**STATE, "image": None})


def test_no_files(tmp_path):
    with pytest.raises(BadInput, match="no parquet file below"):
        load_benchmark("seed", source=str(tmp_path))


def test_without_a_network_the_sentence_names_what_was_tried():
    with pytest.raises(
        BadInput,
        match=r"cannot read the benchmark from the Hub .*encoder/SEED-Bench.*lmms-lab/SEED-Bench",
    ):
        load_benchmark("seed")


def written(path, **change):
    """A parquet file of one ScienceQA row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**STATE, **change}]), path)


def test_of_a_plain_clone_the_benchmarks_own_split_is_read(tmp_path):
    for split in ("train", "validation", "test"):
        written(tmp_path / "data" / f"{split}-00000-of-00001.parquet", question=split)
    found = load_benchmark("scienceqa", source=str(tmp_path))
    assert [q.text for q in found.questions] == ["test"]
    (tmp_path / "data" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(BadInput, match="is of the split 'test'"):
        load_benchmark("scienceqa", source=str(tmp_path))


SHARDS = "test-00000-of-00002", "test-00001-of-00002"


@pytest.mark.parametrize(
    "names,read",
    [
        (["train/a", "test/b"], ["test/b"]),
        (["default/train/0000", "default/test/0001"], ["default/test/0001"]),
        (["Train", "Test"], ["Test"]),
        (["train01", "test01"], ["test01"]),
        (["my-test-copy/data/train-0", "my-test-copy/data/test-0"], ["my-test-copy/data/test-0"]),
        (["my-dev-clone/data/test-0"], ["my-dev-clone/data/test-0"]),
        (SHARDS, SHARDS),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_the_split_is_told_by_the_file_and_then_by_the_nearest_folder(tmp_path, names, read):
    for name in names:
        written(tmp_path / f"{name}.parquet", question=name)
    found = load_benchmark("scienceqa", source=str(tmp_path))
    assert [question.text for question in found.questions] == list(read)


@pytest.mark.parametrize(
    "names,message",
    [
        (["test-00000-of-00001", "test-00000-of-00001-1a2b3c"], "holds several sets of files"),
        (["test-00000-of-00001", "test-00000-of-00001 (1)"], "holds several sets of files"),
        (["test-00000-of-00001", *SHARDS], "holds several sets of files"),
        (["test-00000-of-00003", "test-00002-of-00003"], "holds 2 of the 3 files of its split"),
    ],
)
def test_a_split_that_is_not_whole_or_there_twice_is_told(tmp_path, names, message):
    for name in names:
        written(tmp_path / f"{name}.parquet", question=name)
    with pytest.raises(BadInput, match=message):
        load_benchmark("scienceqa", source=str(tmp_path))


def test_another_language_is_not_read_for_the_benchmarks_own(tmp_path):
    (tmp_path / "cn").mkdir()
    write(tmp_path / "cn", "mmbench", FRUIT)
    with pytest.raises(BadInput, match="holds the configuration 'cn', not 'en'"):
        load_benchmark("mmbench", source=str(tmp_path))


def test_a_link_that_leads_nowhere_and_a_folder_are_no_files(tmp_path):
    written(tmp_path / "test-0.parquet")
    (tmp_path / "test-1.parquet").mkdir()
    (tmp_path / "test-2.parquet").symlink_to(tmp_path / "gone")
    assert len(load_benchmark("scienceqa", source=str(tmp_path)).questions) == 1


def test_a_stranger_among_mmbenchs_rotations_stays(tmp_path):
    stranger = {**FRUIT, "index": "1000007", "A": "square", "B": "circle", "answer": "A"}
    assert len(load(tmp_path, "mmbench", FRUIT, stranger).questions) == 2


@pytest.mark.parametrize(
    "listed,options",
    [
        ("A: Hepatitis B. virus, B: flu, C: cold", ("Hepatitis B. virus", "flu", "cold")),
        ("(A) one (B) two", ("one", "two")),
        ("A: x, B: y, D: z", None),
        ("A: x, C: y, B: z", None),
        ("A: , B: y, C: z", None),
        ("(in metres) A: 1, B: 2", None),
        ("(A) x (B) y (C) z. Answer: C", None),
    ],
)
def test_options_in_mmstars_text_are_told_apart_or_refused(tmp_path, listed, options):
    row = {**CAT, "question": f"Which?\nOptions: {listed}", "answer": "B"}
    if options is None:
        with pytest.raises(BadInput, match="options cannot be told"):
            load(tmp_path, "mmstar", row)
    else:
        assert load(tmp_path, "mmstar", row).questions[0].options == options


@pytest.mark.parametrize(
    "listed,options",
    [
        ("A. B\nB. A", ("B", "A")),
        ("(A) near\n(B) far", ("near", "far")),
        ("A: near\nB: far", ("near", "far")),
        ("A. near\nB. \nC. far", None),
        ("A. near\nB. mid  C. far", None),
        ("A.near\nB.far", None),
    ],
)
def test_options_in_realworldqas_text_are_told_apart_or_refused(tmp_path, listed, options):
    row = dict(ROAD, question=f"Which?\n{listed}\nPlease answer with a letter.", answer="B")
    if options is None:
        with pytest.raises(BadInput, match="options cannot be told"):
            load(tmp_path, "realworldqa", row)
    else:
        assert load(tmp_path, "realworldqa", row).questions[0].options == options


def test_two_snapshots_are_not_read_as_one(tmp_path):
    for snapshot in ("1a", "2b"):
        written(tmp_path / "snapshots" / snapshot / "test-0.parquet")
    with pytest.raises(BadInput, match=r"holds 2 files 'test-0.parquet'.*name the folder of one"):
        load_benchmark("scienceqa", source=str(tmp_path))
    one = str(tmp_path / "snapshots" / "1a")
    assert len(load_benchmark("scienceqa", source=one).questions) == 1


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1\n", b"", b"PAR1half", b"PAR1"]
)
def test_what_is_no_parquet_file_is_told(tmp_path, content):
    (tmp_path / "part-0.parquet").write_bytes(content)
    with pytest.raises(BadInput, match=r"is no parquet file|cannot be read"):
        load_benchmark("scienceqa", source=str(tmp_path))


def test_half_a_parquet_file_is_told(tmp_path):
    written(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match="cannot be read"):
        load_benchmark("scienceqa", source=str(tmp_path))


def test_an_option_that_holds_the_next_one_is_refused(tmp_path):
    question = "Which?\nA. near\nB. mid\nC far away\nPlease answer with a letter."
    with pytest.raises(BadInput, match="its options cannot be told apart where it says 'mid"):
        load(tmp_path, "realworldqa", dict(ROAD, question=question, answer="B"))


def test_a_missing_value_in_mmstars_text_is_no_option(tmp_path):
    question = "Which?\nOptions: A: a cat, B: a dog, C: nan, D: nan"
    found = load(tmp_path, "mmstar", {**CAT, "question": question, "answer": "B"})
    assert found.questions[0].options == ("a cat", "a dog") and len(found.repaired) == 2
