import random

import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes
from pandas.testing import assert_frame_equal

from talo_mini import BadInput, Benchmark, Question, Task, interaction_vectors, talo_gains
from talo_mini.analysis import task_accuracy
from talo_mini.analysis.calibration import calibration
from talo_mini.outcomes import check_outcomes
from talo_mini.outcomes.store import Keeper, OutcomeStore
from talo_mini.outcomes.table import BASE, COLUMNS, asked_in, by_task, correctness, with_part


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return made_up_outcomes({"see a": rng.random(20) < 0.5}, {"see a": rng.random((20, 3)) < 0.5})


@pytest.fixture
def two(table):
    """Another task beside it."""
    task = lambda name: name.replace("see a", "see b")  # noqa: E731
    other = table.assign(task=table.task.map(task), question=table.question.map(task))
    return pd.concat([table, other], ignore_index=True)


def test_correctness_aligns_questions(table):
    right, knocked = correctness(table.sample(frac=1, random_state=0), "see a", "self-attention")
    assert knocked.shape == (20, 3) and list(right.index) == list(knocked.index)
    row = table[(table.question == "see a/7") & (table.layer == 2)].iloc[0]
    assert knocked.loc["see a/7", 2] == row.correct


def test_all_tasks_at_once_are_those_one_by_one(two):
    shuffled = two.sample(frac=1, random_state=0)
    found = list(by_task(shuffled, ["self-attention"]))
    assert sorted(task for task, *_ in found) == ["see a", "see b"]
    for task, base, right, knocked in found:
        one, wide = correctness(shuffled, task, "self-attention")
        pd.testing.assert_series_equal(right, one)
        assert_frame_equal(knocked["self-attention"], wide)
        assert set(base.task) == {task} and set(base.layer) == {BASE}


def test_a_knockout_of_a_question_of_another_task_is_told(two):
    """All of a layer's rows too, which would have vanished."""
    one_row = (two.question == "see a/7") & (two.layer == 2)
    for moved in (one_row, (two.task == "see a") & (two.layer == 2)):
        mixed = two.assign(task=two.task.mask(moved, "see b"))
        for rows in (mixed, mixed[::-1]):
            with pytest.raises(BadInput, match=r"question 'see a/\d+' has 2 tasks in its rows"):
                list(by_task(rows, ["self-attention"]))
    lacking = two[(two.task != "see b") | (two.layer == BASE)]
    with pytest.raises(BadInput, match="need rows of the base model and of 'self-attention'"):
        list(by_task(lacking, ["self-attention"]))
    half = pd.concat([two, two[(two.task == "see a") & (two.layer != BASE)].assign(part="mlp")])
    with pytest.raises(BadInput, match="need rows of the base model and of 'mlp'"):
        list(by_task(half, ["self-attention", "mlp"]))


def test_a_question_scored_or_asked_in_two_ways_is_not_compared_with_itself(table):
    """As where two sweeps are joined and one base model's row is kept of each question."""
    scored = table.assign(scoring="letter")
    written = scored.assign(part=scored.part.replace("self-attention", "mlp"), scoring="written")
    joined = pd.concat([scored, written]).drop_duplicates(["question", "part", "layer"])
    with pytest.raises(BadInput, match=r"'see a/0' has 2 scorings in its rows \('letter', 'writ"):
        interaction_vectors(joined, "mlp")
    assert len(interaction_vectors(joined)) == 3  # self-attention has one base
    direct = table.assign(form=table.form.mask(table.layer != BASE, "direct"))
    for read in (interaction_vectors, talo_gains):
        with pytest.raises(BadInput, match=r"has 2 forms in its rows \('choice', 'direct'\)"):
            read(direct, "self-attention")
    kinds = table.question.map(lambda name: "letter" if name.endswith("1") else "first token")
    assert len(interaction_vectors(table.assign(scoring=kinds))) == 3  # each question its own


