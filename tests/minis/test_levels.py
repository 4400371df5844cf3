"""The command that sets how hard the harder worlds are."""

import pandas as pd

from talo_mini import load_benchmark
from talo_mini.benchmarks.mini_worlds.difficulty import DIFFICULTIES
from talo_mini.minis import difficulty


def test_cells_with_room_are_those_above_a_guess_that_looks_and_below_90(tiny, monkeypatch):
    benchmark = load_benchmark("mini-worlds", ["object_colour", "more"], per_task=4)
    rows = pd.DataFrame(
        dict(accuracy=[0.6, 0.95, 0.5], low=[0.55, 0.9, 0.2], chance=0.25, informed=0.5)
    )
    monkeypatch.setattr(difficulty, "task_accuracy", lambda table: rows)
    found = difficulty.with_room(tiny, benchmark)
    assert found == dict(cells=1, accuracy=rows.accuracy.mean())


def test_each_level_that_ships_lies_among_those_that_are_tried():
    for found in DIFFICULTIES.values():
        assert min(found.levels) <= found.level <= max(found.levels)


def test_one_mini_may_be_asked_at_one_level(monkeypatch, capsys):
    monkeypatch.setattr(difficulty, "load_vlm", lambda name: name)
    monkeypatch.setattr(difficulty, "tried", lambda name, number: [(0.5, "mild"), (1.0, "hard")])
    room = {"mild": dict(cells=4, accuracy=0.5)}
    monkeypatch.setattr(difficulty, "with_room", lambda vlm, questions: room[questions])
    monkeypatch.setattr("sys.argv", ["difficulty", "noisy", "--mini", "mine", "--level", "0.5"])
    difficulty.main()
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split() for row in rows] == [["noisy", "0.5", "mine", "4", "0.5"]]


def test_the_published_questions_have_the_level_that_was_set(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(difficulty, "load_vlm", lambda name: name)

    def noted(vlm, benchmark):
        asked.append(benchmark.digest)
        return dict(cells=3, accuracy=0.5)

    monkeypatch.setattr(difficulty, "with_room", noted)
    words = ["difficulty", "shifted", "--mini", "mine", "--test", "--per-task", "1"]
    monkeypatch.setattr("sys.argv", words)
    difficulty.main()
    assert asked == [load_benchmark("mini-worlds-shifted", per_task=1).digest]
    assert capsys.readouterr().out.split()[-6:] == ["shifted", "as", "set", "mine", "3", "0.5"]
