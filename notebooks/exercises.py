"""What the solutions of a chapter's exercises print: run behind the chapter, shown on its page."""

import ast
import builtins
import re

import nbformat

CODE = re.compile(r"```python\n(.*?)```\n", re.DOTALL)
TAG = "solution"
TOLD = "{code}\n{lead} prints:\n\n```text\n{printed}\n```\n"
RUN = "The published run"
STAND_IN = "A run on real weights"
NOT_RUN = "not run yet"


def appended(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with each solution as a cell of its own at the end, where it changes nothing."""
    for cell in [cell for cell in notebook.cells if cell.cell_type == "markdown"]:
        for number, code in enumerate(CODE.findall(cell.source)):
            name = f"{cell.id}-{TAG}-{number}"
            made = nbformat.v4.new_code_cell(code.strip(), id=name, metadata={"tags": [TAG]})
            notebook.cells.append(made)
    return notebook


def taken(executed: nbformat.NotebookNode) -> dict[str, str]:
    """What each solution printed, by its code; their cells leave the notebook."""
    solutions = [cell for cell in executed.cells if TAG in cell.metadata.get("tags", [])]
    executed.cells = [cell for cell in executed.cells if cell not in solutions]
    return {cell.source: "".join(map(_text, cell.outputs)).strip("\n") for cell in solutions}


def _text(output):
    """The text of an output, none of a figure."""
    if output.output_type == "stream":
        return output.text if output.name == "stdout" else ""
    data = output.get("data", {})
    return "" if "image/png" in data else data.get("text/plain", "") + "\n"


def told(source: str, printed: dict[str, str], lead: str = RUN) -> str:
    """A cell's text with what each of its solutions printed below it, where that is known.

    `lead` says of what run that is.
    """

    def below(match):
        output = printed.get(match.group(1).strip())
        return (
            TOLD.format(code=match.group(0), lead=lead, printed=output)
            if output
            else match.group(0)
        )

    return CODE.sub(below, source)


def without_stand_in(printed: dict[str, str]) -> dict[str, dict[str, str]]:
    """By lead, what the solutions of a stand-in's run may show: those that need no model printed
    what they always do, the others were not run on what their chapter is about.
    """
    alone = {code: output for code, output in printed.items() if stands_alone(code)}
    others = dict.fromkeys(printed.keys() - alone.keys(), NOT_RUN)
    return {RUN: alone, STAND_IN: others}


def stands_alone(code: str) -> bool:
    """Whether a solution reads no name but its own and Python's."""
    names = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return read <= bound | set(dir(builtins))
