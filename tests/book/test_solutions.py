"""Solutions run without their chapter, with only what they need; what they print is kept."""

import ast
import json

import nbformat
import solutions

CHAPTER = """
import pandas as pd
import numpy as np
slow = compute()
table = pd.DataFrame(slow)
rows = []
for one in range(3):
    rows.append(one)
table["more"] = 1
other = [table for table in range(2)]
"""


def needed(solution, known=()):
    before = ast.parse(CHAPTER).body
    kept = solutions.statements_for(ast.parse(solution).body, before, set(known))
    return [ast.unparse(one) for one in kept]


def test_only_what_a_solution_needs_is_run():
    assert needed("print(rows)") == ["rows = []", "for one in range(3):\n    rows.append(one)"]
    whole = needed("print(table)")
    assert whole[0] == "import pandas as pd" and whole[-1] == "table['more'] = 1"
    assert "slow = compute()" in whole and len(whole) == 4


def test_what_a_solution_binds_itself_or_the_results_hold_is_not_made_again():
    assert needed("slow = 1\nprint(slow)") == []
    assert needed("print([rows for rows in range(2)])") == []
    assert needed("print(table)", {"table"}) == []


def test_a_shortened_notebook_reads_tables_and_leaves_the_rest_out():
    cells = [
        nbformat.v4.new_code_cell("N = 2", metadata=dict(tags=["parameters"])),
        nbformat.v4.new_code_cell("%pip install x"),
        nbformat.v4.new_code_cell("many = [N] * 3\nwaste = 1 / 0"),
        nbformat.v4.new_markdown_cell("```python\nprint(many, means)\n```\n"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    results = solutions.run.ROOT / "book" / "x.json"
    first, second, third = solutions.shortened(notebook, dict(means="rows"), results).cells
    assert (first.source, third.source) == ("N = 2", "print(many, means)")
    assert second.source.splitlines()[1:] == [
        'means = pd.DataFrame(json.load(open("book/x.json", encoding="utf-8"))["rows"])',
        "many = [N] * 3",
    ]


def test_text_and_output_go_into_the_published_copy(tmp_path):
    copies = {}
    for folder, code in (("source", "print(2)"), ("published", "print(1)")):
        text = f"Exercise\n\n```python\n{code}\n```\n"
        cells = [nbformat.v4.new_markdown_cell(text, id="exercise")]
        copies[folder] = tmp_path / folder / "01_x.ipynb"
        copies[folder].parent.mkdir()
        nbformat.write(nbformat.v4.new_notebook(cells=cells), copies[folder])
    results = copies["published"].with_suffix(".json")
    results.write_text('{"seed": 0, "solutions": {"print(1)": "1"}}')
    solutions.keep({"print(2)": "2"}, copies["source"], results)
    assert json.loads(results.read_text()) == dict(seed=0, solutions={"print(2)": "2"})
    (cell,) = nbformat.read(copies["published"], 4).cells
    assert "print(2)" in cell.source
