"""`talo-mini sweep MODEL BENCHMARK`: a sweep from the command line, in one process or in many.

Under `torchrun`, `accelerate launch` or Slurm every process takes its share of the questions and
its own GPU. They share nothing but the cache; whichever finds it complete writes the table. A
stopped run goes on, on any number of processes. Exit status: 0 all is well, 1 stopped by Ctrl-C,
2 something asked for cannot be done.
"""

import argparse
import os
import sys
import uuid
from pathlib import Path

import pandas as pd
import torch

from .analysis.vectors import interaction_vectors, task_accuracy
from .benchmarks import load_benchmark
from .engine.sweep import kept_outcomes, sweep
from .errors import BadInput
from .estimates import Estimate
from .interventions.effects import EFFECTS
from .models.loading import load_vlm

# Under sbatch without srun Slurm tells the number of tasks it could start, but one process runs:
# SLURM_STEP_NUM_TASKS is srun's
LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
)


# what needs a reference set cannot be asked for in words
EXAMPLES = ", ".join(e.example for e in EFFECTS.values() if e.needs != "reference")
MOST_TOLD = 5  # knockouts that help or hurt, of each part
WRITERS = {".parquet": pd.DataFrame.to_parquet, ".csv": pd.DataFrame.to_csv}


def process() -> tuple[int, int, int]:
    """The number of this process, how many there are, and its number on this machine."""
    for rank, size, local in LAUNCHERS:
        if rank in os.environ and size in os.environ:
            of = _launched(size, 1)
            return _launched(rank, 0, of), of, _launched(local, 0) if local in os.environ else 0
    return 0, 1, 0


def _launched(name, least, below=None):
    """A number that a launcher set. Raises BadInput where it is none that can be."""
    written = os.environ[name]
    number = int(written) if written.strip().isdecimal() else -1
    if number < least or (below is not None and number >= below):
        raise BadInput(f"the environment variable {name} is {written!r}; unset it, or start anew")
    return number


def parser() -> argparse.ArgumentParser:
    """The words of the command."""
    found = argparse.ArgumentParser(prog="talo-mini", description=__doc__.splitlines()[0])
    command = found.add_subparsers(dest="command", required=True).add_parser(
        "sweep", help="knock out every layer in turn"
    )
    command.add_argument("model", help="a shipped mini, a folder, or a Hub id")
    command.add_argument(
        "benchmark", help="a benchmark's name, a .tsv, .csv or .jsonl, or a folder with one"
    )
    command.add_argument("--tasks", nargs="+", help="only these tasks")
    command.add_argument("--per-task", type=int, help="at most so many questions a task and form")
    command.add_argument("--form", choices=("choice", "direct"), help="only questions of one form")
    command.add_argument("--source", help="a folder of parquet files to read in place of the Hub")
    command.add_argument("--revision", help="the benchmark's commit on the Hub")
    command.add_argument(
        "--prompt", help="the prompt template (default: vlmevalkit; bare for shipped benchmarks)"
    )
    command.add_argument(
        "--skip-malformed", action="store_true", help="leave out rows that cannot be used"
    )
    command.add_argument(
        "--parts",
        nargs="+",
        default=["self-attention"],
        help="what is knocked out (default %(default)s)",
    )
    command.add_argument("--layers", nargs="+", type=int, help="only these layers (default: all)")
    command.add_argument(
        "--effect",
        default="zero",
        help=f"how: {EXAMPLES} (default %(default)s)",
    )
    command.add_argument(
        "--batch", type=int, default=32, help="questions at once (default %(default)s)"
    )
    command.add_argument(
        "--device", help='"cpu", "cuda:1", ... (default: a GPU where there is one)'
    )
    command.add_argument("--model-revision", help="the model's commit on the Hub")
    command.add_argument(
        "--trust-remote-code", action="store_true", help="run code of the model's repository"
    )
    command.add_argument("--device-map", help='spread a large model over devices ("auto")')
    command.add_argument("--four-bit", action="store_true", help="4-bit weights (bitsandbytes)")
    command.add_argument("--max-pixels", type=int, help="shrink larger pictures to so many pixels")
    command.add_argument(
        "--cache", default="runs/sweeps", help="folder of kept answers (default %(default)s)"
    )
    command.add_argument(
        "--out",
        default="outcomes.parquet",
        help="the finished table, .parquet or .csv (default %(default)s)",
    )
    return found


