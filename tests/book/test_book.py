"""The book builds from the committed executed notebooks, warnings as errors, and every chapter is
there.
"""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import finishing
import nbformat
import pytest
import run
import summary
import yaml

ROOT = Path(__file__).resolve().parents[2]
MINIS = [path.parent.name for path in (ROOT / "talo_mini" / "minis").glob("*/README.md")]

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CHAPTERS = [
    TOC["root"],
    *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]),
]


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


def test_every_link_between_pages_leads_to_a_place(html):
    """Pages, pictures, styles and scripts are there, and so is the place on the page."""
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    texts = {path.resolve(): path.read_text(encoding="utf-8") for path in pages}
    places = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in texts.items()}
    checked = 0
    for path, text in texts.items():
        for written in set(re.findall(r'<\w+[^>]*? (?:href|src)="([^"]+)"', text)):
            link = urlsplit(unquote(unescape(written)))
            if link.scheme or link.netloc:
                continue
            target = (path.parent / link.path).resolve() if link.path else path
            assert target.is_file(), (path.name, written)
            state = "=" in link.fragment or link.fragment == ""  # of the playground
            assert state or target not in places or link.fragment in places[target], written
            checked += 1
    assert checked > 2000


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


def test_every_page_introduces_itself(html):
    site_map = (html / "sitemap.xml").read_text()
    for chapter in CHAPTERS:
        page = (html / f"{chapter}.html").read_text()
        (told,) = re.findall(r'<meta name="description" content="([^"]+)">', page)
        assert 20 < len(told) <= 400 and "<" not in told
        (own,) = re.findall(r'<link rel="canonical" href="([^"]+)">', page)
        assert own == f"https://talo-mini.github.io/talo-mini/{chapter}.html"
        assert f"<loc>{own}</loc>" in site_map
    assert (html / finishing.PICTURE).exists()
    assert "search.html" in (html / "404.html").read_text()
    answer = (html / "notebooks" / "23_the_head_that_interferes.html").read_text()
    assert 'name="description" content="Yes: without head 3 of layer 0' in answer


def test_no_page_stays_that_is_no_longer_built(html):
    """The site is built in an empty folder; what a book lists is all there is."""
    there = {path.relative_to(html).with_suffix("").as_posix() for path in html.rglob("*.html")}
    own = {name for name in there if name.split("/")[0] in ("book", "notebooks")}
    assert own == set(CHAPTERS)


def test_runs_with_few_questions_become_a_book_whatever_they_did_not_find(html, tmp_path):
    """A small run may find no head that helps and no task with room; what is said of the published
    runs, in boxes and on the page of all findings, stays.
    """
    made = tmp_path / run.EXPERIMENTS
    shutil.copytree(ROOT / run.EXPERIMENTS, made)
    for name, empty in (
        ("23_the_head_that_interferes", dict(confirmed=[])),
        ("07_how_many_shots", dict(roomy=[])),
        ("05_talo", dict(harder=[])),
    ):
        path = made / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | empty), encoding="utf-8")
    run.stage_book(tmp_path)
    assert "could not be tested here" in (tmp_path / "book" / "paper_vs_ours.md").read_text()
    told = (tmp_path / "book" / "summary.md").read_text()
    assert told == summary.told(ROOT / run.EXPERIMENTS)


def test_a_site_that_fails_leaves_the_last_one(tmp_path):
    """And an error stays one when the command is called again."""
    stage = tmp_path / "stage"
    (stage / "_build" / "html").mkdir(parents=True)
    (stage / "_build" / "html" / "index.html").write_text("the last one")
    (stage / "_toc.yml").write_text("format: jb-book\nroot: page\n")
    (stage / "_config.yml").write_text("title: t\n")
    (stage / "page.md").write_text("# Page\n\n{doc}`nowhere`\n")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            run.build(stage)
        assert (stage / "_build" / "html" / "index.html").read_text() == "the last one"
