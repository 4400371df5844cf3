"""Write the playground's files: its modules, the mini's weights as they ship, and test questions.

`python notebooks/playground.py` leaves them in `_build/playground`, from where the book takes them.
"""

import base64
import gzip
import hashlib
import html
import json
import shutil
from pathlib import Path

import explorer
import numpy as np
import pandas as pd
import sliders
import wasmtime
from filelock import FileLock
from outcomes import FOLDER, TABLE, bits

from talo_mini import load_benchmark, load_vlm, sweep
from talo_mini.benchmarks.questions import Benchmark, Question
from talo_mini.models.loading import MINIS

HERE = Path(__file__).resolve().parent.parent / "playground"
BUILT = HERE.parent / "_build" / "playground"
MINI = "llava-mini"
MODEL = ("model.safetensors", "plants.safetensors", "config.json", "tokenizer.json")
PER_TASK = 200  # as many as are published
# What the first page shows: a head that keeps the model from an answer it knows.
LANDING = dict(task="map_west", form="direct", part="head 3", layer=0, off="h0-3")
SWITCH = "Head 3 of layer 0"
CASES, RECORDED = 8, 3
REACTS = "What stands here reacts to you"
SERVED = (
    "where scripts run and the page comes from a server: "
    "<code>python -m http.server</code> in the book's folder."
)
# a page that is opened as a file may load no modules
WHERE = (
    'if (location.protocol === "file:") document.querySelectorAll(".pg-served")'
    ".forEach((told) => { told.hidden = false; });"
)
LAYERS = 12
BUILDERS = "playground", "explorer", "outcomes", "sliders"
MOST = 0.97  # accuracy of a task in the game: above it there is hardly anything to gain


def built() -> Path:
    """The folder with everything, made anew where something that it depends on has changed.

    One process makes it; others wait. What changes meanwhile is not in it, so that it is made anew
    by the next.
    """
    mark = BUILT / "mark"
    BUILT.parent.mkdir(exist_ok=True)
    with FileLock(BUILT.with_name(".playground.lock")):
        now = digest()
        if not mark.exists() or mark.read_text(encoding="utf-8") != now:
            unfinished = BUILT.with_name(".playground")
            shutil.rmtree(unfinished, ignore_errors=True)
            write(unfinished)
            (unfinished / mark.name).write_text(now, encoding="utf-8")
            shutil.rmtree(BUILT, ignore_errors=True)
            unfinished.rename(BUILT)
    return BUILT


def is_source(path: Path) -> bool:
    """Whether a file is more than what Python or an editor leaves beside the others."""
    left = path.suffix in (".pyc", ".swp", ".orig") or path.name.startswith((".", "~"))
    return path.is_file() and not left and not path.name.endswith("~")


def digest() -> str:
    """What the files depend on: the page's sources, their builders, outcomes, package, weights."""
    hashed = hashlib.blake2b(digest_size=8)
    sources = [path for path in HERE.rglob("*") if "node_modules" not in path.parts]
    builders = [Path(__file__).with_name(f"{name}.py") for name in BUILDERS]
    package = (HERE.parent / "talo_mini").rglob("*")
    tables = [path for place in (FOLDER, explorer.SEEDS) for path in place.rglob("*.parquet")]
    for path in sorted([*sources, *builders, *tables, sliders.RESULTS, *package]):
        if is_source(path):
            hashed.update(str(path.relative_to(HERE.parent)).encode() + path.read_bytes())
    return hashed.hexdigest()


def write(folder: Path, per_task: int = PER_TASK, tasks=None):
    """Write the modules, the model, the questions of each task, and what the first page shows."""
    for name in ("model", "questions"):
        (folder / name).mkdir(parents=True)
    for source in sorted((HERE / "src").iterdir()):
        shutil.copy2(source, folder / source.name)
    (folder / "kernel.wasm").write_bytes(
        wasmtime.wat2wasm((HERE / "kernel.wat").read_text(encoding="utf-8"))
    )
    for name in MODEL:
        shutil.copy2(MINIS / MINI / name, folder / "model" / name)
    benchmark = load_benchmark("mini-worlds", tasks, per_task)
    for task in benchmark.tasks:
        (folder / "questions" / f"{task.name}.pack").write_bytes(packed(benchmark, task.name))
    listed = [dict(name=t.name, ability=t.ability, trained=t.trained) for t in benchmark.tasks]
    (folder / "questions" / "tasks.json").write_text(json.dumps(listed), encoding="utf-8")
    outcomes = pd.read_parquet(TABLE)
    (folder / "questions" / "luck.json").write_text(json.dumps(cells(outcomes)), encoding="utf-8")
    (folder / "served.html").write_text(served(REACTS), encoding="utf-8")
    explorer.write(folder, per_task)
    sliders.write(folder)
    if any(task.name == LANDING["task"] for task in benchmark.tasks):
        table, asked = swept(benchmark)
        (folder / "questions" / "landing.json").write_text(
            json.dumps(landing(table, asked)), encoding="utf-8"
        )
        (folder / "recorded.html").write_text(recorded(table, asked), encoding="utf-8")


