"""Making the book: alone in a checkout, its failures named, its figures drawn."""

import json
import shutil

import nbformat
import pytest
import run
from filelock import FileLock

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
SAVED = "import json\nfrom pathlib import Path\nPath(RESULTS, '99_tiny.json').write_text('{}')"
EXERCISE = "## Exercise\n\n```python\nprint('two', 1 + 1)\n```\n\nSo it is."

PYTHON = dict(
    kernelspec=dict(name="python3", language="python", display_name="Python 3"),
    language_info=dict(name="python"),
)


@pytest.fixture
def folder(tmp_path):
    """A folder of this test in the checkout, where notebooks are executed."""
    own = run.ROOT / "_build" / "test_run" / tmp_path.name
    yield own
    shutil.rmtree(own, ignore_errors=True)


@pytest.fixture
def execute(tmp_path, folder, monkeypatch):
    """Executes a notebook of these cells; gives its results and the notebook."""
    monkeypatch.setattr(run, "parameters", lambda name, scale, folder: dict(RESULTS=folder))

    def executed(*sources):
        source = tmp_path / "99_tiny.ipynb"
        cells = [nbformat.v4.new_code_cell("RESULTS = ''", metadata={"tags": ["parameters"]})]
        for text in sources:
            kind = nbformat.v4.new_markdown_cell if text[0] == "#" else nbformat.v4.new_code_cell
            cells.append(kind(text))
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=PYTHON), source)
        run.execute(source, "test", folder)
        results = json.loads((folder / "99_tiny.json").read_text())
        return results, nbformat.read(folder / "99_tiny.ipynb", 4)

    return executed


def test_a_failing_cell_is_named_and_nothing_is_taken_as_done(execute, folder):
    with pytest.raises(
        run.ChapterFailed,
        match=r"99_tiny stopped at its code cell \d: ZeroDivisionError: division by zero",
    ):
        execute(SAVED, "1 / 0")
    assert not (folder / "99_tiny.ipynb").exists()
    results, _ = execute(SAVED)
    assert results["solutions"] == {}


def test_what_an_editor_leaves_makes_no_chapter_run_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "READ", ())
    package, notebook = tmp_path / "talo_mini", tmp_path / "01_a.ipynb"
    package.mkdir()
    notebook.write_text("{}")
    (package / "module.py").write_text("x = 1")
    before = run.digest(notebook, {})
    for name in (".module.py.swp", "module.py~", "module.pyc", ".DS_Store", "module.py.orig"):
        (package / name).write_text("left")
    assert run.digest(notebook, {}) == before
    (package / "other.py").write_text("y = 2")
    assert run.digest(notebook, {}) != before


def test_figures_are_drawn_whatever_the_backend_outside(execute, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    _, executed = execute(FIGURE, SAVED)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_what_a_solution_prints_is_kept_and_its_cell_is_not(execute):
    results, executed = execute(EXERCISE, SAVED)
    assert results["solutions"] == {"print('two', 1 + 1)": "two 2"}
    assert all("solution" not in cell.metadata.get("tags", []) for cell in executed.cells)


def test_a_second_run_in_the_same_checkout_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    (tmp_path / "_build").mkdir()
    lock = FileLock(tmp_path / "_build" / ".lock")
    with lock, pytest.raises(SystemExit, match="Another run is making the book"), run.alone():
        raise AssertionError("two runs at once")


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert run.commit() == ""


def test_cores_are_counted_where_affinity_is_unknown(monkeypatch):
    known = run.cores()
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert known >= 1 and run.cores() >= 1
