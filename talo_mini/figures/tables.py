"""A table as a reader wants it: words for column names, points and percent, intervals beside."""

import math

import numpy as np
import pandas as pd

from ..estimates import Estimate, probability

SHORT = 12  # rows that are shown at once; more are folded
HEADERS = {  # what a column is called; the unit behind it says how its fractions are written
    "delta": "change (points)",
    "base": "base model (%)",
    "accuracy": "accuracy (%)",
    "before": "before (%)",
    "after": "after (%)",
    "chance": "blind guess (%)",
    "informed": "guess that looks (%)",
    "worst": "without the costliest layer (%)",
    "talo": "TaLo (points)",
    "shift": "shift of the scores (points)",
    "ahead": "TaLo ahead (points)",
    "beside": "minus the first (points)",
    "random": "a random layer (points)",
    "hindsight": "best in hindsight (points)",
    "regret": "short of hindsight (points)",
    "curse": "winner's curse (points)",
    "probe_delta": "on the probe questions (points)",
    "on_probe": "on the probe questions (points)",
    "worst_draw": "worst draw (points)",
    "best_draw": "best draw (points)",
    "moved": "moved (points)",
    "base_change": "change of accuracy (points)",
    "damage": "damage (points)",
    "bound": "bound (points)",
    "recovered": "won back (%)",
    "found": "found (%)",
    "innocent": "an innocent layer (%)",
    "accused": "accused though clean (%)",
    "found_of_harmful": "found, of harmful ones (%)",
    "oracle": "oracle (%)",
    "mean_variant": "a variant on average (%)",
    "all_right": "all variants right (%)",
    "by_luck": "by luck (%)",
    "rises": "rises (%)",
    "acted": "acted (%)",
    "harmed": "harmed (%)",
    "alike": "alike (%)",
    "agreement": "agreement (%)",
    "confidence": "confidence (%)",
    "error": "calibration error (%)",
    "share": "share (%)",
    "power": "power (%)",
    "lead": "lead (nats)",
    "lead_without": "lead without it (nats)",
    "lead_lost": "lead lost (nats)",
    "r": "correlation",
    "rank_correlation": "rank correlation",
}
UNITS_BEHIND = {" (points)": "points", " (%)": "percent", " (nats)": "nats"}
INTERVALS = ("low", "high")
MAIN = ("delta", "accuracy")  # whose interval is in low and high
NONE = "\N{EN DASH}"


class Readable(pd.DataFrame):
    """A table of text; in a notebook a long one is folded behind a click, elsewhere it is lines
    that are not broken.
    """

    @property
    def _constructor(self):
        return Readable

    def __repr__(self):
        return pd.DataFrame(self).to_string(index=False)

    def _repr_html_(self):
        table = pd.DataFrame(self).to_html(border=0, index=False)
        if len(self) <= SHORT:
            return table
        return f"<details><summary>All {len(self)} rows</summary>\n{table}\n</details>"


def readable(table: pd.DataFrame, unit: str = "points", **words: str) -> Readable:
    """The table in words: fractions in points and percent, each interval beside its number.

    `delta` with low and high becomes one column, "+5.2 [+1.1, +9.0]", in a `unit` of `Estimate`;
    so does any other column with its own ends (of "base", base_low and base_high), and the
    accuracy of a table without delta. `words` name columns; one that ends in "(points)", "(%)" or
    "(nats)" is written so. A p value beside its q is left out, and what names rows is a column.
    """
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    main = next((name for name in MAIN if name in table), None)
    columns = {}
    for name in table:
        stem, _, end = str(name).rpartition("_")
        is_end = end in INTERVALS and (stem in table or (not stem and main is not None))
        if is_end or (name == "p" and "q" in table):
            continue
        header = words.get(str(name)) or HEADERS.get(name) or str(name).replace("_", " ")
        kind = next((kind for end, kind in UNITS_BEHIND.items() if header.endswith(end)), None)
        if name == "delta" and unit != "points":
            header, kind = words.get("delta", unit), unit
        own_ends = [f"{name}_{end}" for end in INTERVALS]
        ends = list(INTERVALS) if name == main and own_ends[0] not in table else own_ends
        columns[header] = _column(table, name, kind, ends)
    return Readable(columns, index=table.index)


def _column(table, name, kind, ends):
    if all(end in table for end in ends):
        rows = zip(table[name], *(table[end] for end in ends), strict=True)
        return [_written(*row, kind or "r") for row in rows]
    return [_told(name, value, kind) for value in table[name]]


def _written(value, low, high, unit):
    if pd.isna(value):
        return NONE
    return _minus(Estimate(value, low, high, unit=unit).written(word=False))


def _told(name, value, unit):
    """One value in words."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(str(one) for one in value) or NONE
    if value is None or pd.isna(value) or (str(name).startswith("layer") and value == -1):
        return NONE
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if unit:
        return _written(value, math.nan, math.nan, unit)
    if name in ("p", "q"):
        return probability(value)
    return _minus(f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}")


def _minus(number):
    return number.replace("-", "\N{MINUS SIGN}")
