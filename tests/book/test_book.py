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
MINIS = [path.parent.name for path in (ROOT / "talo_mini" / "minis").glob("*/README.md")]

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


def test_badge_rocket_and_download_give_the_source_notebook(html):
    for notebook in run.NOTEBOOKS:
        page = (html / "notebooks" / f"{notebook.stem}.html").read_text()
        opened = re.findall(r'href="https://colab[^"]*/blob/main/([^"]+)"', page)
        assert len(opened) >= 2  # badge and rocket
        assert set(opened) == {f"notebooks/{notebook.name}"}
        assert (html / "_sources" / "notebooks" / notebook.name).read_bytes() == (
            notebook.read_bytes()
        )


def test_every_link_to_the_repository_leads_to_a_file(html):
    linked = set()
    for page in html.rglob("*.html"):
        linked |= set(
            re.findall(r'talo-mini/talo-mini/(?:blob|tree)/main/([^"#?]+)', page.read_text())
        )
    assert len(linked) > len(run.NOTEBOOKS)
    made = {f"book/{name}.md" for name in (*MINIS, "paper_vs_ours")}
    for path in linked:
        assert (ROOT / path).exists() or path in made, path


def test_figures_have_words_for_those_who_do_not_see_them(html):
    for chapter in CHAPTERS:
        for image in re.findall(r"<img[^>]+>", (html / f"{chapter}.html").read_text()):
            (alt,) = re.findall(r'alt="([^"]*)"', image)
            assert "png" not in alt and "_images" not in alt, (chapter, image[:200])


def test_every_notebook_is_a_chapter():
    assert {path.stem for path in run.NOTEBOOKS} == {
        Path(c).name for c in CHAPTERS if c.startswith("notebooks/")
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
