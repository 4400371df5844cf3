"""Findings that write themselves: sentences with holes, filled from the tables of a notebook.

A template is Jinja's, with the filters below; the pages of the book are filled by the same.
"""

from collections.abc import Callable

import jinja2
import pandas as pd

from .estimates import Estimate, guess


class Findings(str):
    """A list in Markdown; a notebook shows it as one."""

    def _repr_markdown_(self):
        return str(self)


def tell(template: str, **found) -> Findings:
    """Fill a list of findings from what was found: a line that begins with "- " begins one.

    Tables stay tables: `{% for row in table | rows %}` goes through one. Raises
    jinja2.UndefinedError where the template asks for what was not given.
    """
    lines = templates().from_string(template).render(found).splitlines()
    findings: list[list[str]] = []
    for line in lines:
        if line.lstrip().startswith("- ") or not findings:
            findings.append([])
        findings[-1] += line.split()
    return Findings("\n".join(" ".join(words) for words in findings if words))


def templates(loader: jinja2.BaseLoader | None = None, **more: Callable) -> jinja2.Environment:
    """Jinja's environment with the filters for numbers, and more; `loader` finds named ones."""
    made = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)
    made.filters.update(FILTERS | more)
    return made


def plural(number: int, noun: str) -> str:
    """A number with its noun: "1 task", "2 tasks"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _rows(table) -> list[dict]:
    return table.to_dict("records") if isinstance(table, pd.DataFrame) else table


def _each(table, written: str) -> list[str]:
    """Every row as a text: of `written`, Python's format, with "estimate" for the row's own, and
    "guess" for both levels of chance.
    """
    texts = []
    for row in _rows(table):
        own: dict[str, object] = {}
        if {"delta", "low", "high"} <= set(row):
            own["estimate"] = Estimate.of(row)
        if {"chance", "informed"} <= set(row):
            own["guess"] = guess(row["chance"], row["informed"])
        texts.append(written.format(**own, **row))
    return texts


FILTERS: dict[str, Callable] = dict(
    as_estimate=Estimate.of,
    estimate=lambda row, unit="points", value="delta", digits=None: Estimate.of(
        row, unit, value
    ).written(digits),
    q=lambda row: Estimate.of(row).q_written,
    guess=lambda row: guess(row["chance"], row["informed"]),
    percent=lambda share: f"{100 * share:.0f}%",
    points=lambda share, digits=1: f"{100 * share:+.{digits}f}",
    r=lambda value: f"{value:.2f}",
    plural=plural,
    rows=_rows,
    each=_each,
)
