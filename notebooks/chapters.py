"""Executed notebooks as pages of the book: a number, a box with the answer first, hidden code.

The notebooks stay as they are; what is added here is how the book shows them.
"""

import base64
import json
import re
import shutil
from pathlib import Path

import claims
import exercises
import jinja2
import nbformat
import terms
import verdicts
import yaml

BOXES = Path(__file__).with_name("boxes.yml")
REPORTS = re.compile(
    r"\bshow_\w+\(|\breadable\(|\bdisplay\(|\btell\(|\bsave_headline\(|\bsavefig\(|\baxis\."
)
FINDINGS = "What we found"  # below it the text leads, and all code is folded
FOLDED = "hide-input", "hide-cell"
LONG = 12  # lines: a cell that computes so long is folded too
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"  # the book loads its own
BOX = """````{{admonition}} In short
:class: tip in-short
**Question.** {question}

**Answer.** {answer}

**What this cannot show.** {limits}
"""
FIGURE = """
```{{image}} {figure}
:alt: {alt}
:width: 95%
:align: center
```
"""
END = "````"
FOUND = "## What we found"  # ends the cell before the findings


def boxes() -> dict[str, dict]:
    """What stands in the box of each chapter, templates not yet filled in."""
    return yaml.safe_load(BOXES.read_text(encoding="utf-8"))


def filled(template: str, results: dict) -> str:
    """A box's sentence from a chapter's results."""
    return " ".join(_environment().from_string(template).render(found=results).split())


def holds(box: dict, results: dict) -> bool:
    """Whether what a box says in words is true of the numbers."""
    return bool(_environment().compile_expression(box["holds"])(found=results))


def page(executed: nbformat.NotebookNode, name: str, published: dict, folder: Path):
    """The notebook as the book shows it; the box's figure is written into `folder`.

    `published` are the results of the committed run, which the box speaks of.
    """
    box = boxes()[name]
    answer, more, limits = (
        filled(box.get(name, ""), published) for name in ("answer", "more", "limits")
    )
    linked, linked_more, limits = terms.linked([answer, more, limits])
    linked += f"\n\n**More.** {linked_more}" if more else ""
    cells = executed.cells
    title, *rest = cells[0].source.split("\n")
    cells[0].source = "\n".join([f"# {int(name[:2])}. {title.removeprefix('# ')}", *rest])
    text = BOX.format(question=box["question"], answer=linked, limits=limits)
    printed = {exercises.RUN: published.get("solutions", {})}
    if published.get("stand_in"):  # what a stand-in answered is nobody's finding
        printed = exercises.without_stand_in(printed[exercises.RUN])
        for cell in cells:
            if cell.cell_type == "code":
                cell.outputs = []
            elif cell.source.endswith(FOUND):
                cell.source += f"\n\n{answer} {more}"
    # a small run may find nothing to draw
    for picture, title in figures(cells)[box["figure"] - 1 :][:1]:
        figure = f"{name}-box.png"
        (folder / figure).write_bytes(base64.b64decode(picture))
        text += FIGURE.format(figure=figure, alt=title)
    text += END
    opening = cells[0].source.split("\n\n", 2)
    cells[0].source = "\n\n".join([*opening[:2], text])
    cells[0].source = cells[0].source.replace(BADGE, "colab.svg")
    shutil.copy2(BOXES.with_name("colab.svg"), folder)
    for part in opening[2:]:
        cells.insert(1, nbformat.v4.new_markdown_cell(part))
    prose = [cell for cell in cells if cell.cell_type == "markdown"][1:]  # the box stays as it is
    for cell, source in zip(prose, terms.linked([cell.source for cell in prose]), strict=True):
        for lead, by_code in printed.items():
            source = exercises.told(source, by_code, lead)
        cell.source = source
    executed.cells = [piece for cell in cells for piece in one_figure_each(cell)]
    for cell, heading in zip(executed.cells, headings(executed.cells), strict=True):
        if cell.cell_type == "code":
            cell.metadata.tags = shown(cell, heading)
            for _, title in figures([cell]):
                words = f"Figure: {sentence(plain(heading))} {title}"
                cell.metadata["mystnb"] = {"image": {"alt": words}}


