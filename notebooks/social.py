"""The picture that other sites show of a page: one question, and the answers with and without a
head. `python notebooks/social.py` writes it to social.png.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import verdicts
from matplotlib.axes import Axes

from talo_mini import load_benchmark
from talo_mini.estimates import Estimate

NAME = "social.png"
SIZE, DOTS = (12, 6.3), 100  # inches, and dots an inch: 1200 x 630, as these sites want it
QUESTION = 1  # of the task's test questions, one on whose picture the states can be told apart
OFF, ON, INK = "#542788", "#999999", "#222222"
PAPER = dict(facecolor="white", edgecolor="none", pad=2)  # behind words that a line would cross


def draw(experiments: Path, path: Path):
    """Draw it from the results of the chapter on the head that interferes."""
    source = experiments / "23_the_head_that_interferes.json"
    results = json.loads(source.read_text(encoding="utf-8"))
    case = next(filter(verdicts.helps_to_above_chance, results["confirmed"]))
    asked = load_benchmark("mini-worlds", case["task"], QUESTION + 1, case["form"])
    question = asked.questions[QUESTION]
    figure = plt.figure(figsize=SIZE, dpi=DOTS, facecolor="white")
    picture = figure.add_axes((0.04, 0.12, 0.38, 0.72))
    picture.imshow(question.image, interpolation="nearest")
    picture.set_title(f"\u201c{question.text}\u201d", fontsize=16, color=INK)
    picture.axis("off")
    figure.text(0.48, 0.8, "talo-mini", fontsize=48, weight="bold", color=INK)
    figure.text(0.48, 0.71, "Some layers stand in the way.", fontsize=25, color=INK)
    _bars(figure.add_axes((0.48, 0.1, 0.48, 0.52)), case)
    figure.savefig(path)
    plt.close(figure)


def _bars(axes: Axes, case: dict):
    """Right answers of the whole model and without the head, and what a guess that looks has."""
    rows = {"the whole model": case["base"], f"without {case['part']}": case["accuracy"]}
    axes.barh(range(len(rows)), list(rows.values()), color=[ON, OFF], height=0.45)
    for place, (name, value) in enumerate(rows.items()):
        share = Estimate(value, unit="percent")
        words = dict(color=INK, bbox=PAPER)
        axes.text(0, place - 0.3, name, va="bottom", fontsize=18, **words)
        axes.text(value + 0.01, place, f"{share} right", va="center", fontsize=20, **words)
    axes.axvline(case["informed"], 0, 0.9, color=INK, linestyle=":")
    axes.text(case["informed"] + 0.01, 1.35, "a guess", va="center", fontsize=15, color=INK)
    axes.set(xlim=(0, 0.75), ylim=(1.5, -0.65))
    axes.axis("off")


if __name__ == "__main__":
    draw(Path(__file__).resolve().parents[1] / "book" / "experiments", Path(NAME))
