"""Execute the notebooks at a scale and build the book: `python notebooks/run.py laptop`."""

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import architecture
import chapters
import claims
import exercises
import finishing
import first_page
import nbformat
import papermill
import sent_runs
import social
import stand_ins
import status
import summary
import yaml
from filelock import FileLock, Timeout
from papermill.exceptions import PapermillExecutionError

import playground
from talo_mini.report import SESSION

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EXPERIMENTS = "book/experiments"
# its sweeps are those that the notebooks below read, so it begins and they end
FILLS_CACHE = "03_do_all_layers_help"
READS_CACHE = (
    "04_task_layer_interaction_vectors",
    "05_talo",
    "07_how_many_shots",
    "08_is_it_chance",
    "10_do_no_harm",
    "17_per_question",
    "18_why_does_it_help",
)
STAND_INS = ROOT / "_build" / "stand_ins"  # read by notebooks whose own benchmark lies on the Hub
READ = ROOT / "book" / "data", ROOT / "notebooks" / "stand_ins.py"  # or made of it
INLINE = "module://matplotlib_inline.backend_inline"  # another would show no figure


def parameters(name: str, scale: str, folder: str) -> dict:
    """The values of a notebook's parameters at a scale. Raises KeyError for a name its parameters
    cell lacks.
    """
    scales = yaml.safe_load((ROOT / "notebooks" / "scales.yml").read_text(encoding="utf-8"))
    known = papermill.inspect_notebook(str(ROOT / "notebooks" / f"{name}.ipynb"))
    given = scales[scale].get(name, {})
    unknown = set(given) - set(known)
    if unknown:
        raise KeyError(
            f"notebooks/scales.yml gives {name} at scale {scale} the parameter {min(unknown)}, "
            f"which its parameters cell does not have; it has: {', '.join(known)}"
        )
    values = {**scales[scale]["common"], **given, "RESULTS": folder}
    return {key: value for key, value in values.items() if key in known}


def digest(notebook: Path, values: dict) -> str:
    """What an executed notebook depends on: its source, its parameters, the package, the weights,
    and the tables it reads.
    """
    hashed = hashlib.blake2b(
        notebook.read_bytes() + json.dumps(values, sort_keys=True).encode(), digest_size=8
    )
    folders = ROOT / "talo_mini", *READ
    for path in sorted(path for folder in folders for path in (folder, *folder.rglob("*"))):
        if playground.is_source(path):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


class ChapterFailed(RuntimeError):
    """Which cell of which chapter failed, and how."""


def is_done(target: Path, mark: str) -> bool:
    """Whether a whole executed notebook with this mark lies there, and its results."""
    try:
        done = nbformat.read(target, 4).metadata.get("talo_mini") == mark
        json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError, AttributeError, nbformat.reader.NotJSONError):
        return False
    return done


def execute(notebook: Path, scale: str, folder: Path) -> float:
    """Execute a notebook into `folder`, unless that was done already; gives the seconds it took.

    It runs in a folder beside, so that what lies there stays until the new is whole. Raises
    RuntimeError where it did not save results under its own name.
    """
    name, results = notebook.stem, folder.relative_to(ROOT).as_posix()
    values = parameters(name, scale, results)
    target, mark = folder / notebook.name, digest(notebook, values)
    if is_done(target, mark):
        return 0.0
    start = time.time()
    unfinished = folder / f".{name}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    stand_ins.write(STAND_INS)
    beside = unfinished.relative_to(ROOT).as_posix()
    os.environ |= {SESSION: notebook.name, "MPLBACKEND": INLINE}  # as Jupyter tells a kernel
    solved = unfinished / f"solved_{notebook.name}"
    nbformat.write(exercises.appended(nbformat.read(notebook, 4)), solved)
    try:
        papermill.execute_notebook(
            str(solved),
            str(unfinished / notebook.name),
            {**values, "RESULTS": beside},
            cwd=str(ROOT),
            progress_bar=False,
            kernel_name="python3",
        )
    except PapermillExecutionError as error:
        place = unfinished.relative_to(ROOT) / notebook.name
        raise ChapterFailed(
            f"{name} stopped at its code cell {error.exec_count}: {error.ename}: {error.evalue}\n"
            f"Its outputs up to there are in {place}."
        ) from None
    saved = unfinished / f"{name}.json"
    if not saved.exists():
        others = ", ".join(path.name for path in unfinished.glob("*.json")) or "nothing"
        raise RuntimeError(f"{name} saved {others}, not {saved.name}; its last cell names another")
    solved.unlink()
    executed = nbformat.read(unfinished / notebook.name, 4)
    record = json.loads(saved.read_text(encoding="utf-8"))
    record |= dict(solutions=exercises.taken(executed))
    record |= dict(
        commit=commit(), seconds=round(time.time() - start), date=time.strftime("%Y-%m-%d")
    )
    saved.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    nbformat.write(_published(executed, mark, beside, results), unfinished / notebook.name)
    order = sorted(unfinished.iterdir(), key=lambda path: path.suffix == ".ipynb")  # the mark last
    for path in order:
        path.replace(folder / path.name)
    unfinished.rmdir()
    return time.time() - start


