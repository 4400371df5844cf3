"""The package is built, installed and used outside its checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
USED = """
import talo_mini
from talo_mini import load_benchmark, load_vlm, sweep
benchmark = load_benchmark("mini-worlds", tasks=["map_name", "digit_left"], per_task=2)
table = sweep(load_vlm("llava-mini"), benchmark, layers=[0])
print(len(table), talo_mini.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a source distribution of the tracked files, as a release makes it."""
    place = tmp_path_factory.mktemp("built")
    listed = subprocess.run(
        ["git", "ls-files", "talo_mini", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split():
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(ROOT / name, place / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    (found,) = (place / "dist").glob("*.whl")
    assert list((place / "dist").glob("*.tar.gz"))
    return found


def test_it_holds_what_the_package_needs_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tracked = {path.relative_to(ROOT).as_posix() for path in (ROOT / "talo_mini").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == tracked
    assert sum(name.endswith("model.safetensors") for name in names) == 4
    assert all(name.startswith("talo_mini") for name in names)


def test_it_is_used_outside_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def run(*words):
        found = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert found.returncode == 0, found.stderr[-2000:]
        return found.stdout

    told = run("-c", USED).split()
    assert told[0] == str(2 * 2 * 2 * 2) and told[1].startswith(str(site))
    assert "llava-mini" in run("-m", "talo_mini", "models")
    assert (site / "bin" / "talo-mini").exists()
