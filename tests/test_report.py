import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from talo_mini import BadInput, load_benchmark
from talo_mini.report import SESSION, check_results, records_by, save_headline

PUBLISHED = sorted((Path(__file__).parents[1] / "book" / "experiments").glob("*.json"))


@pytest.fixture
def benchmark():
    return load_benchmark("mini-worlds", tasks=["more"], per_task=2)


def test_what_is_no_number_is_null_for_strict_readers(tiny, benchmark, tmp_path, monkeypatch):
    def strict(word):
        raise ValueError(word)

    monkeypatch.setenv(SESSION, "work/01_x.ipynb")
    numbers = dict(gain=np.float64(0.5), rows=[dict(low=float("nan"), high=np.inf)])
    path = save_headline(str(tmp_path), tiny, benchmark, 3, numbers)
    assert path.name == "01_x.json"
    found = json.loads(path.read_text(), parse_constant=strict)
    assert found["gain"] == 0.5 and found["rows"] == [dict(low=None, high=None)]
    assert (found["questions"], found["chance"], found["seed"]) == (4, 0.5, 3)
    assert found["malformed"] == 0


def test_a_copied_notebook_writes_a_file_of_its_own(tiny, benchmark, tmp_path, monkeypatch):
    """The one that runs is named by Jupyter; where nothing names it, it has no number."""
    monkeypatch.setenv(SESSION, "04_old-Copy1.ipynb")
    assert save_headline(str(tmp_path), tiny, benchmark, 0, {}).name == "04_old-Copy1.json"
    monkeypatch.delenv(SESSION)
    assert save_headline(str(tmp_path), tiny, benchmark, 0, {}).name == "results.json"


@pytest.mark.parametrize("path", PUBLISHED, ids=[path.stem for path in PUBLISHED])
def test_published_results_keep_the_schema(path):
    told = json.loads(path.read_text())
    check_results(told, path.name)
    assert told["commit"]


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(seed="0"), "'seed' is '0'; every results file tells it"),
        (dict(gain=dict(delta=0.5, low=0.1, high=0.2)), r"results.gain is 0.5 with the interval"),
        (dict(rows=[dict(low=0.3, high=0.2)]), r"results.rows\[0\] is None with the interval"),
    ],
)
def test_results_that_break_the_schema_are_refused(change, message):
    told = json.loads(PUBLISHED[0].read_text())
    with pytest.raises(BadInput, match=message):
        check_results(told | change, "x.json")


def test_records_stand_under_the_values_of_columns():
    table = pd.DataFrame(
        dict(form=["b", "b", "a"], rule=["x", "y", "x"], shots=[5, 5, 10], delta=[1 / 3, 0.5, 0.0])
    )
    assert records_by(table, "form", "rule") == {
        "b": {"x": [dict(shots=5, delta=0.3333)], "y": [dict(shots=5, delta=0.5)]},
        "a": {"x": [dict(shots=10, delta=0.0)]},
    }
    assert list(records_by(table, "form")) == ["b", "a"]  # in the table's order
    assert records_by(table[["shots"]]) == [dict(shots=5), dict(shots=5), dict(shots=10)]
