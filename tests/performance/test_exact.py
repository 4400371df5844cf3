"""The comparison of one pass and hooks counts what differs, and goes on where it stopped."""

import exact
import pytest

from talo_mini import load_benchmark


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour"], per_task=5)


def test_nothing_differs_and_nothing_is_compared_twice(tiny, benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(exact, "engine", lambda: "one")
    found = exact.run([tiny], benchmark, exact.PARTS, tmp_path)
    assert (
        list(found.part) == list(exact.PARTS)
        and set(found.questions) == {10}
        and set(found.answers) == {10 * 5}
    )
    assert found.different.sum() == 0 and 0 < found[exact.MOST].max().max() < 1e-4
    (path,) = tmp_path.glob("*-mlp.jsonl")
    path.write_text(path.read_text()[:-9])  # killed while it wrote
    again = []
    monkeypatch.setattr(
        exact,
        "compare",
        lambda vlm, prompt, questions, cells, pictures: (
            again.append(questions)
            or dict(questions=len(questions), answers=0, different=0, largest=0.0, logits=0.0)
        ),
    )
    assert exact.run([tiny], benchmark, exact.PARTS, tmp_path).questions[0] == 10
    assert len(again) == 1
    monkeypatch.setattr(exact, "engine", lambda: "another")
    exact.run([tiny], benchmark, exact.PARTS, tmp_path)
    assert len(again) == 1 + 2 * len(exact.PARTS)


def test_what_decides_a_comparison_is_in_its_key(monkeypatch):
    deciding = exact.imported("engine.sweep")
    names = {name.rpartition(".")[2] for name in deciding}
    assert {"sweep", "replay", "knockout", "effects", "anatomy", "vlm", "questions"} <= names
    assert not {"significance", "figures", "talo"} & names
    before = exact.engine()
    monkeypatch.setattr(exact, "imported", lambda module: deciding - {"engine.replay"})
    assert exact.engine() != before


def test_it_stops_in_time(tiny, benchmark, tmp_path):
    assert exact.run([tiny], benchmark, exact.PARTS, tmp_path, minutes=0).questions[0] == 0


def test_what_is_no_number_differs(tiny, benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(
        exact,
        "replayed_logits",
        lambda vlm, inputs, cells, **more: [
            values * float("nan") for values in exact.hooked_logits(vlm, inputs, cells)
        ],
    )
    found = exact.run([tiny], benchmark, exact.PARTS, tmp_path).iloc[0]
    assert found.different == found.answers and found.largest == float("inf")


def test_what_differs_is_counted(tiny, benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(
        exact,
        "hooked_logits",
        lambda vlm, inputs, cells: [
            -values for values in exact.replayed_logits(vlm, inputs, cells)
        ],
    )
    found = exact.run([tiny], benchmark, exact.PARTS, tmp_path).iloc[0]
    assert found.different > 0.5 * found.answers and found.largest > 0.1
