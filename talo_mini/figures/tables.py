"""A table as a reader wants it: words for column names, points and percent, intervals beside."""

import math

import numpy as np
import pandas as pd

from ..estimates import Estimate

SHORT = 12  # rows that are shown at once; more are folded
POINTS = {
    *("delta", "talo", "shift", "ahead", "random", "hindsight", "probe_delta", "moved", "bound"),
    *("worst_draw", "best_draw"),
}
PERCENT = {
    *("accuracy", "base", "chance", "informed", "before", "after", "acted", "harmed", "alike"),
    *("agreement", "confidence", "error", "share", "power"),
    *("oracle", "mean_variant", "all_right", "by_luck"),
}
WORDS = {
    "delta": "change (points)",
    "base": "base model (%)",
    "accuracy": "accuracy (%)",
    "before": "before (%)",
    "after": "after (%)",
    "chance": "blind guess (%)",
    "informed": "guess that looks (%)",
    "talo": "TaLo (points)",
    "shift": "shift of the scores (points)",
    "ahead": "TaLo ahead (points)",
    "random": "a random layer (points)",
    "hindsight": "best in hindsight (points)",
    "probe_delta": "on the probe questions (points)",
    "worst_draw": "worst draw (points)",
    "best_draw": "best draw (points)",
    "oracle": "oracle (%)",
    "mean_variant": "a variant on average (%)",
    "all_right": "all variants right (%)",
    "by_luck": "by luck (%)",
    "acted": "acted (%)",
    "harmed": "harmed (%)",
    "alike": "alike (%)",
    "agreement": "agreement (%)",
    "r": "correlation",
    "power": "power (%)",
    "bound": "bound (points)",
}
INTERVALS = ("low", "high")
MAIN = ("delta", "accuracy")  # whose interval is in low and high
NONE = "\N{EN DASH}"


class Readable(pd.DataFrame):
    """A table of text; in a notebook a long one is folded behind a click."""

    @property
    def _constructor(self):
        return Readable

    def _repr_html_(self):
        named = any(name is not None for name in self.index.names)
        shown = pd.DataFrame(self.reset_index() if named else self)
        table = shown.to_html(border=0, index=False)
        if len(self) <= SHORT:
            return table
        return f"<details><summary>All {len(self)} rows</summary>\n{table}\n</details>"


def readable(table: pd.DataFrame, unit: str = "points", **words: str) -> Readable:
    """The table in words: fractions in points and percent, each interval beside its number.

    `delta` with low and high becomes one column, "+5.2 [+1.1, +9.0]", in a `unit` of `Estimate`;
    so does any other column with its own ends (of "base", base_low and base_high), and the
    accuracy of a table without delta. `words` name columns. A p value beside its q is left out.
    """
    main = next((name for name in MAIN if name in table), None)
    columns = {}
    for name in table:
        stem, _, end = str(name).rpartition("_")
        is_end = end in INTERVALS and (stem in table or (not stem and main is not None))
        if is_end or (name == "p" and "q" in table):
            continue
        told = words.get(name) or (unit if name == "delta" and unit != "points" else None)
        told = told or WORDS.get(name) or str(name).replace("_", " ")
        columns[told] = _column(table, name, unit, "" if name == main else f"{name}_")
    return Readable(columns, index=table.index)


def _column(table, name, unit, prefix):
    kind = unit if name == "delta" else _unit(name)
    ends = [f"{prefix}{end}" for end in INTERVALS]
    if kind and all(end in table for end in ends):
        rows = zip(table[name], *(table[end] for end in ends), strict=True)
        return [_written(*row, kind) for row in rows]
    return [_told(name, value, kind) for value in table[name]]


def _unit(name):
    if name in POINTS:
        return "points"
    return "percent" if name in PERCENT else None


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
    if value is None or pd.isna(value) or (name == "layer" and value == -1):
        return NONE
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if unit:
        return _written(value, math.nan, math.nan, unit)
    if name in ("p", "q"):
        return "< 0.01" if value < 0.005 else f"{value:.2f}"
    return _minus(f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}")


def _minus(number):
    return number.replace("-", "\N{MINUS SIGN}")
