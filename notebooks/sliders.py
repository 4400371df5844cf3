"""What the reacting figures show: TaLo on planted interference, and what a study can see.

`python notebooks/sliders.py` draws book/power.png, which stands in their place without scripts.
"""

import json
from itertools import product
from pathlib import Path

import pandas as pd
from explorer import knockouts
from outcomes import TABLE
from pyarrow.parquet import read_schema

from talo_mini.analysis.significance import power, questions_needed
from talo_mini.figures.base import ABILITY_COLOURS, POINTS, axes_of

RESULTS = Path(__file__).resolve().parent.parent / "book/experiments/09_planted_interference.json"
SHARES = ("found", "innocent", "accused")
FIGURE = RESULTS.parents[1] / "power.png"
DRAWN = (0.02, 0.05, 0.1, 0.2)  # gains of the still figure
QUESTIONS = (20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000)
GAINS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
TURNED = 2  # answers that change for each that is gained
LEVEL = 0.05
CORRECTIONS = {  # what is compared, and how many knockouts that are
    "one knockout": 1,
    "12 layers of a task": 12,
    "12 layers of 84 tasks and forms": 1008,
    "every part of these": 84 * len(knockouts(read_schema(TABLE).names)),
}
DASHES = dict(zip(CORRECTIONS.values(), ("-", "--", ":"), strict=False))  # of the still figure


def planted() -> list[dict]:
    """By strength of the plant, rule and shots: what TaLo leaves out, from chapter 9's results."""
    fields = ["strength", "rule", "shots", "damage", "recovered"]
    fields += [f"{name}{end}" for name in SHARES for end in ("", "_low", "_high")]
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["summary"]
    return [{field: row[field] for field in fields} for row in rows]


def studies() -> list[dict]:
    """By questions, true gain and number of knockouts compared: the share of studies that find it.

    With a Bonferroni correction, the exact paired test, and twice as many answers turned as gained.
    """
    return [
        dict(
            questions=questions,
            gain=gain,
            compared=compared,
            power=round(power(gain, TURNED * gain, questions, LEVEL / compared), 4),
        )
        for compared, gain, questions in product(CORRECTIONS.values(), GAINS, QUESTIONS)
    ]


def needed() -> list[dict]:
    """By true gain and number of knockouts compared: the questions that find it in 80% of studies,
    to within 2%.
    """
    return [
        dict(
            gain=gain,
            compared=compared,
            questions=questions_needed(gain, TURNED * gain, level=LEVEL / compared),
        )
        for compared, gain in product(CORRECTIONS.values(), GAINS)
    ]


def write(folder: Path):
    """Write the figures' data into the playground's folder."""
    corrections = {name: str(compared) for name, compared in CORRECTIONS.items()}  # of a chooser
    data = dict(planted=planted(), power=studies(), needed=needed(), corrections=corrections)
    (folder / "sliders.json").write_text(json.dumps(data), encoding="utf-8")


def still():
    """The second figure without scripts: power by questions, gain and knockouts compared."""
    seen = pd.DataFrame(studies())
    title = "How many questions show a gain: the more knockouts are compared, the more it takes"
    figure, axis = axes_of(6.5, 3.8, title)
    for gain, colour in zip(DRAWN, ABILITY_COLOURS, strict=False):
        for compared, dashes in DASHES.items():
            rows = seen[(seen.gain == gain) & (seen.compared == compared)]
            label = f"+{POINTS * gain:.0f} points" if compared == 1 else None
            axis.plot(rows.questions, POINTS * rows.power, dashes, color=colour, label=label)
    for name, compared in CORRECTIONS.items():
        if compared in DASHES:
            axis.plot([], [], DASHES[compared], color="black", label=name)
    axis.set_xscale("log")
    axis.set_xticks(ticks := [20, 50, 100, 200, 500, 1000, 2000, 5000], map(str, ticks))
    axis.minorticks_off()
    axis.set(xlabel="questions", ylabel="studies that find the gain (%)", ylim=(0, 101))
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    still().savefig(FIGURE)
