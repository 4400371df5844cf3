"""`talo-mini sweep`: knock out every layer in turn, in one process or in many."""

import os
import uuid
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ..analysis.vectors import interaction_vectors, task_accuracy
from ..engine.sweep import kept_outcomes, sweep
from ..errors import BadInput
from ..estimates import Estimate
from ..interventions.effects import find_effect
from ..interventions.names import listed, names_of
from .processes import process
from .words import (
    add_asking,
    add_benchmark,
    add_model,
    add_parts,
    add_written,
    check_out,
    check_unused,
    loaded_benchmark,
    loaded_model,
    loaded_reference,
    written_of,
)

MOST_TOLD = 5  # knockouts that help or hurt, of each part
WRITERS = {".parquet": pd.DataFrame.to_parquet, ".csv": pd.DataFrame.to_csv}


def add(commands):
    """The words of `sweep`."""
    command = commands.add_parser("sweep", help="knock out every layer in turn")
    add_model(command)
    add_benchmark(command)
    add_parts(command)
    command.add_argument("--layers", nargs="+", type=int, help="only these layers (default: all)")
    command.add_argument(
        "--reference", help='for the effect "mean": the benchmark whose mean is held'
    )
    add_written(command)
    add_asking(command)
    command.add_argument(
        "--out",
        default="outcomes.parquet",
        help="the finished table, .parquet or .csv (default %(default)s)",
    )
    command.set_defaults(run=run)


def told_changes(table: pd.DataFrame, part: str) -> str:
    """Which knockouts of a part clearly help or hurt which task, in words, form by form."""
    return "\n".join(_told_changes(own, part, title) for title, own in each_form(table, part))


def each_form(table: pd.DataFrame, part: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """A part's title and the outcomes, of each form in which it was knocked out."""
    forms = table.groupby("form", sort=False)
    for form, own in forms:
        if part in set(own.part):  # each form may have parts of its own
            yield f"{part}, {form} form" if len(forms) > 1 else part, own


def _told_changes(table, part, title):
    vectors = interaction_vectors(table, part).sort_values("delta")
    rows = [(row, Estimate.of(row)) for row in vectors.to_dict("records")]
    helps = [(row, change) for row, change in rows[::-1] if change.clear > 0]
    hurts = [(row, change) for row, change in rows if change.clear < 0]
    lines = [
        f"{title}: of {len(rows)} knockouts {len(hurts)} clearly hurt, {len(helps)} clearly help "
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


def run(chosen: Namespace):
    """Sweep this process's share, then write the table if nothing is missing."""
    number, of, _ = process()
    if of > 1 and chosen.device_map:
        raise BadInput(
            "--device-map spreads one model over all devices, so start one process; without it "
            "every process has a GPU"
        )
    check_out(chosen.out, WRITERS, chosen.benchmark)
    written = written_of(chosen)
    if find_effect(chosen.effect.partition(" ")[0]).needs != "reference":
        check_unused(chosen, ["reference"], "is for the effect mean; say --effect mean")
    parts = listed(chosen.parts)
    benchmark = loaded_benchmark(chosen)
    reference = loaded_reference(chosen)
    vlm = loaded_model(chosen)
    work = dict(parts=parts, layers=chosen.layers, effect=chosen.effect)
    work |= dict(cache=chosen.cache, reference=reference, written=written)
    sweep(vlm, benchmark.share(number, of), batch=chosen.batch, **work)
    table, missing = kept_outcomes(vlm, benchmark, **work)
    if missing:
        print(f"process {number} of {of} is done; {missing} answers of other processes are missing")
        return
    write(table, chosen)
    print(task_accuracy(table).round(3).to_string(index=False))
    for part in names_of(parts):
        print(told_changes(table, part))
    print(
        f"{len(benchmark.left_out)} rows left out, {len(benchmark.malformed)} malformed; "
        f"{len(table)} outcomes in {chosen.out}"
    )
    if "unparsed" in table.attrs:
        print(f"{table.attrs['unparsed']:.0%} of the written answers name no answer")


def write(table: pd.DataFrame, chosen: Namespace):
    """Write a table under its name when it is whole."""
    unfinished, writer = Path(f"{chosen.out}.{uuid.uuid4().hex}"), WRITERS[Path(chosen.out).suffix]
    try:
        writer(table, unfinished, index=False)
        os.replace(unfinished, chosen.out)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BadInput(
            f"--out {chosen.out} cannot be written ({error}); all answers are kept in "
            f"{chosen.cache}: run again with another name"
        ) from error
