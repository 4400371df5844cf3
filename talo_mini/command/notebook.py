"""`talo-mini notebook`: an experiment of the book with another model and other questions."""

import json
import os
from argparse import Namespace
from pathlib import Path

from ..errors import BadInput
from ..report import SESSION
from .processes import check_single


def add(commands):
    """The words of `notebook`."""
    command = commands.add_parser("notebook", help="run an experiment of the book")
    command.add_argument("name", help="a notebook's file, or its name in notebooks/")
    command.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        dest="parameters",
        metavar=("NAME", "VALUE"),
        help='a parameter, for example -p MODEL my-folder, -p TASKS \'["a", "b"]\'',
    )
    command.add_argument("--out", help="a folder (default: runs/NAME)")
    command.set_defaults(run=run)


def run(chosen: Namespace):
    """Execute a notebook with parameters of one's own, and write it as a page too."""
    check_single("notebook")
    try:
        import nbconvert
        import papermill
    except ImportError as error:
        raise BadInput("notebooks need more: pip install 'talo-mini[book]'") from error
    source = _source(chosen.name)
    try:
        known = papermill.inspect_notebook(str(source))
    except (ValueError, KeyError, AttributeError) as error:
        raise BadInput(f"{source} is no notebook ({str(error)[:100]})") from error
    given = {name: _value(written) for name, written in chosen.parameters}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadInput(f"{source.name} has no parameter {unknown[0]!r}; it has: {', '.join(known)}")
    folder = Path(chosen.out or f"runs/{source.stem}")
    _check_target(folder, source)
    folder.mkdir(parents=True, exist_ok=True)
    if "RESULTS" in known:
        given.setdefault("RESULTS", str(folder))
    os.environ[SESSION] = source.name  # as Jupyter tells it to a kernel
    executed = folder / source.name
    try:
        papermill.execute_notebook(str(source), str(executed), given, kernel_name="python3")
    except papermill.PapermillExecutionError as error:
        raise BadInput(
            f"{source.name} ended with an error: {error.ename}: {error.evalue}; see {executed}"
        ) from error
    page, _ = nbconvert.HTMLExporter().from_filename(str(executed))
    executed.with_suffix(".html").write_text(page, encoding="utf-8")
    print(f"{executed} and {executed.with_suffix('.html').name} are ready")


def _check_target(folder, source):
    """Raise BadInput where the executed copy cannot lie, or would overwrite its source."""
    if folder.is_file():
        raise BadInput(f"--out {folder} is a file; name a folder")
    if folder.resolve() == source.resolve().parent:
        raise BadInput(f"the executed copy would overwrite {source}; name another folder by --out")


def _source(name):
    """The notebook's file. Raises BadInput where there is none."""
    folder = Path("notebooks")
    places = [Path(name), folder / f"{name}.ipynb"]
    if Path(name).name == name:
        places += sorted(folder.glob(f"{name}_*.ipynb"))
    notebook = next((path for path in places if path.is_file() and path.suffix == ".ipynb"), None)
    if notebook is None:
        names = ", ".join(path.stem for path in sorted(folder.glob("[0-9]*.ipynb")))
        raise BadInput(
            f"no notebook {name!r}; {f'there are: {names}' if names else 'name its file'}"
        )
    return notebook


def _value(written):
    """A parameter as JSON says it, or the words themselves."""
    try:
        return json.loads(written)
    except ValueError:
        return {"None": None, "True": True, "False": False}.get(written, written)
