"""Run the solutions of a chapter again without the chapter, and keep what they print.

`python notebooks/solutions.py 16_several_layers mean=pairs` runs, at the published scale, the
solutions of chapter 16 behind only those statements that they need. The table `mean` is read from
"pairs" of its results instead of being made again. Text and output go into the published copy.
"""

import argparse
import ast
import json
import tempfile
from pathlib import Path

import exercises
import nbformat
import papermill
import run

READ = "import json, pandas as pd"
TABLE = '{name} = pd.DataFrame(json.load(open("{path}", encoding="utf-8"))["{key}"])'


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", choices=[path.stem for path in run.NOTEBOOKS])
    parser.add_argument("tables", nargs="*", metavar="NAME=KEY", help="what the results hold")
    chosen = parser.parse_args()
    results = run.ROOT / run.EXPERIMENTS / f"{chosen.notebook}.json"
    source = run.ROOT / "notebooks" / f"{chosen.notebook}.ipynb"
    saved = dict(table.split("=") for table in chosen.tables)
    short = shortened(nbformat.read(source, 4), saved, results)
    values = run.parameters(chosen.notebook, "published", "runs/results")
    run.stand_ins.write(run.STAND_INS)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / source.name
        nbformat.write(short, made)
        papermill.execute_notebook(
            str(made), str(made), values, cwd=str(run.ROOT), kernel_name="python3"
        )
        printed = exercises.taken(nbformat.read(made, 4))
    keep(printed, source, results)
    print("\n\n".join(printed.values()))


def shortened(notebook, saved: dict[str, str], results: Path) -> nbformat.NotebookNode:
    """A notebook's parameters, what its solutions need, and these; `saved` tables are read from
    the results.
    """
    cells = [cell for cell in exercises.appended(notebook).cells if cell.cell_type == "code"]
    solutions = [cell for cell in cells if exercises.TAG in cell.metadata.get("tags", [])]
    parameters = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    others = [c for c in cells if c not in [*solutions, *parameters] and "%pip" not in c.source]
    before = [statement for cell in others for statement in ast.parse(cell.source).body]
    wanting = [statement for cell in solutions for statement in ast.parse(cell.source).body]
    needed = statements_for(wanting, before, set(saved))
    path = results.relative_to(run.ROOT).as_posix()
    read = [TABLE.format(name=name, path=path, key=key) for name, key in saved.items()]
    code = "\n".join([READ, *read, *map(ast.unparse, needed)])
    cells = [*parameters, nbformat.v4.new_code_cell(code), *solutions]
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def statements_for(wanting: list, before: list[ast.stmt], known: set[str]) -> list[ast.stmt]:
    """Those of the statements before that others want, also through one another, in their order.

    `known` names need none, nor do those that the others bind first. A statement is wanted whole,
    a loop too.
    """
    wanted, bound = set(), set(known)
    for statement in wanting:
        wanted |= _names(statement, ast.Load) - bound
        bound |= _changed(statement)
    needed = []
    for statement in reversed(before):
        if wanted & _changed(statement):
            needed.insert(0, statement)
            wanted |= _names(statement, ast.Load) - known
    return needed


def _names(statement, context) -> set[str]:
    """Names that are read or bound, but for those of loops, which end with them."""
    nodes = [*ast.walk(statement)]
    inner = [one.target for one in nodes if isinstance(one, ast.comprehension | ast.For)]
    looped = {name.id for one in inner for name in ast.walk(one) if isinstance(name, ast.Name)}
    names = [one for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, context)]
    return {name.id for name in names} - looped


def _changed(statement) -> set[str]:
    """Names that a statement binds, or whose values it changes: `x[0] = 1`, `x.append(1)`."""
    names = _names(statement, ast.Store)
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        place = node.value.func if called else node if stored else None
        while isinstance(place, ast.Attribute | ast.Subscript):
            place = place.value
            if isinstance(place, ast.Name):
                names.add(place.id)
    return names


def keep(printed: dict[str, str], source: Path, results: Path):
    """Write what the solutions printed into the results, and the exercise's text into the
    published copy.
    """
    record = json.loads(results.read_text(encoding="utf-8"))
    record["solutions"] = printed
    results.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    text = {cell.id: cell.source for cell in nbformat.read(source, 4).cells}
    published = nbformat.read(results.with_suffix(".ipynb"), 4)
    for cell in published.cells:
        if cell.cell_type == "markdown" and exercises.CODE.search(text.get(cell.id, "")):
            cell.source = text[cell.id]
    nbformat.write(published, results.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
