"""Questions that a program holds: data frames, Datasets, parquet files, lists, natural names."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDataset, Value
from datasets import Image as ImageFeature
from drawings import png
from PIL import Image

from talo_mini import BadInput, Question, load_benchmark

COLOURS = ("red", "green", "blue", "white")


def rows(**changes):
    """Four questions with every answer, as one would write them."""
    return [
        dict(
            question=f"which colour is it, {i}?",
            choices=list(COLOURS),
            answer=i,
            image=png(colour),
            category="hue",
        )
        | changes
        for i, colour in enumerate(COLOURS)
    ]


def check(benchmark, task="hue"):
    assert [question.options for question in benchmark.questions] == [COLOURS] * 4
    assert [question.answer for question in benchmark.questions] == [0, 1, 2, 3]
    assert [question.task for question in benchmark.questions] == [task] * 4
    for question, colour in zip(benchmark.questions, COLOURS, strict=True):
        wanted = Image.new("RGB", (1, 1), colour).getpixel((0, 0))
        assert question.image.getpixel((5, 5)) == wanted


def test_a_data_frame_with_bytes_pictures_and_numpy_numbers():
    frame = pd.DataFrame(rows())
    check(load_benchmark(frame))
    frame["answer"] = frame.answer.astype(np.int64)
    frame["choices"] = [np.array(COLOURS)] * 4
    frame["image"] = [Image.new("RGB", (64, 64), colour) for colour in COLOURS]
    frame["hint"] = [None, np.nan, pd.NA, ""]
    check(load_benchmark(frame))


def test_a_missing_cell_does_not_make_answers_floats():
    frame = pd.DataFrame([*rows(), dict(question="?", image=png(), category="hue")])
    assert frame.answer.dtype == float
    check(load_benchmark(frame, skip_malformed=True))


def test_numbers_are_one_answer_whether_a_missing_cell_made_them_floats_or_not(tmp_path):
    """Options and answers that are counts: the frame of a file says what the file says."""
    path = tmp_path / "counts.csv"
    asked = [("2", 1, 2, 3, 4), ("3", 1, 2, 3, ""), ("1", 1, 5, 3, 2), ("4", 9, 2, 3, 4)]
    for colour in COLOURS:
        (tmp_path / f"{colour}.png").write_bytes(png(colour))
    lines = [
        f"how many {i}?,{','.join(map(str, options))},{right},{tmp_path / colour}.png"
        for i, (colour, (right, *options)) in enumerate(zip(COLOURS, asked, strict=True))
    ]
    path.write_text("\n".join(["question,A,B,C,D,answer,image", *lines]))
    frame = pd.read_csv(path)
    assert frame.D.dtype == float
    frame.to_parquet(tmp_path / "counts.parquet")
    floats = frame.assign(answer=frame.answer.astype(float))
    for data in (str(path), frame, floats, str(tmp_path / "counts.parquet")):
        found = load_benchmark(data)
        assert [q.options[q.answer] for q in found.questions] == ["2", "3", "1", "4"]
        assert found.questions[0].options == ("1", "2", "3", "4")


def test_an_answer_that_is_a_number_is_the_option_that_writes_the_same_number():
    options = [["0.5", "1.0", "7.0"], ["7.0", "0.5", "1.5"]]
    data = [
        dict(question=f"{i}?", options=own, answer=7.0, image=png())
        for i, own in enumerate(options)
    ]
    found = load_benchmark(pd.DataFrame(data))
    assert [q.options[q.answer] for q in found.questions] == ["7.0", "7.0"]


def test_a_written_number_is_the_option_of_the_same_number():
    data = [dict(question=f"{i}?", A=1.0, B=2.0, answer=f"{i}.0", image=png()) for i in (1, 2)]
    found = load_benchmark(pd.DataFrame(data))
    assert [q.options[q.answer] for q in found.questions] == ["1", "2"]
    lists = [dict(question="?", options=[0.5, 1.0, 2.0], answer="1.0", image=png())]
    assert load_benchmark(pd.DataFrame(lists)).questions[0].options == ("0.5", "1.0", "2.0")


def test_a_dataset_in_another_format_is_read_alike():
    made = Dataset.from_list(
        [row | dict(image=dict(bytes=row["image"], path=None)) for row in rows()]
    )
    made = made.cast_column("answer", ClassLabel(names=list(COLOURS)))
    check(load_benchmark(made.with_format("numpy")))


def test_classes_of_a_dataset_are_their_names(tmp_path):
    """Not places among options that a row shows in another order."""
    names = ["cat", "dog", "cow"]
    shown = [["dog", "cow", "cat"], ["cow", "cat", "dog"], ["cat", "dog", "cow"]]
    data = [
        dict(image=dict(bytes=png(), path=None), question=f"{i}?", options=own, label=i)
        for i, own in enumerate(shown)
    ]
    made = Dataset.from_list(data).cast_column("label", ClassLabel(names=names))
    made.to_parquet(tmp_path / "pets.parquet")
    for source in (made, str(tmp_path / "pets.parquet")):
        found = load_benchmark(source)
        assert [q.options[q.answer] for q in found.questions] == names


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "F", "I", "PA", "RGBa", "RGBX"])
def test_pictures_of_every_mode_are_shown(mode):
    picture = Image.new("RGB", (4, 2), (200, 200, 200))
    given = (
        picture.convert("RGBA").convert(mode) if mode in ("PA", "RGBa") else picture.convert(mode)
    )
    (question,) = load_benchmark(pd.DataFrame(rows()[:1]).assign(image=[given])).questions
    assert np.allclose(question.image.getpixel((1, 1)), 200, atol=5)


def test_a_picture_in_memory_is_turned_and_an_animation_refused():
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(buffer, "JPEG", exif=exif)
    frame = pd.DataFrame(rows()[:1])
    turned = load_benchmark(frame.assign(image=[Image.open(buffer)])).questions[0].image
    assert turned.size == (20, 40)
    frames, moving = [Image.new("L", (4, 4), grey) for grey in (0, 255)], io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    by_hand = Image.open(buffer).rotate(-90, expand=True)  # which keeps the note
    assert load_benchmark(frame.assign(image=[by_hand])).questions[0].image.size == (20, 40)
    both = pd.DataFrame(rows()[:2]).assign(image=[Image.open(moving), Image.open(buffer)])
    with pytest.raises(BadInput, match=r"row 1, column 'image'.*holds 2 pictures"):
        load_benchmark(both)
    assert len(load_benchmark(both, skip_malformed=True).questions) == 1


def test_a_frame_with_paths_reads_where_they_lead(tmp_path, monkeypatch):
    """The caller names them, so they may lead anywhere."""
    frame = pd.DataFrame(rows()).drop(columns="image")
    frame["file_name"] = [str(tmp_path / f"{colour}.png") for colour in COLOURS]
    for colour in COLOURS:
        (tmp_path / f"{colour}.png").write_bytes(png(colour))
    check(load_benchmark(frame))


def test_a_dataset_keeps_the_files_of_its_pictures():
    told = rows()
    dataset = Dataset.from_list(told).cast_column("image", ImageFeature())
    benchmark = load_benchmark(dataset)
    check(benchmark)
    assert [q.image_bytes for q in benchmark.questions] == [row["image"] for row in told]
    with pytest.raises(BadInput, match=r"dictionary of splits \(train\); give one"):
        load_benchmark(DatasetDict(train=dataset))


@pytest.mark.parametrize("folder", [False, True])
def test_a_parquet_file(tmp_path, folder):
    pd.DataFrame(rows()).to_parquet(tmp_path / "set.parquet")
    check(load_benchmark(tmp_path if folder else tmp_path / "set.parquet"))
    (tmp_path / "set.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(BadInput, match=r"set\.parquet cannot be read as parquet"):
        load_benchmark(tmp_path / "set.parquet")


def test_lists_of_questions_and_benchmarks():
    check(load_benchmark(load_benchmark(pd.DataFrame(rows()))))
    asked = [Question(f"q{i}", "hue", png(c), "?", COLOURS, i) for i, c in enumerate(COLOURS)]
    benchmark = load_benchmark(asked, per_task=3, prompt="bare")
    assert len(benchmark.questions) == 3 and benchmark.prompt == "bare"
    with pytest.raises(BadInput, match="holds a dict; make it a Question"):
        load_benchmark([*asked, {}])
    with pytest.raises(BadInput, match="not int"):
        load_benchmark(5)
    with pytest.raises(BadInput, match="for benchmarks of the Hub"):
        load_benchmark(asked, source="x")


@pytest.mark.parametrize(
    "names",
    [
        dict(question="query", answer="label", category="subject"),
        dict(question="prompt", answer="target", category="skill", choices="options"),
        dict(answer="correct_answer", image="img", category="topic"),
        dict(image="picture", choices="Candidates", question="Question"),
        dict(image="images", category="task"),
    ],
)
def test_other_names_of_columns(names):
    check(load_benchmark(pd.DataFrame(rows()).rename(columns=names)))


def test_a_name_that_could_mean_two_columns_is_not_guessed():
    frame = pd.DataFrame(rows()).rename(columns=dict(answer="label")).assign(target=0)
    with pytest.raises(BadInput, match="the data has no column 'answer'; it has: category"):
        load_benchmark(frame)
    both = pd.DataFrame(rows()).assign(label="no answer")
    check(load_benchmark(both))  # a column under its own name is the one


def test_options_by_letter_and_as_json():
    lettered = {letter: option for letter, option in zip("ABCD", COLOURS, strict=True)}
    for written in (lettered, json.dumps(lettered), json.dumps(COLOURS), str(list(COLOURS))):
        told = [row | dict(choices=written, answer="ABCD"[row["answer"]]) for row in rows()]
        check(load_benchmark(pd.DataFrame(told)))


@pytest.mark.parametrize("layout", ["POPE", "MME", "HallusionBench"])
def test_yes_and_no(tmp_path, layout):
    """The columns of VLMEvalKit's yes-or-no sets, in files made here."""
    own = dict(
        POPE=dict(category="random", image_source="coco"),
        MME=dict(category="existence"),
        HallusionBench={"category": "VS", "l2-category": "chart", "set_id": 1, "figure_id": 1},
    )[layout]
    told = [
        dict(index=i, question=f"is it {colour}?", answer=("Yes", "No")[i % 2], image=png(colour))
        | own
        for i, colour in enumerate(COLOURS)
    ]
    if layout == "HallusionBench":  # some of its questions have no picture
        told.append(dict(told[0], index=9, image=None))
    benchmark = load_benchmark(pd.DataFrame(told))
    assert [question.options for question in benchmark.questions] == [("Yes", "No")] * 4
    assert [question.answer for question in benchmark.questions] == [0, 1, 0, 1]
    assert len(benchmark.left_out) == (layout == "HallusionBench")


