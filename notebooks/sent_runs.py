"""The scoreboard: one choice of TaLo a run, as `talo-mini choose` writes it, in `book/runs/`.

`python notebooks/sent_runs.py` makes our own runs again, from the cache of sweeps where it can.
"""

from pathlib import Path

import jinja2
import pandas as pd

from talo_mini import load_benchmark, load_vlm, talo
from talo_mini.analysis.summaries import mean_value
from talo_mini.estimates import Estimate
from talo_mini.studies.choice import Choice

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "book" / "runs"
TEMPLATE = Path(__file__).with_name("sent_runs.template.md")
OURS = "ours-"  # how the names of our own files begin, which stand first
SHOTS, PER_TASK = 20, 200


def row(path: Path) -> dict:
    """What the page tells of a run. Raises BadInput where the file is no choice."""
    choice = Choice.load(path)
    table = choice.table()
    left_out = table[table.layer.notna()]
    clear = left_out[(left_out.q < 0.05) & (left_out.gain > 0)]
    return dict(
        name=path.stem.removeprefix(OURS),
        ours=path.name.startswith(OURS),
        model=choice.model,
        digest=choice.digest,
        questions=f"{choice.benchmark}, {choice.form} form",
        shots=choice.shots,
        tasks=len(table),
        left_out=len(left_out),
        gaining=len(clear),
        gain=Estimate.of(mean_value(table.gain.astype(float))),
        versions=f"{choice.versions['torch']}, {choice.versions['transformers']}",
    )


def rows(folder: Path) -> list[dict]:
    """Every run in a folder, ours first."""
    runs = [row(path) for path in sorted(folder.glob("*.json"))]
    return sorted(runs, key=lambda one: not one["ours"])


def write(folder: Path, page: Path):
    """Write the page of the runs in a folder."""
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True)
    page.write_text(template.render(rows=rows(folder)), encoding="utf-8")


def main():
    """Make our own runs again."""
    RUNS.mkdir(exist_ok=True)
    wide = pd.read_parquet(ROOT / "book" / "data" / "outcomes" / "smollm-mini-half.parquet")
    asked = {"llava-mini": None, "smollm-mini-half": sorted(set(wide.task))}
    for name, tasks in (asked | {"smollm-mini": asked["smollm-mini-half"]}).items():
        vlm = load_vlm(name)
        for form in ("direct", "choice"):
            benchmark = load_benchmark("mini-worlds", tasks, PER_TASK, form)
            choice = talo(vlm, benchmark, shots=SHOTS, cache=ROOT / "runs" / "sweeps")
            choice.save(RUNS / f"{OURS}{name}-{form}.json")
            print(f"{name}, {form}: {len(choice.tasks)} tasks")


if __name__ == "__main__":
    main()