def _published(executed, mark, beside, results):
    """An executed notebook as it is kept: with its mark, without what names this machine."""
    metadata = {key: executed.metadata[key] for key in ("kernelspec", "language_info")}
    executed.metadata = metadata | {"talo_mini": mark}
    for cell in executed.cells:
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
        cell.source = cell.source.replace(beside, results)
        if cell.cell_type == "code":  # progress bars and warnings name this machine's folders
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return executed


def execute_all(scale: str, folder: Path):
    """Execute every notebook, as many at once as there are cores, one thread each; print how long
    each took.
    """
    # kernels inherit it: two notebooks at once are faster than one with two threads
    os.environ["OMP_NUM_THREADS"] = "1"
    stand_ins.write(STAND_INS)
    waiting, readers = {}, [path for path in NOTEBOOKS if path.stem in READS_CACHE]
    with ProcessPoolExecutor(cores()) as pool:
        try:
            for path in sorted(
                (path for path in NOTEBOOKS if path not in readers),
                key=lambda path: path.stem != FILLS_CACHE,
            ):
                waiting[pool.submit(execute, path, scale, folder)] = path.stem
            while waiting:
                done = next(as_completed(waiting))
                name, seconds = waiting.pop(done), done.result()
                print(f"{name}: {f'{seconds:.0f} s' if seconds else 'unchanged, kept'}", flush=True)
                if name == FILLS_CACHE:
                    waiting.update(
                        {pool.submit(execute, path, scale, folder): path.stem for path in readers}
                    )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def commit() -> str:
    """The commit that is checked out, with a + where files differ from it; empty outside a git
    clone, or without git.
    """
    if shutil.which("git") is None:
        return ""

    def git(*words):
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "talo_mini", "notebooks")
    return git("rev-parse", "--short=10", "HEAD") + "+" * bool(changed)


def build(stage: Path) -> Path:
    """Build the book that lies in `stage`, warnings as errors; gives its first page.

    In an empty folder that takes the old one's place when it is whole: no page stays that was
    renamed, and a site that failed is never shown.
    """
    fresh = stage.with_name(f".{stage.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    subprocess.run(
        [
            Path(sys.executable).with_name("jupyter-book"),
            "build",
            ".",
            "--warningiserror",
            "--keep-going",
            "--quiet",
            "--path-output",
            str(fresh),
        ],
        cwd=stage,
        check=True,
    )
    html = fresh / "_build" / "html"
    shutil.copytree(playground.built(), html / "playground", dirs_exist_ok=True)
    for source in NOTEBOOKS:  # what a page's download button gives is what its badge opens
        shutil.copy2(source, html / "_sources" / "notebooks" / source.name)
    finishing.finish(html)
    site = stage / "_build"
    shutil.rmtree(site, ignore_errors=True)
    (fresh / "_build").replace(site)
    return site / "html" / "index.html"


