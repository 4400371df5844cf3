"""Solutions run behind a chapter, and what they print stands on its page."""

import json
import re

import exercises
import nbformat
import run

CODE = "```python\nprint({})\n```"
TEXT = f"## Exercise\n\nGuess.\n\n{CODE.format(1)}\n\nOr:\n\n{CODE.format(2)}\n\nDone."


def test_solutions_come_last_and_are_taken_off_again():
    cells = [nbformat.v4.new_markdown_cell(TEXT), nbformat.v4.new_code_cell("x = 1")]
    notebook = exercises.appended(nbformat.v4.new_notebook(cells=cells))
    assert [cell.source for cell in notebook.cells[2:]] == ["print(1)", "print(2)"]
    for number, cell in enumerate(notebook.cells[2:], start=1):
        stream = dict(name="stdout", text=f"{number}\n")
        cell.outputs = [nbformat.v4.new_output("stream", **stream)]
    assert exercises.taken(notebook) == {"print(1)": "1", "print(2)": "2"}
    assert notebook.cells == cells[:2]


def test_what_was_printed_stands_below_the_code():
    told = exercises.told(TEXT, {"print(1)": "one", "print(3)": "three"})
    assert told.count("The published run prints:") == 1
    assert "print(1)\n```\n\nThe published run prints:\n\n```text\none\n```\n" in told
    assert exercises.told(TEXT, {}) == TEXT
    stand_in = exercises.told(TEXT, {"print(1)": "one"}, exercises.STAND_IN)
    assert "A run on real weights prints:" in stand_in


def test_every_exercise_is_graded_and_its_published_solution_was_run():
    for path in run.NOTEBOOKS:
        cells = nbformat.read(path, 4).cells
        code = [c for cell in cells for c in exercises.CODE.findall(cell.source)]
        results = run.ROOT / run.EXPERIMENTS / f"{path.stem}.json"
        told = json.loads(results.read_text(encoding="utf-8"))
        printed = told.get("solutions", {})
        assert {one.strip() for one in code} == set(printed), path.stem
        assert printed and all(printed.values()), f"{path.stem} has an answer in words only"
        exercise = next(cell.source for cell in cells if "## Exercise" in cell.source)
        assert re.search(r"^\*(Warm-up|Check|Open)\.\*", exercise, re.MULTILINE), path.stem


def test_a_stand_in_shows_only_what_needs_no_model():
    alone, of_model = "for n in (1, 2):\n    print(n)", "print(vlm.name)"
    shown = exercises.without_stand_in({alone: "1\n2", of_model: "mini"})
    assert shown[exercises.RUN] == {alone: "1\n2"}
    assert shown[exercises.STAND_IN] == {of_model: exercises.NOT_RUN}