def one_figure_each(cell) -> list:
    """A cell with several figures as several, since what stands for a figure is a cell's."""
    outputs = cell.get("outputs", [])
    ends = [
        place + 1 for place, output in enumerate(outputs) if "image/png" in output.get("data", {})
    ]
    if len(ends) < 2:
        return [cell]
    cell.outputs, pieces = outputs[: ends[0]], [cell]
    for begin, end in zip(ends, [*ends[1:-1], len(outputs)], strict=False):
        rest = nbformat.v4.new_code_cell("", metadata={"tags": ["remove-input"]})
        rest.outputs = outputs[begin:end]
        pieces.append(rest)
    return pieces


def sentence(text: str) -> str:
    """The text with a mark at its end."""
    return text if text[-1:] in "?!." else f"{text}."


def figures(cells) -> list[tuple[str, str]]:
    """The pictures that a notebook's cells made, in base64, in their order, with what stands for
    each where it cannot be seen: its title.
    """
    pictures = []
    for output in (output for cell in cells for output in cell.get("outputs", [])):
        data = output.get("data", {})
        if "image/png" in data:
            title = plain(data.get("text/plain", "a figure"))
            pictures.append((data["image/png"], title.removeprefix("<").removesuffix(">")))
    return pictures


def headings(cells) -> list[str]:
    """For each cell the last heading above it."""
    above, last = [], ""
    for cell in cells:
        if cell.cell_type == "markdown":
            here = re.findall(r"^#+ (.*)$", cell.source, re.MULTILINE)
            last = here[-1] if here else last
        above.append(last)
    return above


def shown(cell, heading: str) -> list[str]:
    """The tags of a code cell: what sets, draws, reports or is long is folded; so is installing,
    and what stands below the heading of the findings.
    """
    tags = [tag for tag in cell.metadata.get("tags", []) if tag not in FOLDED]
    if "google.colab" in cell.source or "injected-parameters" in tags:
        return [*tags, "hide-cell"]
    long = cell.source.count("\n") >= LONG or "parameters" in tags
    if long or heading == FINDINGS or REPORTS.search(cell.source):
        return [*tags, "hide-input"]
    return tags


def plain(text: str) -> str:
    """A text without Markdown's marks, for an image's alternative text."""
    return re.sub(r"[*`]", "", text).replace("\n", " ").strip()


def write(experiments: Path, published: Path):
    """Turn the executed notebooks of a folder into pages, in place.

    Results of the published run are those in `published`.
    """
    for name in boxes():
        path = experiments / f"{name}.ipynb"
        executed = nbformat.read(path, 4)
        results = json.loads((published / f"{name}.json").read_text(encoding="utf-8"))
        page(executed, name, results, experiments)
        nbformat.write(executed, path)


def _environment() -> jinja2.Environment:
    return claims.templates(
        gaining=lambda rows: verdicts.clear_signs(rows).count(1),
        losing=lambda rows: verdicts.clear_signs(rows).count(-1),
        talo=lambda means: [row for row in means if row["method"] == "talo"],
        model=lambda rows, name, of: _row(rows, model=name, of=of, benchmark="mini-worlds"),
        plant=lambda rows, rule, shots, strength: _row(
            rows, rule=rule, shots=shots, strength=strength
        ),
        versus=lambda rows, method, shots: _row(rows, method=method, shots=shots),
        way=lambda rows, form, method: _row(rows, form=form, method=method, tasks="all"),
    )


def _row(rows, **wanted):
    """The only row with these values."""
    (only,) = (row for row in rows if all(row[key] == value for key, value in wanted.items()))
    return only
