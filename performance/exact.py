"""Does the one-pass engine answer as plain hooks do? Every mini, benchmark, task, form, layer and
part: `python performance/exact.py`.

What has been compared is kept in runs/exact and not compared again, so that the whole benchmark
(hours) can be done in several runs; a change of the engine, of the weights or of the questions
begins anew. `--page FILE` writes the results as a page of the book.
"""

import argparse
import ast
import hashlib
import inspect
import json
import random
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers
from sweep import machine
from tqdm import tqdm

import talo_mini
from talo_mini import load_benchmark, load_vlm
from talo_mini.engine.logits import hooked_logits, replayed_logits
from talo_mini.engine.packing import apart, by_pictures, packed
from talo_mini.engine.pictures import Pictures
from talo_mini.engine.replay import same_places
from talo_mini.interventions.names import all_cells

PARTS = ("self-attention", "mlp", "layer")
MODELS = ("internvl-mini", "llava-mini", "mllama-mini", "qwen2vl-mini")
BENCHMARKS = ("mini-worlds", "easy-vqa")
MOST = ["largest", "logits"]  # differences: of a log-probability, of a logit
BATCH = 8  # small, so that several knocked-out variants go through a layer at once
PAGE = Path(__file__).with_name("exactness.template.md").read_text(encoding="utf-8")


def compare(vlm, prompt, questions, cells, pictures) -> dict:
    """How many answers one pass and hooks were asked for, how many differ, and the largest
    difference of a log-probability of an option and of any logit.

    In one pass questions about one picture share a row, as in a sweep; under hooks each is alone.
    """
    row = dict(questions=len(questions), answers=0, different=0, largest=0.0, logits=0.0)
    shared, alone = packed(vlm, questions, prompt), apart(vlm, questions, prompt)
    here, there = same_places(shared.wanted, alone.wanted)
    for replayed, hooked in zip(
        replayed_logits(vlm, shared, cells, pictures=pictures),
        hooked_logits(vlm, alone, cells),
        strict=True,
    ):
        apart_by = (replayed[here] - hooked[there]).abs().max().item()
        row["logits"] = max(row["logits"], apart_by)
        one, other = shared.wanted.scores(replayed), alone.wanted.scores(hooked)
        for a, b in zip(one, other, strict=True):
            row["answers"] += 1
            finite = bool(np.isfinite([a, b]).all())
            row["different"] += int(not finite or a.argmax() != b.argmax())
            row["largest"] = max(
                row["largest"], float(abs(a - b).max()) if finite else float("inf")
            )
    return row


def source_of(module: str) -> Path:
    """The file of a module of the package, `engine.sweep`, or of one of its rooms."""
    path = Path(talo_mini.__file__).parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> set[str]:
    """The modules of the package that one imports, and those that they import, itself included."""
    modules, waiting = set(), {module}
    while waiting:
        name = waiting.pop()
        modules.add(name)
        path = source_of(name)
        room = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                above = room[: len(room) - node.level + 1]
                waiting.add(".".join([*above, *filter(None, [node.module])]))
        waiting -= modules
    return modules


def engine() -> str:
    """8 hex digits that change with what decides a comparison: a sweep's modules, the libraries."""
    words = [
        source_of(name).read_text(encoding="utf-8") for name in sorted(imported("engine.sweep"))
    ]
    words += [inspect.getsource(compare), str(BATCH), torch.__version__, transformers.__version__]
    return hashlib.blake2b("".join(words).encode(), digest_size=4).hexdigest()


def kept(path: Path) -> dict[int, dict]:
    """What a file holds, by batch; a last line that was cut off is compared again."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[row.pop("batch")] = row
    return rows


def run(vlms, benchmark, parts, folder: Path, minutes: float | None = None) -> pd.DataFrame:
    """Compare batch after batch, every mini and part in turn, for at most so many minutes; one row
    each of all that was ever compared.
    """
    ends = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    groups = by_pictures(benchmark.questions)
    random.Random(0).shuffle(groups)
    questions = [benchmark.questions[number] for group in groups for number in group]
    batches = [questions[i : i + BATCH] for i in range(0, len(questions), BATCH)]
    files = {
        (vlm, part): folder / f"{vlm.name}-{vlm.digest}-{benchmark.digest}-{engine()}-{part}.jsonl"
        for vlm in vlms
        for part in parts
    }
    done = {job: kept(path) for job, path in files.items()}
    cells = {(vlm, part): all_cells(vlm.anatomy, [part], None, "zero") for vlm, part in files}
    pictures = {vlm: Pictures(vlm.model) for vlm in vlms}  # as a sweep shares them
    folder.mkdir(parents=True, exist_ok=True)
    for number, batch in enumerate(tqdm(batches, desc="comparing", unit="batch")):
        for job in files:
            if time.monotonic() < ends and number not in done[job]:
                row = compare(job[0], benchmark.prompt, batch, cells[job], pictures[job[0]])
                with files[job].open("a") as file:
                    file.write("\n" + json.dumps(dict(batch=number, **row)))
                done[job][number] = row
    tables = {
        job: pd.DataFrame(rows.values(), columns=["questions", "answers", "different", *MOST])
        for job, rows in done.items()
    }
    return pd.DataFrame(
        [
            dict(
                model=vlm.name,
                benchmark=benchmark.name,
                part=part,
                **table[["questions", "answers", "different"]].sum(),
                **table[MOST].max(),
            )
            for (vlm, part), table in tables.items()
        ]
    )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", nargs="+", default=PARTS, choices=PARTS, help="what is knocked out (default all)"
    )
    parser.add_argument(
        "--per-task", type=int, help="questions of each task and form (default the whole benchmark)"
    )
    parser.add_argument("--minutes", type=float, help="stop after so long; another run goes on")
    parser.add_argument("--page", help="write the book's page here")
    chosen = parser.parse_args()
    begins = time.monotonic()
    vlms = [load_vlm(name, device="cpu") for name in MODELS]
    benchmarks = [load_benchmark(name, per_task=chosen.per_task) for name in BENCHMARKS]
    tables = []
    for benchmark in benchmarks:
        left = chosen.minutes and chosen.minutes - (time.monotonic() - begins) / 60
        tables.append(run(vlms, benchmark, chosen.parts, Path("runs/exact"), left))
    rows = pd.concat(tables)
    print(rows.to_string(index=False))
    if chosen.page:
        heads = ("model", "benchmark", "part", "questions", "answers", "differ")
        table = "\n".join(
            [
                f"| {' | '.join(heads)} | log-probabilities, at most (nats) | logits, at most |",
                "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
                *(
                    f"| {row.model} | {row.benchmark} | {row.part} | {row.questions:,} | "
                    f"{row.answers:,} | {row.different} | {row.largest:.1e} | {row.logits:.1e} |"
                    for row in rows.itertuples()
                ),
            ]
        )
        given = "".join(
            [
                f" --parts {' '.join(chosen.parts)}" if chosen.parts != PARTS else "",
                f" --per-task {chosen.per_task}" if chosen.per_task else "",
            ]
        )
        Path(chosen.page).write_text(
            PAGE.format(
                table=table,
                mini=len(benchmarks[0].questions),
                tasks=len(benchmarks[0].tasks),
                easy=len(benchmarks[1].questions),
                answers=int(rows.answers.sum()),
                different=int(rows.different.sum()),
                largest=rows.largest.max(),
                logits=rows.logits.max(),
                parts_given=given,
                machine=machine(),
            ),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