@pytest.mark.parametrize("layer,part", [(BASE, "none"), (0, "base")])
def test_base_rows_under_another_part_or_layer_are_told(table, layer, part):
    for read in (interaction_vectors, talo_gains, task_accuracy):
        with pytest.raises(BadInput, match=f"an outcome for {part} of layer {layer}; rows of the"):
            read(table.assign(part=table.part.mask(table.layer == layer, part)))


def test_missing_column(table):
    with pytest.raises(BadInput, match="no column 'correct'"):
        check_outcomes(table.drop(columns="correct"))


def test_empty(table):
    with pytest.raises(BadInput, match="empty"):
        check_outcomes(table.iloc[:0])


def test_doubled_outcome(table):
    import pandas as pd

    with pytest.raises(BadInput, match="'see a/0' has two outcomes"):
        check_outcomes(pd.concat([table, table.iloc[:1]]))


def test_missing_part(table):
    with pytest.raises(BadInput, match="of 'mlp'; they hold: base, self-attention"):
        with_part(table, "mlp")


def test_unfinished_sweep(table):
    with pytest.raises(BadInput, match="'see a/3' was answered by the base model but not"):
        correctness(
            table[~((table.question == "see a/3") & (table.layer == 1))], "see a", "self-attention"
        )


def test_store_sets_a_corrupt_file_aside(table, tmp_path, capsys):
    store = OutcomeStore(tmp_path)
    rows = table.assign(digest=table.question)
    store.add("key", rows[:30])
    store.add("key", rows[20:])
    assert len(store.read("key")) == len(table)
    broken = sorted((tmp_path / "key").glob("*.parquet"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    assert len(store.read("key")) < len(table)
    assert broken.name in capsys.readouterr().out and broken.with_suffix(".corrupt").exists()
    assert store.read("other").empty


def test_only_the_questions_asked_for_are_read(table, tmp_path):
    store, rows = OutcomeStore(tmp_path), table.assign(digest=table.question)
    store.add("key", rows)
    found = store.read("key", {"see a/3", "see a/5", "no such question"})
    assert (
        set(found.digest) == {"see a/3", "see a/5"}
        and len(found) == (rows.digest.isin({"see a/3", "see a/5"})).sum()
    )
    assert store.read("key", {"no such question"}).empty


def test_a_file_of_another_kind_is_set_aside(table, tmp_path, capsys):
    store = OutcomeStore(tmp_path)
    store.add("key", table.assign(digest=table.question))
    store.add("key", table[["model", "answer"]])
    table[["model", "answer"]].to_parquet(tmp_path / "key" / "alien.parquet")
    assert len(store.read("key")) == len(table)
    told = capsys.readouterr().out
    assert (
        "alien.parquet cannot be used (its bytes are not those" in told
        and "cannot be used (it has no column" in told
    )
    assert (tmp_path / "key" / "alien.corrupt").exists() and len(
        list((tmp_path / "key").glob("*.corrupt"))
    ) == 2


def test_no_changed_byte_is_ever_used(table, tmp_path):
    store, rng = OutcomeStore(tmp_path), random.Random(0)
    store.add("key", table.assign(digest=table.question))
    (path,) = (tmp_path / "key").glob("*.parquet")
    content = path.read_bytes()
    for _ in range(100):
        place = rng.randrange(len(content))
        path.write_bytes(
            content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
        )
        assert store.read("key").empty and not path.exists()


def test_a_system_that_cannot_read_now_sets_nothing_aside(table, tmp_path, monkeypatch):
    store = OutcomeStore(tmp_path)
    store.add("key", table.assign(digest=table.question))

    def failing(self):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Too many open files"):
        patch.setattr("pathlib.Path.read_bytes", failing)
        store.read("key")
    assert len(store.read("key")) == len(table)


def test_two_readers_may_set_one_file_aside(table, tmp_path, monkeypatch):
    store = OutcomeStore(tmp_path)
    store.add("key", table.assign(digest=table.question))
    (path,) = (tmp_path / "key").glob("*.parquet")
    path.write_bytes(b"nothing")
    monkeypatch.setattr(
        "pathlib.Path.rename", lambda self, target: (_ for _ in ()).throw(FileNotFoundError())
    )
    assert store.read("key").empty


def test_a_full_disk_is_one_sentence_and_loses_nothing(table, tmp_path, monkeypatch):
    store = OutcomeStore(tmp_path)
    rows = table.assign(digest=table.question)
    store.add("key", rows[:30])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(
        BadInput, match=r"cannot be kept in .*No space left on device.*what was kept before is safe"
    ):
        store.add("key", rows[30:])
    assert len(store.read("key")) == 30 and not list((tmp_path / "key").glob("*.part"))


def test_a_file_that_vanishes_while_it_is_read_is_looked_for_again(table, tmp_path, monkeypatch):
    """Another process makes one file of its many: what this one listed is gone, and its rows are in
    the new file.
    """
    store, rows = OutcomeStore(tmp_path), table.assign(digest=table.question)
    parts, real = (
        [store.add("key", rows[:30]), store.add("key", rows[30:])],
        type(tmp_path).read_bytes,
    )

    def merging(path):
        if parts[0].exists():
            store.add("key", rows)
            [part.unlink() for part in parts]
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_bytes", merging)
        assert len(store.read("key")) == len(rows)
    (tmp_path / "key" / "nowhere.parquet").symlink_to(tmp_path / "gone")
    assert len(store.read("key")) == len(rows)


def test_what_a_run_keeps_becomes_one_file(table, tmp_path, monkeypatch):
    monkeypatch.setattr(Keeper, "SECONDS", 0)
    rows = table.assign(digest=table.question).to_dict("records")
    store = OutcomeStore(tmp_path)
    with pytest.raises(KeyboardInterrupt), Keeper(store, "key") as keeper:
        for start in range(0, len(rows), 10):
            keeper.add(rows[start : start + 10])
        assert len(list(tmp_path.rglob("*.parquet"))) == len(range(0, len(rows), 10))
        raise KeyboardInterrupt
    assert len(list(tmp_path.rglob("*.parquet"))) == 1 and len(store.read("key")) == len(rows)


def test_a_killed_run_leaves_few_files(table, tmp_path, monkeypatch):
    monkeypatch.setattr(Keeper, "SECONDS", 0)
    monkeypatch.setattr(Keeper, "TOGETHER", 3)
    rows = table.assign(digest=table.question).to_dict("records")
    store, counts = OutcomeStore(tmp_path), []
    keeper = Keeper(store, "key").__enter__()  # and never left
    for i, row in enumerate(rows[:30], start=1):
        keeper.add([row])
        counts.append(len(list(tmp_path.rglob("*.parquet"))))
        assert len(store.read("key")) == i
    assert counts[:9] == [1, 2, 1, 2, 3, 2, 3, 4, 1] and counts[26] == 1 and max(counts) <= 6
    monkeypatch.setattr(
        store,
        "add",
        lambda key, rows: (
            (_ for _ in ()).throw(BadInput("no room"))
            if len(rows) > 1
            else OutcomeStore.add(store, key, rows)
        ),
    )
    for row in rows[30:33]:
        keeper.add([row])
    assert len(store.read("key")) == 33


def test_a_clock_that_jumps_back_changes_nothing(table, tmp_path, monkeypatch):
    clock = iter(range(10**9, 0, -3600))
    monkeypatch.setattr("time.time", lambda: next(clock))
    monkeypatch.setattr(Keeper, "SECONDS", 0)
    rows = table.assign(digest=table.question).to_dict("records")
    store = OutcomeStore(tmp_path)
    with Keeper(store, "key") as keeper:
        for start in range(0, len(rows), 10):
            keeper.add(rows[start : start + 10])
            assert len(store.read("key")) == len(rows[: start + 10])
    kept, order = store.read("key"), ["question", "part", "layer"]
    assert_frame_equal(
        kept[[*order, "correct"]].sort_values(order).reset_index(drop=True),
        table[[*order, "correct"]].sort_values(order).reset_index(drop=True),
    )


def test_outcomes_of_two_models_are_not_read_as_one(table):
    both = pd.concat([table, table.assign(model="another")], ignore_index=True)
    task = table.task.iloc[0]
    part = table.part[table.part != "base"].iloc[0]
    with pytest.raises(
        BadInput, match=r"of 2 models \('m', 'another'\); analyse one model at a time"
    ):
        correctness(both, task, part)


def part_of(table):
    return table.part[table.part != "base"].iloc[0]


def test_a_base_of_one_model_and_knockouts_of_another_are_not_read_as_one(table):
    other = table.assign(model="another")
    joined = pd.concat([table[table.layer == BASE], other[other.layer != BASE]])
    for read in (interaction_vectors, talo_gains):
        with pytest.raises(BadInput, match="of 2 models"):
            read(joined, part_of(table))
    with pytest.raises(BadInput, match="of 2 models"):
        task_accuracy(pd.concat([table, other]))
    with pytest.raises(BadInput, match="has two outcomes for base"):
        task_accuracy(pd.concat([table, table]))
    effects = pd.concat([table[table.layer < 2], table[table.layer == 2].assign(effect="mean")])
    with pytest.raises(BadInput, match="of 2 effects"):
        interaction_vectors(effects, part_of(table))


def test_base_rows_that_are_missing_are_told(table):
    first = table.question.iloc[0]
    lacking = table[(table.layer != BASE) | (table.question != first)]
    with pytest.raises(BadInput, match="was answered with layers knocked out but not by the base"):
        interaction_vectors(lacking, part_of(table))


@pytest.mark.parametrize(
    "column,value,message",
    [
        ("correct", "True", "'correct' holds other values than True and False"),
        ("answer", "1", "'answer' holds text"),
        ("chance", "0.25", "'chance' holds text"),
        ("chance", 25.0, "has the chance 25.0; it is a share from 0 to 1"),
        ("informed", 33, "has the informed 33; it is a share from 0 to 1"),
        ("layer", "0", "'layer' holds text"),
        ("task", None, "have no task in 1 rows"),
        ("picture", None, "have no picture in 1 rows"),
    ],
)
def test_cells_of_other_types_are_told(table, column, value, message):
    odd = table.assign(picture="one")
    odd[column] = odd[column].astype(object)
    if value is None:
        odd.loc[odd.index[0], column] = value
    else:
        odd[column] = value
    with pytest.raises(BadInput, match=message):
        interaction_vectors(odd, part_of(table))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_that_is_missing_is_named_wherever_outcomes_are_read(table, column):
    lacking = table.drop(columns=column)
    for read in (task_accuracy, calibration, lambda t: interaction_vectors(t, part_of(table))):
        with pytest.raises(BadInput, match=f"have no column '{column}'"):
            read(lacking)


@pytest.mark.parametrize("name", ["folder.parquet", "circle.parquet"])
def test_what_is_no_file_is_not_read(tmp_path, name, capsys):
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "folder.parquet").mkdir()
    (tmp_path / "key" / "circle.parquet").symlink_to(tmp_path / "key" / "circle.parquet")
    assert OutcomeStore(tmp_path).read("key").empty
    assert f"{name} is no file" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [True, 3, b"x", "", "a\0b"])
def test_a_cache_that_is_no_folders_name_is_told(wrong):
    with pytest.raises(BadInput, match="cache= is a folder's name"):
        OutcomeStore(wrong)


@pytest.mark.parametrize("place", ["file/below", "x" * 300])
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_computed(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="outcomes cannot be kept in"):
        OutcomeStore(tmp_path / place).check_writable("key")


def test_rows_of_a_benchmarks_questions_are_taken_from_long_and_wide_tables(table):
    half = Benchmark(
        "b",
        (Task("see a", "see"),),
        tuple(Question(f"see a/{i}", "see a", b"", "?", ("x", "y"), 0) for i in (3, 5, 99)),
    )
    found = asked_in(table, half)
    assert set(found.question) == {"see a/3", "see a/5"} and len(found) == 2 * 4
    assert_frame_equal(found, table[table.question.isin(["see a/3", "see a/5"])])
    wide = pd.DataFrame(dict(question=["see a/5", "see a/6"], base=[True, False]))
    assert asked_in(wide, half).question.tolist() == ["see a/5"]