def test_empty_and_doubled():
    with pytest.raises(BadInput, match="no rows"):
        load_benchmark(pd.DataFrame(columns=["question", "answer"]))
    frame = pd.DataFrame(rows())
    frame["Question"] = "?"
    with pytest.raises(BadInput, match="two columns 'question'"):
        load_benchmark(frame)


@pytest.mark.parametrize("cell", [b"which?", {"a", "b"}, frozenset(), range(2)])
@pytest.mark.parametrize("column", ["question", "answer", "category"])
def test_bytes_and_collections_are_no_text(column, cell, tmp_path):
    """As a parquet file holds text that was written as binary."""
    frame = pd.DataFrame([row | {column: cell} for row in rows()])
    told = [frame]
    if isinstance(cell, bytes):
        frame.to_parquet(tmp_path / "a.parquet")
        told.append(str(tmp_path / "a.parquet"))
    for data in told:
        with pytest.raises(BadInput, match=f"row 1, column '{column}': is no text"):
            load_benchmark(data)


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_floats_of_few_bits_are_the_numbers_that_were_written(tmp_path, kind):
    """0.1 and not 0.10000000149011612, in columns, lists and answers."""
    numbers = np.array([0.1, 0.7], kind)
    row = dict(question="?", image=png(), A=numbers[0], B=numbers[1], answer=numbers[1])
    column = pd.DataFrame([row]).astype({name: kind for name in ("A", "B", "answer")})
    listed = pd.DataFrame([dict(question="?", image=png(), options=numbers, answer="B")])
    tables = [column, listed]
    if kind == "float32":
        tables.append(column.astype({"A": "Float32"}))  # pandas' own, which may lack a cell
        for number, frame in enumerate([column, listed]):
            frame.to_parquet(tmp_path / f"{number}.parquet")
            tables.append(str(tmp_path / f"{number}.parquet"))
        for frame in (column, listed):
            tables.append(Dataset.from_pandas(frame))
            assert kind in str(tables[-1].features)
    for data in tables:
        (question,) = load_benchmark(data).questions
        assert question.options == ("0.1", "0.7") and question.answer == 1
    assert column.A.dtype == kind  # the caller's frame is as it was


