"""The house keeps itself in order: the usual tools find nothing, and tests mirror the rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "talo_mini"
TOOLS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "import contracts": ["lint-imports", "--no-cache"],
    "types": ["mypy"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_finds_nothing(tool):
    command, *words = TOOLS[tool]
    path = Path(sys.executable).with_name(command)
    found = subprocess.run([path, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-1000:]


def test_tests_mirror_the_rooms():
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    tested = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert rooms <= tested, rooms - tested


def test_importing_the_package_imports_no_model_library():
    """And the right wing, in which numbers are read, needs none at all."""
    for code in (
        "import talo_mini; dir(talo_mini)",
        "import talo_mini.analysis, talo_mini.figures, talo_mini.report, talo_mini.outcomes",
    ):
        check = f"{code}; import sys; print({{'torch', 'transformers'}} & set(sys.modules))"
        found = subprocess.run(
            [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == "set()", code


def test_every_public_name_is_where_the_package_says():
    import talo_mini

    assert sorted(talo_mini.__all__) == sorted(talo_mini._PLACES)
    for name in talo_mini.__all__:
        assert getattr(talo_mini, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = talo_mini.nonsense


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_a_module_is_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400


def test_retired_paths_still_lead_there_with_a_warning():
    """Every module and name of version 0.1.0, in a process of its own: a warning is told once."""
    from talo_mini import _retired

    code = """
import importlib, sys, warnings
import talo_mini
from talo_mini import _retired
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for name in _retired.MODULES:
        module = importlib.import_module(f"talo_mini.{name}")
        for place in _retired.MODULES[name]:
            there = importlib.import_module(f"talo_mini.{place}")
            for public in [n for n in vars(there) if not n.startswith("_")]:
                assert hasattr(module, public), (name, public)
    for name in _retired.NAMES:
        assert getattr(talo_mini, name)
    assert callable(talo_mini.sweep) and callable(talo_mini.knockout)
print(len([w for w in told if "the old path goes with the next version" in str(w.message)]))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert int(found.stdout) == len(_retired.MODULES) + len(_retired.NAMES)


def test_no_comprehension_stands_inside_another_one_twice():
    """Two levels may be read; three want a name."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

    def depth(node):
        inner = max((depth(child) for child in ast.iter_child_nodes(node)), default=0)
        return inner + isinstance(node, kinds)

    for path in PACKAGE.rglob("*.py"):
        assert depth(ast.parse(path.read_text())) <= 2, path
