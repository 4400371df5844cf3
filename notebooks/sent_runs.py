"""The scoreboard: one choice of TaLo a run, as `talo-mini choose` writes it, in `book/runs/`.

`python notebooks/sent_runs.py` makes our own runs again, from the cache of sweeps where it can.
"""

from pathlib import Path

import jinja2
import pandas as pd

from talo_mini import BadInput, load_benchmark, load_vlm, talo
from talo_mini.analysis.summaries import mean_value
from talo_mini.estimates import Estimate
from talo_mini.studies.choice import Choice

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "book" / "runs"
TEMPLATE = Path(__file__).with_name("sent_runs.template.md")
OURS = "ours-"  # how the names of our own files begin, which stand first
SHOTS, PER_TASK = 20, 200
MODELS, FORMS = ("llava-mini", "smollm-mini-half", "smollm-mini"), ("direct", "choice")
OWN = {f"{OURS}{model}-{form}.json" for model in MODELS for form in FORMS}
# what tells a run from another; the rest follows from it
RUN = (
    *("digest", "reading", "benchmark_digest", "prompt_words", "form", "parts", "effect", "asked"),
    *("shots", "rule", "level", "seed"),
)
LIBRARIES = "torch", "transformers"
MARKUP = r"\`*_{}[]()<>#|$&!~"  # what Markdown or HTML would read


def row(path: Path, choice: Choice) -> dict:
    """What the page tells of a run."""
    table = choice.table()
    left_out = table[table.layer.notna()]
    clear = left_out[(left_out.q < 0.05) & (left_out.gain > 0)]
    return dict(
        name=path.stem.removeprefix(OURS),
        ours=path.name.startswith(OURS),
        model=cell(choice.model),
        digest=cell(choice.digest),
        questions=cell(f"{choice.benchmark}, {choice.form} form"),
        shots=choice.shots,
        tasks=len(table),
        left_out=len(left_out),
        gaining=len(clear),
        gain=Estimate.of(mean_value(table.gain.astype(float))),
        versions=cell(", ".join(choice.versions.get(name, "?") for name in LIBRARIES)),
    )


def cell(text: str) -> str:
    """A text as a cell of a table shows it, whatever it holds."""
    signs = {sign: f"&#{ord(sign)};" for sign in MARKUP}
    return " ".join("".join(signs.get(sign, sign) for sign in text).split())


def rows(folder: Path) -> list[dict]:
    """Every run in a folder, ours first.

    Raises BadInput where a file is no choice, is named as one of ours, or tells a run again.
    """
    runs, known = [], {}
    for path in sorted(folder.glob("*.json")):
        choice = Choice.load(path)
        if path.name.startswith(OURS) and path.name not in OWN:
            raise BadInput(
                f"{path.name} is named as one of our own runs; name it after model and questions"
            )
        run = tuple(getattr(choice, name) for name in RUN)
        other = known.setdefault(run, path.name)
        if other != path.name:
            raise BadInput(f"{path.name} tells the run of {other} again; keep one of them")
        runs.append(row(path, choice))
    return sorted(runs, key=lambda one: not one["ours"])


def write(folder: Path, page: Path):
    """Write the page of the runs in a folder."""
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True)
    page.write_text(template.render(rows=rows(folder)), encoding="utf-8")


def main():
    """Make our own runs again."""
    RUNS.mkdir(exist_ok=True)
    wide = pd.read_parquet(ROOT / "book" / "data" / "outcomes" / "smollm-mini-half.parquet")
    pretrained = sorted(set(wide.task))
    for name in MODELS:
        vlm = load_vlm(name)
        for form in FORMS:
            tasks = None if name == "llava-mini" else pretrained
            benchmark = load_benchmark("mini-worlds", tasks, PER_TASK, form)
            choice = talo(vlm, benchmark, shots=SHOTS, cache=ROOT / "runs" / "sweeps")
            choice.save(RUNS / f"{OURS}{name}-{form}.json")
            print(f"{name}, {form}: {len(choice.tasks)} tasks")


if __name__ == "__main__":
    main()