def stage_book(stage: Path):
    """Copy the book's sources and the model cards into `stage`, and write the page of claims from
    its headline numbers.

    Executed notebooks are copied too where the stage has none of its own, and become pages.
    """
    for name in ("_config.yml", "_toc.yml"):
        stage.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, stage / name)
    shutil.copytree(
        ROOT / "book",
        stage / "book",
        dirs_exist_ok=True,
        # what is being executed is no page yet
        ignore=shutil.ignore_patterns(".*", *["experiments"] * (stage / EXPERIMENTS).exists()),
    )
    for card in sorted((ROOT / "talo_mini" / "minis").glob("*/README.md")):
        shutil.copy2(card, stage / "book" / f"{card.parent.name}.md")
    for name in ("recorded", "served"):
        shutil.copy2(
            playground.built() / f"{name}.html", stage / "book" / f"playground_{name}.html"
        )
    for source in NOTEBOOKS:
        if not (stage / EXPERIMENTS / source.name).exists():
            raise ChapterFailed(
                f"{source.stem} has no executed copy in {EXPERIMENTS}; "
                f"`python notebooks/run.py published {source.stem}` makes one."
            )
    pages = stage / "notebooks"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir()
    for source in NOTEBOOKS:
        shutil.copy2(stage / EXPERIMENTS / source.name, pages)
    chapters.write(pages, ROOT / EXPERIMENTS)
    shutil.rmtree(stage / "_static", ignore_errors=True)  # its styles are on every page
    (stage / "_static").mkdir()
    shutil.copy2(ROOT / "book" / "book.css", stage / "_static")
    social.draw(ROOT / EXPERIMENTS, stage / "_static" / social.NAME)
    shutil.copy2(ROOT / "CHANGELOG.md", stage / "book" / "changelog.md")
    status.write(stage / EXPERIMENTS, stage / "book" / "status.md")
    sent_runs.write(sent_runs.RUNS, stage / "book" / "runs.md")
    architecture.draw(stage / "book" / "architecture.svg")
    first_page.draw(ROOT / EXPERIMENTS, stage / "book" / first_page.NAME)
    tables = stage / "book" / "paper_vs_ours.md", stage / "book" / "claims_table.md"
    claims.write(stage / EXPERIMENTS, *tables)
    # as the chapters' boxes: its words are about what was published
    summary.write(ROOT / EXPERIMENTS, stage / "book" / "summary.md")


@contextmanager
def alone():
    """Work in this checkout by itself. Ends the program where another run does."""
    (ROOT / "_build").mkdir(exist_ok=True)
    lock = FileLock(ROOT / "_build" / ".lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        sys.exit(
            "Another run is making the book in this checkout, and two would mix their pages. "
            "Wait until it ends, or use another clone."
        )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "scale", choices=("laptop", "published", "committed"), help="committed: build only"
    )
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="execute only these, and build no book"
    )
    chosen = parser.parse_args()
    unknown = set(chosen.notebooks) - {path.stem for path in NOTEBOOKS}
    if unknown:
        parser.error(
            f"there is no notebook {min(unknown)!r}; there are: "
            f"{', '.join(path.stem for path in NOTEBOOKS)}"
        )
    with alone():
        try:
            make(chosen.scale, chosen.notebooks)
        except ChapterFailed as error:
            sys.exit(f"{error}\nWhat was done is kept; the same command goes on from there.")
        except KeyboardInterrupt:
            sys.exit("\nStopped. What was done is kept; the same command goes on from there.")


def make(scale: str, notebooks: list[str]):
    """Execute the notebooks at a scale and build the book, or execute only those named."""
    start, stage = time.time(), ROOT / "_build" / scale
    folder = stage / EXPERIMENTS if scale == "laptop" else ROOT / EXPERIMENTS
    if notebooks:
        for name in notebooks:
            print(f"{name}: {execute(ROOT / 'notebooks' / f'{name}.ipynb', scale, folder):.0f} s")
        return
    if scale != "committed":
        execute_all(scale, folder)
    if scale != "laptop":
        shutil.rmtree(stage / EXPERIMENTS, ignore_errors=True)
    pages = time.time()
    stage_book(stage)
    page = build(stage)
    print(f"pages: {time.time() - pages:.0f} s")
    print(
        f"The book is ready after {(time.time() - start) / 60:.1f} minutes. Open "
        f"{page.relative_to(ROOT)}"
    )


if __name__ == "__main__":
    main()
