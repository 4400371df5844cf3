"""Small files with the columns of ScienceQA and MMStar, drawn from the mini worlds, for where the
Hub is out of reach.
"""

import os
from pathlib import Path

import pandas as pd

from talo_mini import load_benchmark
from talo_mini.benchmarks.questions import LETTERS

MAPS = ("map_name", "map_north", "map_south", "map_east", "map_west")
VARIED = (
    "object_colour",
    "object_shape",
    "count_colour",
    "count_shape",
    "chart_tallest",
    "chart_shortest",
)


def scienceqa(per_task: int) -> pd.DataFrame:
    """Map questions as the category "Maps"."""
    questions = load_benchmark(
        "mini-worlds", tasks=_known(MAPS), per_task=per_task, form="choice"
    ).questions
    return pd.DataFrame(
        [
            dict(
                image=_image(q),
                question=q.text,
                choices=list(q.options),
                answer=q.answer,
                hint="",
                subject="social science",
                category="Maps",
            )
            for q in questions
        ]
    )


def mmstar(per_task: int) -> pd.DataFrame:
    """Six tasks as l2 categories, options in the question's text."""
    benchmark = load_benchmark(
        "mini-worlds", tasks=_known(VARIED), per_task=per_task, form="choice"
    )
    return pd.DataFrame(
        [
            dict(
                index=i,
                image=_image(q),
                answer=LETTERS[q.answer],
                category=benchmark.task(q.task).ability,
                l2_category=q.task,
                question=f"{q.text}\nOptions: {_lettered(q.options)}",
            )
            for i, q in enumerate(benchmark.questions)
        ]
    )


def _lettered(options):
    pairs = zip(LETTERS, options, strict=False)
    return ", ".join(f"{letter}: {option}" for letter, option in pairs)


def _image(question):
    return {"bytes": question.image_bytes, "path": None}


def _known(wanted):
    from talo_mini.benchmarks.mini_worlds import TASKS

    return [task.name for task in TASKS if task.name in wanted]


def write(folder: Path, per_task: int = 40):
    """Write both below `folder`, where they are not there as they would be drawn today."""
    for name, make in (("scienceqa", scienceqa), ("mmstar", mmstar)):
        path, drawn = folder / name / "part-0.parquet", make(per_task).to_parquet()
        if path.exists() and path.read_bytes() == drawn:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{name}.{os.getpid()}"  # several chapters may write at once
        unfinished.write_bytes(drawn)
        unfinished.replace(path)
