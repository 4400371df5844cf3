"""Chapters open with their answer, which is true of the published numbers; code is folded."""

import json
import re

import chapters
import nbformat
import pytest
import run
import terms
from exercises import stands_alone

PUBLISHED = run.ROOT / run.EXPERIMENTS
NAMES = [path.stem for path in run.NOTEBOOKS]


def results(name):
    return json.loads((PUBLISHED / f"{name}.json").read_text())


def test_every_chapter_has_a_box():
    assert list(chapters.boxes()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_the_box_says_in_words_is_true_of_the_numbers(name):
    box = chapters.boxes()[name]
    assert chapters.holds(box, results(name)), f"the box of {name} says what no longer is"
    told = chapters.filled(box["answer"], results(name))
    assert told.endswith(".") and "{" not in told and "nan" not in told
    assert not re.search(r"[.?!] [A-Z“]", told), "one sentence; what is left goes into `more`"
    assert len(told) < 400
    assert box["question"].endswith("?") and box["limits"].endswith(".")


def test_a_sentence_that_is_no_longer_true_is_noticed():
    box = chapters.boxes()["16_several_layers"]
    found = results("16_several_layers")
    found["pairs_beside_singles"]["low"] = 0.01
    assert not chapters.holds(box, found)


def made(source, tags=(), picture=False):
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata.tags = list(tags)
    if picture:
        data = {"image/png": "aGVsbG8=", "text/plain": "Nothing gains"}
        cell.outputs = [nbformat.v4.new_output("display_data", data)]
    return cell


def test_a_page_shows_the_answer_first_and_folds_what_draws(tmp_path):
    name = "16_several_layers"
    text = nbformat.v4.new_markdown_cell("# Several\n\n[badge](url)\n\nThe *text*.\n\nMore.")
    heading = nbformat.v4.new_markdown_cell("Before\n\n## A part of it")
    short = made("x = 1")
    drawing = made("show_changes(x)", picture=True)
    install = made('if "google.colab" in sys.modules:\n    pass')
    found, counting = nbformat.v4.new_markdown_cell("## What we found"), made("x = 2")
    cells = [text, install, heading, short, drawing, found, counting]
    executed = nbformat.v4.new_notebook(cells=cells)
    chapters.page(executed, name, results(name), tmp_path)
    first, second, *_ = executed.cells
    assert first.source.startswith("# 16. Several\n\n[badge](url)\n\n````{admonition} In short")
    assert ": two {term}`layers <layer>` mostly cost" in first.source and first.source.endswith(
        "````"
    )
    assert second.source == "The *text*.\n\nMore."
    assert (tmp_path / f"{name}-box.png").read_bytes() == b"hello"
    assert install.metadata.tags == ["hide-cell"] and drawing.metadata.tags == ["hide-input"]
    assert short.metadata.tags == [] and counting.metadata.tags == ["hide-input"]
    alt = drawing.metadata.mystnb["image"]["alt"]
    assert alt == "Figure: A part of it. Nothing gains"


def test_each_figure_has_words_of_its_own(tmp_path):
    """Two figures of one cell, a table between them and a line behind."""
    name = "16_several_layers"
    title = nbformat.v4.new_markdown_cell("# Several\n\n[badge](url)\n\nText.")
    heading = nbformat.v4.new_markdown_cell("## Which of them?")
    drawing = made("show_changes(x)", picture=True)
    table = nbformat.v4.new_output("display_data", {"text/plain": "a table"})
    second = nbformat.v4.new_output(
        "display_data", {"image/png": "aGVsbG8=", "text/plain": "All lose"}
    )
    drawing.outputs += [table, second, table]
    executed = nbformat.v4.new_notebook(cells=[title, heading, drawing])
    chapters.page(executed, name, results(name), tmp_path)
    one, other = executed.cells[-2:]
    told = [cell.metadata.mystnb["image"]["alt"] for cell in (one, other)]
    assert told == ["Figure: Which of them? Nothing gains", "Figure: Which of them? All lose"]
    assert len(one.outputs) == 1 and len(other.outputs) == 3
    assert other.source == "" and other.metadata.tags == ["remove-input"]


def test_terms_are_linked_in_the_box(tmp_path):
    name = "05_talo"
    title = nbformat.v4.new_markdown_cell("# TaLo\n\n[badge](url)\n\nText.")
    executed = nbformat.v4.new_notebook(cells=[title])
    chapters.page(executed, name, results(name), tmp_path)
    assert "{term}`" in executed.cells[0].source.partition("**Answer.**")[2]


@pytest.mark.parametrize("page", ["README.md", "book/how_to_read.md"])
def test_the_words_for_the_heat_map_are_its_title(page):
    cells = nbformat.read(PUBLISHED / "03_do_all_layers_help.ipynb", 4).cells
    form, finding = chapters.figures(cells)[0][1].split(": ")
    text = (run.ROOT / page).read_text(encoding="utf-8")
    assert f"; {form}: {finding}](" in text


def test_pages_are_made_of_every_executed_notebook(tmp_path):
    for name in NAMES:
        source = PUBLISHED / f"{name}.ipynb"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    chapters.write(tmp_path, PUBLISHED)
    for name in NAMES:
        cells = nbformat.read(tmp_path / f"{name}.ipynb", 4).cells
        nbformat.validate(nbformat.read(tmp_path / f"{name}.ipynb", 4))
        assert cells[0].source.count("In short") == 1
        stand_in = results(name).get("stand_in")
        figure = tmp_path / f"{name}-box.png"
        assert not figure.exists() if stand_in else figure.stat().st_size > 3000
        assert any(cell.get("outputs") for cell in cells) != bool(stand_in)
        written = "\n".join(cell.source for cell in cells)
        not_run = "## What we found\n\nNot run on real weights yet" in written
        assert not_run == bool(stand_in)
        of_model = [code for code in results(name)["solutions"] if not stands_alone(code)]
        assert ("prints:\n\n```text\nnot run yet" in written) == bool(stand_in and of_model)
        for cell in cells:
            if any("image/png" in o.get("data", {}) for o in cell.get("outputs", [])):
                assert len(cell.metadata.mystnb["image"]["alt"]) > 40


def test_a_term_is_linked_where_it_is_first_used():
    texts = ["# Knockout\n\n`knockout` and a knockout, then a Knockout", "knockout; base model"]
    first, second = terms.linked(texts)
    assert first == ("# Knockout\n\n`knockout` and a {term}`knockout <knockout>`, then a Knockout")
    assert second == "knockout; {term}`base model <base model>`"


def test_links_and_code_stay_as_they_are():
    text = "[the base model](x), `base model`, ```\nbase model\n``` <b title='knockout'>"
    assert terms.linked([text]) == [text]
    assert "part" not in terms.terms() and "probe set" in terms.terms()


def test_other_words_lead_to_their_entry_once():
    found = terms.linked(["It is above chance; chance.", "Above chance."])
    assert found == ["It is {term}`above chance <chance>`; chance.", "Above chance."]


def test_a_chapter_is_linked_wherever_it_is_named():
    (found,) = terms.linked(["As chapter 06 does; `chapter 06`, Chapter 23, chapter 77."])
    assert found == (
        "As {doc}`chapter 6 </notebooks/06_kind_of_intervention>` does; `chapter 06`, "
        "{doc}`Chapter 23 </notebooks/23_the_head_that_interferes>`, chapter 77."
    )


def test_a_term_is_linked_in_the_plural_too():
    assert terms.linked(["Two knockouts help."]) == ["Two {term}`knockouts <knockout>` help."]


@pytest.mark.parametrize("name", NAMES)
def test_no_hole_of_a_box_is_left(name, tmp_path):
    """Neither in its answer nor in its limits."""
    executed = nbformat.read(PUBLISHED / f"{name}.ipynb", 4)
    chapters.page(executed, name, results(name), tmp_path)
    assert "{{" not in executed.cells[0].source and "{%" not in executed.cells[0].source
