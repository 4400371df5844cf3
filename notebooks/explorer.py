"""What the explorer shows: every published table of outcomes, and the pictures of its questions."""

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import vl_convert
from outcomes import FOLDER, MINI, ON, TESTBED, bits, widened
from PIL import Image

from talo_mini import load_benchmark
from talo_mini.analysis.runs import ABOVE
from talo_mini.analysis.significance import (
    accuracy_interval,
    false_discovery,
    paired_interval,
    paired_p,
)
from talo_mini.analysis.vectors import gain_kind, has_room
from talo_mini.benchmarks.questions import Question
from talo_mini.minis.tables import load_tables

SCRIPT = "window.vegaEmbed = vegaEmbed;"  # Vega-Lite as one file, served with the book
SEEDS = FOLDER.parent / "seeds"
ACROSS = 20  # pictures in a row of a sheet
QUALITY = 20  # of a sheet's pictures, of 100, where that is smaller than all of each pixel


def evidence(outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row a task, form, part and layer of a wide table of outcomes (`outcomes.widened`).

    Each question is about a picture of its own, so that questions are the units. q is over all
    rows. Columns: task, ability, form, part, layer, questions, blind, informed, base, accuracy,
    delta, low, high, q, room (whether the base model leaves room to gain), above (whether it helps
    to above a guess that looks, by the whole interval).
    """
    rows, columns = [], knockouts(outcomes)
    for (task, form), group in outcomes.groupby(["task", "form"], sort=False):
        base = group.base.to_numpy()
        after = group[columns].to_numpy()
        gained, lost = (after & ~base[:, None]).sum(0), (~after & base[:, None]).sum(0)
        low, high = paired_interval(gained, lost, len(group))
        table = pd.DataFrame(
            dict(
                task=task,
                ability=group.ability.iloc[0],
                form=form,
                part=[name.rpartition(", ")[0] for name in columns],
                layer=[int(name.rpartition(", ")[2]) for name in columns],
                questions=len(group),
                blind=group.blind.mean(),
                informed=group.informed.mean(),
                base=base.mean(),
                base_low=accuracy_interval(base.sum(), len(group))[0],
                accuracy=after.mean(0),
                accuracy_low=accuracy_interval(after.sum(0), np.full(len(columns), len(group)))[0],
                delta=(gained - lost) / len(group),
                low=low,
                high=high,
                p=paired_p(gained, lost),
            )
        )
        rows.append(table)
    whole = pd.concat(rows, ignore_index=True)
    corrected = whole.assign(q=false_discovery(whole.p, whole.delta))
    above = gain_kind(corrected).isin(ABOVE)
    return corrected.assign(room=has_room(corrected, "base", "base_low"), above=above)


def knockouts(columns: Iterable[str]) -> list[str]:
    """Those columns of a wide table that tell of a part and layer ("head 3, 0")."""
    return [name for name in columns if name.rpartition(", ")[2].isdecimal()]


def right_bits(outcomes: pd.DataFrame) -> dict[str, dict[str, str]]:
    """By "task, form" and column ("base", "head 3, 0"): a 1 or a 0 for each question, as text."""
    columns = ["base", *knockouts(outcomes)]
    right = {}
    for (task, form), group in outcomes.groupby(["task", "form"], sort=False):
        right[f"{task}, {form}"] = {name: bits(group[name]) for name in columns}
    return right


def published(folder: Path = FOLDER, seeds: Path = SEEDS) -> Iterator[tuple[dict, pd.DataFrame]]:
    """What the page says of each table that lies in the folders, and the wide table.

    Fields: name, group, model, testbed (both in words), pictures (the testbed's registered name),
    live (whether the playground runs this model on these questions). llava-mini comes first.
    """
    for path in sorted(folder.glob("*.parquet"), key=lambda path: (path.stem != MINI, path.stem)):
        model, _, testbed = path.stem.partition(ON)
        about = dict(name=path.stem, group="The minis", model=model, live=path.stem == MINI)
        yield _placed(about, testbed or TESTBED), pd.read_parquet(path)
    harder = sorted(path for path in seeds.iterdir() if path.is_dir())
    for place in (seeds, *harder):
        for (run, step), table in sorted(load_tables(place).items()):
            model = f"{run.replace('-seed-', ', seed ')}, {step:,} steps"
            name = f"{run}-step-{step}" + (f"{ON}{place.name}" if place in harder else "")
            about = dict(name=name, group="Other trainings", model=model, live=False)
            yield _placed(about, table.benchmark.iloc[0]), widened(table)


def _placed(about, testbed):
    words = testbed.replace(f"{TESTBED}-", f"{TESTBED}, ").replace(TESTBED, "mini worlds")
    return about | dict(testbed=words, pictures=testbed)


def sheet(questions: list[Question]) -> bytes:
    """The pictures of questions on one, in rows of `ACROSS`, as WebP: exact where that is small."""
    pixels = np.stack([np.asarray(question.image) for question in questions])
    rows = -(-len(pixels) // ACROSS)
    _, height, width, _ = pixels.shape
    whole = np.full((rows * ACROSS, height, width, 3), 255, np.uint8)
    whole[: len(pixels)] = pixels
    grid = whole.reshape(rows, ACROSS, height, width, 3).swapaxes(1, 2)
    picture = Image.fromarray(grid.reshape(rows * height, ACROSS * width, 3))
    versions = []
    for options in (dict(lossless=True), dict(quality=QUALITY)):
        file = io.BytesIO()
        picture.save(file, "WEBP", **options)
        versions.append(file.getvalue())
    return min(versions, key=len)


def write_pictures(testbed: str, tasks: list[str], per_task: int, folder: Path):
    """Write of each task of a testbed a sheet of pictures, and the questions and right answers."""
    folder.mkdir(parents=True)
    benchmark = load_benchmark(testbed, tasks, per_task, form="direct")
    for task in tasks:
        asked = [question for question in benchmark.questions if question.task == task]
        (folder / f"{task}.webp").write_bytes(sheet(asked))
        answers = [[question.text, question.options[question.answer]] for question in asked]
        (folder / f"{task}.json").write_text(json.dumps(answers), encoding="utf-8")


def write(folder: Path, per_task: int):
    """Write the tables' evidence, the pictures of testbeds that the playground lacks, Vega-Lite."""
    (folder / "evidence").mkdir()
    tables, tasks = [], {}
    for about, outcomes in published():
        cells = evidence(outcomes).drop(columns=["p", "base_low", "accuracy_low"])
        numbers = cells.select_dtypes(float).columns
        rounded = cells.assign(**{name: cells[name].round(4) for name in numbers})
        record = dict(cells=rounded.to_dict("records"), right=right_bits(outcomes))
        packed = gzip.compress(json.dumps(record).encode(), mtime=0)
        (folder / "evidence" / f"{about['name']}.pack").write_bytes(packed)
        tasks.setdefault(about["pictures"], dict()).update(dict.fromkeys(outcomes.task))
        tables.append(about)
    (folder / "evidence" / "tables.json").write_text(json.dumps(tables), encoding="utf-8")
    for testbed in tasks.keys() - {TESTBED}:
        write_pictures(testbed, list(tasks[testbed]), per_task, folder / "pictures" / testbed)
    (folder / "vega.js").write_text(vl_convert.javascript_bundle(SCRIPT), encoding="utf-8")