def main(arguments=None):
    """Run the command; a BadInput or Ctrl-C is told in a sentence, with its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        run(chosen)
    except KeyboardInterrupt as stop:
        print(
            f"stopped; what was answered is kept in {chosen.cache}, and the same command goes on "
            "from there",
            file=sys.stderr,
        )
        raise SystemExit(1) from stop
    except BadInput as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


def _check_out(chosen):
    """Raise BadInput where the table could not be written, or would take another file's place."""
    out = Path(chosen.out)
    if out.suffix not in WRITERS:
        raise BadInput(
            f"--out {chosen.out}: end it in {' or '.join(WRITERS)}, which tells the format"
        )
    if not out.parent.is_dir():
        raise BadInput(
            f"--out {chosen.out}: there is no folder {out.parent}; make it, or write elsewhere"
        )
    if out.is_dir():
        raise BadInput(f"--out {chosen.out} is a folder; name a file in it")
    if out.exists() and Path(chosen.benchmark).exists() and out.samefile(chosen.benchmark):
        raise BadInput(f"--out {chosen.out} is the file of the questions; write elsewhere")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise BadInput(f"--out {chosen.out} cannot be written; write elsewhere")


def _own_device(local):
    """A GPU for each process; Slurm may show each task its own only."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{local % torch.cuda.device_count()}"


def _told(table, part):
    """Which knockouts of a part clearly help or hurt which task, in words."""
    vectors = interaction_vectors(table, part).sort_values("delta")
    rows = [(row, Estimate.of(row)) for row in vectors.to_dict("records")]
    helps = [(row, change) for row, change in rows[::-1] if change.clear > 0]
    hurts = [(row, change) for row, change in rows if change.clear < 0]
    lines = [
        f"{part}: of {len(rows)} knockouts {len(hurts)} clearly hurt, {len(helps)} clearly help "
        "(false discovery rate 5%)"
    ]
    for word, some in (("helps", helps), ("hurts", hurts)):
        lines += [
            f"  without layer {row['layer']} {word} {row['task']}: {change}"
            for row, change in some[:MOST_TOLD]
        ]
        if len(some) > MOST_TOLD:
            lines.append(f"  and {len(some) - MOST_TOLD} more that it {word}")
    return "\n".join(lines)


def run(chosen):
    """Sweep this process's share, then write the table if nothing is missing."""
    number, of, local = process()
    if of > 1 and chosen.device_map:
        raise BadInput(
            "--device-map spreads one model over all devices, so start one process; without it "
            "every process has a GPU"
        )
    _check_out(chosen)
    benchmark = load_benchmark(
        chosen.benchmark,
        chosen.tasks,
        chosen.per_task,
        chosen.form,
        chosen.source,
        chosen.revision,
        chosen.prompt,
        chosen.skip_malformed,
    )
    vlm = load_vlm(
        chosen.model,
        chosen.device or _own_device(local),
        chosen.device_map,
        chosen.four_bit,
        chosen.max_pixels,
        chosen.model_revision,
        chosen.trust_remote_code,
    )
    work = dict(parts=chosen.parts, layers=chosen.layers, effect=chosen.effect, cache=chosen.cache)
    sweep(vlm, benchmark.share(number, of), batch=chosen.batch, **work)
    table, missing = kept_outcomes(vlm, benchmark, **work)
    if missing:
        print(f"process {number} of {of} is done; {missing} answers of other processes are missing")
        return
    unfinished, write = Path(f"{chosen.out}.{uuid.uuid4().hex}"), WRITERS[Path(chosen.out).suffix]
    try:
        write(table, unfinished, index=False)
        os.replace(unfinished, chosen.out)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BadInput(
            f"--out {chosen.out} cannot be written ({error}); all answers are kept in "
            f"{chosen.cache}: run again with another name"
        ) from error
    print(task_accuracy(table).round(3).to_string(index=False))
    for part in chosen.parts:
        print(_told(table, part))
    print(
        f"{len(benchmark.left_out)} rows left out, {len(benchmark.malformed)} malformed; "
        f"{len(table)} outcomes in {chosen.out}"
    )
