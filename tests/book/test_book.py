"""The book builds from the committed executed notebooks, warnings as errors, and every chapter is
there.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
import run
import yaml

ROOT = Path(__file__).resolve().parents[2]

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CHAPTERS = [
    TOC["root"],
    *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]),
]


@pytest.fixture(scope="module")
def html():
    stage = ROOT / "_build" / "test_book"
    shutil.rmtree(stage / run.EXPERIMENTS, ignore_errors=True)  # an earlier run's copies
    run.stage_book(stage)
    return run.build(stage).parent


def test_every_chapter_is_there(html):
    for chapter in CHAPTERS:
        assert (html / f"{chapter}.html").stat().st_size > 5000


def test_no_image_is_missing(html):
    for chapter in CHAPTERS:
        page = html / f"{chapter}.html"
        for source in re.findall(r'<img[^>]+src="([^"]+)"', page.read_text()):
            if not source.startswith(("http", "data:")):
                assert (page.parent / source).exists(), f"{chapter}: {source}"


def test_every_notebook_is_a_chapter():
    assert {path.stem for path in run.NOTEBOOKS} == {
        Path(c).name for c in CHAPTERS if c.startswith(run.EXPERIMENTS)
    }


@pytest.mark.parametrize("notebook", run.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_book_shows_what_the_notebook_says_now(notebook):
    sources = [
        [
            cell.source
            for cell in nbformat.read(path, 4).cells
            if "injected-parameters" not in cell.metadata.get("tags", [])
        ]
        for path in (notebook, ROOT / run.EXPERIMENTS / notebook.name)
    ]
    assert sources[0] == sources[1], (
        f"execute {notebook.stem} again: python notebooks/run.py published"
    )
