"""What the explorer shows: every task, form, part and layer, and which questions each one flips."""

import gzip
import json
from pathlib import Path

import pandas as pd
import vl_convert
from outcomes import PARTS, bits

from talo_mini.analysis.significance import (
    accuracy_interval,
    false_discovery,
    paired_interval,
    paired_p,
)
from talo_mini.analysis.vectors import has_room

SCRIPT = "window.vegaEmbed = vegaEmbed;"  # Vega-Lite as one file, served with the book


def evidence(outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row a task, form, part and layer of the wide table of outcomes (`outcomes.wide`).

    Each question is about a picture of its own, so that questions are the units. q is over all
    rows. Columns: task, ability, trained, form, part, layer, questions, blind, informed, base,
    accuracy, delta, low, high, q, room (whether the base model leaves room to gain).
    """
    rows = []
    columns = [name for name in outcomes if name.partition(",")[0] in PARTS]
    for (task, form), own in outcomes.groupby(["task", "form"], sort=False):
        base = own.base.to_numpy()
        after = own[columns].to_numpy()
        gained, lost = (after & ~base[:, None]).sum(0), (~after & base[:, None]).sum(0)
        low, high = paired_interval(gained, lost, len(own))
        about = own.iloc[0]
        table = pd.DataFrame(
            dict(
                task=task,
                ability=about.ability,
                trained=bool(about.trained),
                form=form,
                part=[name.partition(",")[0] for name in columns],
                layer=[int(name.partition(",")[2]) for name in columns],
                questions=len(own),
                blind=own.blind.mean(),
                informed=own.informed.mean(),
                base=base.mean(),
                base_low=accuracy_interval(base.sum(), len(own))[0],
                accuracy=after.mean(0),
                delta=(gained - lost) / len(own),
                low=low,
                high=high,
                p=paired_p(gained, lost),
            )
        )
        rows.append(table)
    found = pd.concat(rows, ignore_index=True)
    told = found.assign(q=false_discovery(found.p))
    return told.assign(room=has_room(told, "base", "base_low"))


def right_bits(outcomes: pd.DataFrame) -> dict[str, dict[str, str]]:
    """By "task, form" and column ("base", "head 3, 0"): a 1 or a 0 for each question, as text."""
    columns = ["base", *(name for name in outcomes if name.partition(",")[0] in PARTS)]
    found = {}
    for (task, form), own in outcomes.groupby(["task", "form"], sort=False):
        found[f"{task}, {form}"] = {name: bits(own[name]) for name in columns}
    return found


def write(outcomes: pd.DataFrame, folder: Path):
    """Write the explorer's data and Vega-Lite into the playground's folder."""
    table = evidence(outcomes).drop(columns=["p", "base_low"])
    numbers = table.select_dtypes(float).columns
    rounded = table.assign(**{name: table[name].round(4) for name in numbers})
    told = dict(cells=rounded.to_dict("records"), right=right_bits(outcomes))
    (folder / "evidence.pack").write_bytes(gzip.compress(json.dumps(told).encode(), mtime=0))
    (folder / "vega.js").write_text(vl_convert.javascript_bundle(SCRIPT), encoding="utf-8")
