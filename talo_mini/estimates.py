"""An estimate that writes itself: value, 95% interval and q in the unit a reader expects."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# unit: factor from what tables hold, format, word behind the number
UNITS = {
    "points": (100, "+.1f", " points"),  # a change of accuracy
    "percent": (100, ".0f", "%"),  # an accuracy
    "nats": (1, "+.2f", " nats"),
    "r": (1, ".2f", ""),  # a correlation
    "change of r": (1, "+.2f", ""),
}


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval, its q value and the number of things it is the mean of.

    All as tables hold them: accuracies and their changes are fractions. nan or None where there is
    none.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    q: float | None = None
    n: int | None = None
    unit: str = "points"

    @classmethod
    def of(cls, row: Mapping, unit: str = "points", value: str = "delta") -> "Estimate":
        """From a table's row with the columns `value`, low and high, and q and n where it has them.

        Of another column than delta, "deep", the interval is in deep_low and deep_high if there.
        """
        prefix = f"{value}_" if f"{value}_low" in row else ""
        ends = (row[f"{prefix}{end}"] for end in ("low", "high"))
        low, high = (math.nan if end is None else end for end in ends)
        return cls(row[value], low, high, row.get("q"), row.get("n"), unit)

    def number(self, value: float, digits: int | None = None) -> str:
        """A number in this unit, without its word."""
        factor, form, _ = UNITS[self.unit]
        if digits is not None:
            form = f"{form[:-2].rstrip('.')}.{digits}f"
        return format(factor * value, form)

    def written(self, digits: int | None = None, word: bool = True) -> str:
        """The number and its interval: "+5.2 points [+1.1, +9.0]"."""
        text = self.number(self.value, digits) + UNITS[self.unit][2] * word
        if math.isnan(self.low):
            return text
        return f"{text} [{self.number(self.low, digits)}, {self.number(self.high, digits)}]"

    def __str__(self):
        return self.written()

    @property
    def clear(self) -> int:
        """1 where it is clearly above zero (q below 5%), -1 where clearly below, else 0."""
        if self.q is None or not self.q < 0.05:
            return 0
        return (self.value > 0) - (self.value < 0)

    @property
    def q_written(self) -> str:
        """How sure it is, after control of false discoveries: "q = 0.03"."""
        if self.q is None or math.isnan(self.q):
            return "q unknown"
        text = probability(self.q)
        return f"q {text}" if text.startswith("<") else f"q = {text}"


def probability(value: float) -> str:
    """A p or q value with two digits, near 0.05 with as many as tell on which side it lies."""
    if value < 0.005:
        return "< 0.01"
    digits = 2
    while digits < 6 and round(value, digits) == 0.05 and value != 0.05:
        digits += 1
    return f"{value:.{digits}f}"


def guess(blind: float, informed: float) -> str:
    """What a guess scores: "25%", or "3 to 25%", from a blind one to one that has looked."""
    low, high = (f"{100 * share:.0f}" for share in sorted((blind, informed)))
    return f"{high}%" if low == high else f"{low} to {high}%"
