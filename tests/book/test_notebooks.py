"""Every notebook runs at the smallest scale through papermill and then nbval, and keeps the house
rules.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
import pytest
import run
import yaml

ROOT = Path(__file__).resolve().parents[2]

names = [path.stem for path in run.NOTEBOOKS]
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


# what a notebook has from the package, whose tests hold it
STATISTICS = re.compile(
    r"(import|from) (scipy|statsmodels|sklearn)|random\.default_rng|np\.quantile|arctanh|bootstrap"
)
CORE = 3
MOST_LINES = 20  # of a cell; most have fewer than twelve


@pytest.fixture(scope="module")
def executed():
    return ROOT / "_build" / "test"


@pytest.mark.parametrize("name", names)
def test_runs_through_papermill(name, executed):
    """With the solutions of its exercises, which are run behind it."""
    run.execute(ROOT / "notebooks" / f"{name}.ipynb", "test", executed)
    headline = json.loads((executed / f"{name}.json").read_text())
    source = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(headline["solutions"]) == source.count("```python\\n")
    assert {"model_digest", "benchmark_digest", "questions", "chance", "seed", "versions"} <= set(
        headline
    )


@pytest.mark.parametrize("name", names[:CORE])
def test_runs_through_nbval(name, executed):
    """The core chapters: nbval executes the very cells that papermill did."""
    run.execute(ROOT / "notebooks" / f"{name}.ipynb", "test", executed)
    # nbval runs a notebook from its own folder
    run.stand_ins.write(executed / run.STAND_INS.relative_to(ROOT))
    shutil.copytree(ROOT / "book" / "data", executed / "book" / "data", dirs_exist_ok=True)
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbval-lax",
            "--nbval-current-env",
            "-q",
            str(executed / f"{name}.ipynb"),
            "--nbval-sanitize-with",
            str(ROOT / "tests" / "nbval_sanitize.cfg"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[:3000]


def _imports(cell):
    """Whether a cell holds imports or parameters only, which are lists."""
    begins = cell.source.startswith(("import", "from"))
    return begins or "parameters" in cell.metadata.get("tags", [])


@pytest.mark.parametrize("name", names)
def test_is_thin_and_has_no_outputs(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lines = [line for cell in code for line in cell.source.splitlines() if line.strip()]
    long = [line for line in lines if len(line) > 88 and "%pip" not in line]
    assert not long and not any(line.startswith("def ") for line in lines)
    assert max(len(cell.source.splitlines()) for cell in code if not _imports(cell)) <= MOST_LINES
    assert not STATISTICS.search("\n".join(lines)), "a statistic that no test of the package holds"
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert [cell.metadata.get("tags", []) for cell in code].count(["parameters"]) == 1


@pytest.mark.parametrize("name", names)
def test_badge_and_install_cell_point_to_the_repository(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4)
    path = ADDRESS.removeprefix("https://github.com/")
    assert (
        f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{name}.ipynb"
        in notebook.cells[0].source
    )
    install = notebook.cells[1].source
    assert (
        install.splitlines()[2] == 'if "google.colab" in sys.modules:'
        and f"git+{ADDRESS}" in install
    )


@pytest.mark.parametrize("scale", ["test", "laptop", "published"])
@pytest.mark.parametrize("name", names)
def test_scales_name_parameters_that_exist(name, scale):
    values = run.parameters(name, scale, "somewhere")
    assert values["RESULTS"] == "somewhere" and "QUESTIONS" in values
    scales = yaml.safe_load((ROOT / "notebooks" / "scales.yml").read_text())
    assert set(scales[scale]) - {"common"} <= set(names)


def test_every_common_parameter_is_known_to_some_notebook():
    scales = yaml.safe_load((ROOT / "notebooks" / "scales.yml").read_text())
    known = {
        p
        for name in names
        for p in papermill.inspect_notebook(str(ROOT / "notebooks" / f"{name}.ipynb"))
    }
    assert all(set(values["common"]) <= known for values in scales.values())


def test_an_unknown_parameter_fails(monkeypatch):
    monkeypatch.setattr(
        run.yaml, "safe_load", lambda text: {"test": {"common": {}, names[0]: {"SHOUTS": 3}}}
    )
    with pytest.raises(KeyError, match="SHOUTS"):
        run.parameters(names[0], "test", "somewhere")


def test_notebooks_that_share_sweeps_exist_and_keep_them_in_one_cache():
    shared = {run.FILLS_CACHE, *run.READS_CACHE}
    assert shared <= set(names)
    assert (
        len({str(run.parameters(name, "laptop", "somewhere")["QUESTIONS"]) for name in shared}) == 1
    )


def test_notebooks_are_executed_all_at_once_readers_last(monkeypatch, tmp_path, capsys):
    from concurrent.futures import ThreadPoolExecutor

    begun = []

    def execute(path, scale, folder):
        begun.append(path.stem)
        return 0.0 if path.stem.startswith("05") else 2.0

    monkeypatch.setattr(run, "execute", execute)
    monkeypatch.setattr(run, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(run, "STAND_INS", tmp_path)
    monkeypatch.setattr(run.stand_ins, "write", lambda folder: None)
    run.execute_all("test", tmp_path)
    assert sorted(begun) == names and begun[0] == run.FILLS_CACHE
    assert "05_talo: unchanged, kept" in capsys.readouterr().out


def test_an_error_in_one_notebook_ends_the_run(monkeypatch, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    def execute(path, scale, folder):
        raise ValueError(path.stem)

    monkeypatch.setattr(run, "execute", execute)
    monkeypatch.setattr(run, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(run.stand_ins, "write", lambda folder: None)
    with pytest.raises(ValueError, match=r"0|1|2"):
        run.execute_all("test", tmp_path)


def small_notebook(path, name, code="pass"):
    """A notebook of two cells that saves results under a name."""
    save = (
        f'import json, pathlib\npathlib.Path(RESULTS, "{name}.json").write_text(json.dumps({{}}))'
    )
    cells = [
        nbformat.v4.new_code_cell(
            'RESULTS = "x"\nQUESTIONS = 1', metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell(code),
        nbformat.v4.new_code_cell(save),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture
def scratch(monkeypatch):
    """A folder of the checkout for a made-up chapter, and nothing that it would wait for."""
    (ROOT / "_build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="scratch", dir=ROOT / "_build"))
    monkeypatch.setattr(run.stand_ins, "write", lambda folder: None)
    monkeypatch.setattr(run, "parameters", lambda name, scale, folder: {"RESULTS": folder})
    yield folder
    shutil.rmtree(folder)


def test_a_copied_notebook_does_not_write_into_the_olds_results(scratch):
    copied = small_notebook(scratch / "04_new-Copy1.ipynb", "04_old")
    (scratch / "out").mkdir()
    (scratch / "out" / "04_old.json").write_text('{"kept": 1}')
    with pytest.raises(RuntimeError, match=r"saved 04_old.json, not 04_new-Copy1.json"):
        run.execute(copied, "test", scratch / "out")
    assert (scratch / "out" / "04_old.json").read_text() == '{"kept": 1}'
    assert not run.is_done(scratch / "out" / copied.name, run.digest(copied, {}))


def test_a_failed_run_is_not_done_and_leaves_the_published_copy(scratch):
    path = small_notebook(scratch / "30_new.ipynb", "30_new")
    run.execute(path, "test", scratch / "out")
    before = (scratch / "out" / path.name).read_text()
    assert f"{scratch.relative_to(ROOT).as_posix()}/out" in before and "/.30_new" not in before
    assert run.execute(path, "test", scratch / "out") == 0.0
    small_notebook(path, "30_new", "raise ValueError")
    with pytest.raises(Exception, match="ValueError"):
        run.execute(path, "test", scratch / "out")
    assert (scratch / "out" / path.name).read_text() == before


@pytest.mark.parametrize("damage", ["half a notebook", "no results", "half of the results"])
def test_what_cannot_be_read_counts_as_not_done(scratch, damage):
    path = small_notebook(scratch / "30_new.ipynb", "30_new")
    run.execute(path, "test", scratch / "out")
    notebook, results = (scratch / "out" / f"30_new{end}" for end in (".ipynb", ".json"))
    if damage == "half a notebook":
        notebook.write_text(notebook.read_text()[:200])
    elif damage == "no results":
        results.unlink()
    else:
        results.write_text('{"a"')
    assert run.execute(path, "test", scratch / "out") > 0
