"""What the repository promises about itself."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def text_files():
    return [
        path
        for path in tracked()
        if path.suffix in (".py", ".md", ".yml", ".toml", ".cff", ".ipynb", ".txt", ".json", ".bib")
    ]


def test_the_address_of_the_repository_agrees_everywhere():
    owner = re.escape(ADDRESS.rsplit("/", 1)[0])
    for path in text_files():
        for found in re.findall(owner + r"/[\w.-]+", path.read_text()):
            assert found.removesuffix(".git").rstrip(".") == ADDRESS, path
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"] == ADDRESS


def test_no_file_names_a_folder_of_the_machine_that_made_it():
    for path in text_files():
        text = path.read_text()
        for folder in (f"{ROOT}/", "/site" + "-packages/", "/ro" + "ot/"):
            assert folder not in text, f"{path.name} names {folder}"


def test_tables_of_outcomes_are_the_published_ones():
    """What a sweep keeps in a cache, wherever that was, is nobody else's."""
    tables = [path.relative_to(ROOT) for path in tracked() if path.suffix == ".parquet"]
    assert tables and all(path.is_relative_to("book/data") for path in tables), tables


def test_versions_agree():
    import talo_mini

    assert f'version = "{talo_mini.__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == talo_mini.__version__
    assert f"## {talo_mini.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_readme_shows_what_exists():
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (ROOT / target).exists(), target
    for name in re.findall(r"`make (\w+)`|^make (\w+)", readme, re.M):
        assert f"\n{name[0] or name[1]}:" in (ROOT / "Makefile").read_text()


def readme_code():
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    assert len(code.strip().splitlines()) <= 11
    return code.replace(
        "per_task=60", "tasks=['object_colour', 'chart_shortest'], per_task=20"
    ).replace("shots=20", "shots=8")


def test_readme_code_runs():
    """The ten lines, on fewer questions."""
    found = {}
    exec(readme_code(), found)
    chosen = found["choice"]["chart_shortest"]
    assert chosen.layer is not None, "nothing helps the task that README shows; show another"


def test_readme_code_runs_on_a_folder_of_a_family_that_no_file_of_the_package_names(tmp_path):
    from checkpoints import save_checkpoint, vipllava

    assert not any(
        "vipllava" in path.read_text().lower().replace("_", "")
        for path in (ROOT / "talo_mini").rglob("*.py")
    )
    folder = save_checkpoint(vipllava, tmp_path)
    found = {}
    exec(readme_code().replace('"llava-mini"', repr(folder)), found)
    assert set(found["vectors"].layer) == {0, 1, 2, 3} and len(found["vectors"]) == 4 * 2