def test_a_frames_index_that_has_a_name_is_a_column(tmp_path):
    frame = pd.DataFrame(rows(id=None)).assign(id=list("wxyz")).set_index("id")
    frame.to_parquet(tmp_path / "a.parquet")
    two = frame.reset_index().assign(category="hue").set_index(["category", "id"])
    kept = frame.reset_index().set_index("id", drop=False)
    for data in (frame, str(tmp_path / "a.parquet"), two, kept):
        found = load_benchmark(data)
        check(found)
        assert [question.id[-2:] for question in found.questions] == ["/w", "/x", "/y", "/z"]
    assert load_benchmark(frame.reset_index(drop=True)).questions[0].id == "table/0"


def test_a_dataset_with_a_transform_is_refused():
    """It changes rows where they are read, and pictures and classes are read before that."""
    data = Dataset.from_list(rows())
    check(load_benchmark(data.with_format("numpy")))
    changed = data.with_transform(lambda batch: {"question": ["?"] * len(batch["question"])})
    with pytest.raises(BadInput, match=r"have a transform.*make it with map\(...\)"):
        load_benchmark(changed)


def test_a_dataset_that_is_made_while_it_is_read():
    check(load_benchmark(IterableDataset.from_generator(lambda: iter(rows()))))
    names = Features({"question": Value("string"), "answer": Value("string")})
    with pytest.raises(BadInput, match="no column 'image'"):
        load_benchmark(
            IterableDataset.from_generator(
                lambda: iter([dict(question="?", answer="A")]), features=names
            )
        )
    with pytest.raises(BadInput, match="do not tell their columns"):
        load_benchmark(IterableDataset.from_generator(lambda: iter([])))