def packed(benchmark: Benchmark, task: str) -> bytes:
    """A task's questions, compressed: the length of a text as four bytes, the text (JSON), then the
    pixels of each question's picture, [64, 64, 3].
    """
    asked: dict[bytes, dict] = {}
    pixels = []
    for question in benchmark.questions:
        if question.task != task:
            continue
        if question.image_bytes not in asked:
            asked[question.image_bytes] = dict(text=question.text, seen=question.seen)
            pixels.append(np.asarray(question.image))
        asked[question.image_bytes][question.form] = form(question)
    text = json.dumps(list(asked.values())).encode()
    head = len(text).to_bytes(4, "little")
    return gzip.compress(head + text + np.stack(pixels).tobytes(), mtime=0)


def form(question: Question) -> dict:
    """A question's options in its form, and the number of the right one."""
    return dict(options=question.options, answer=question.answer)


def cells(outcomes: pd.DataFrame) -> list[dict]:
    """Of each task and form with something to gain: what is answered right, as bits."""
    records = []
    for (task, form), rows in outcomes.groupby(["task", "form"], sort=False):
        if rows.base.mean() < MOST:
            without = [bits(rows[f"self-attention, {layer}"]) for layer in range(LAYERS)]
            records.append(dict(task=task, form=form, base=bits(rows.base), without=without))
    return records


def swept(benchmark: Benchmark) -> tuple[pd.DataFrame, Benchmark]:
    """Outcomes with and without the first page's head, and the questions they are of."""
    asked = benchmark.subset([LANDING["task"]], form=LANDING["form"])
    return sweep(load_vlm(MINI), asked, [LANDING["part"]], layers=[LANDING["layer"]]), asked


def cured(table: pd.DataFrame, asked: Benchmark) -> list[int]:
    """The numbers of the questions that are right without the head and wrong with it."""
    right = table.pivot(index="question", columns="part", values="correct")
    ids = right.index[right[LANDING["part"]] & ~right["base"]]
    return [i for i, question in enumerate(asked.questions) if question.id in ids]


def landing(table: pd.DataFrame, asked: Benchmark) -> dict:
    """What the first page loads: a task, what to switch off, and questions that this cures."""
    chosen = {name: LANDING[name] for name in ("task", "form", "off")}
    return dict(**chosen, numbers=cured(table, asked)[:CASES], words=SWITCH)


def served(what: str) -> str:
    """What a page says where its scripts do not run, or where it was opened as a file."""
    told = f"{what} {SERVED}"
    return (
        f'<p class="pg-note pg-served" hidden>{told}</p>\n'
        f"<noscript>{told}</noscript>\n<script>{WHERE}</script>\n"
    )


def recorded(table: pd.DataFrame, asked: Benchmark) -> str:
    """The same as a table, for a page whose scripts do not run."""
    answers = table.pivot(index="question", columns="part", values="answer")
    rows = []
    for number in cured(table, asked)[:RECORDED]:
        question = asked.questions[number]
        given = [question.options[answers[part][question.id]] for part in ("base", LANDING["part"])]
        picture = base64.b64encode(question.image_bytes).decode()
        shown = f'<img alt="a map" width="96" src="data:image/png;base64,{picture}">'
        words = [html.escape(word) for word in (question.text, *given)]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in (shown, *words)) + "</tr>")
    heads = ("picture", "question", "with every part on", f"without {SWITCH.lower()}")
    titles = "".join(f'<th scope="col">{title}</th>' for title in heads)
    return (
        '<p class="pg-note">Recorded answers.</p>\n'
        + served("The model itself runs here")
        + f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>\n"
    )


if __name__ == "__main__":
    print(built())
