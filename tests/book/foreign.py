"""A model and questions that no notebook knows: a checkpoint of another family, and a table of one
form, eight categories and pictures that questions share.
"""

import json

import pandas as pd
import papermill
from checkpoints import CHECKPOINTS, save_checkpoint
from drawings import png
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

SMALL = dict(
    QUESTIONS=6,
    SHOTS=3,
    OTHER_SHOTS=[2],
    EFFECT_TASKS=None,
    EFFECT_QUESTIONS=3,
    HARDER=[],
    DRAWS=3,
    PERMUTATIONS=20,
    CASES=1,
    GREEDY_TASKS=1,
    MOST=2,
    LONG_QUESTIONS=6,
    TOP=1,
    METHODS=["talo", "lora"],
    EFFECTS=["zero", "scale 0.5"],
    PARTS=["self-attention"],
    OTHER_PARTS=["mlp"],
    ROOM_TASKS=["kind 0", "kind 1"],
    ROOM_SHOTS=[3],
    ROOM_QUESTIONS=6,
    PLANTS=0,  # faults are planted in llava-mini only
    TASKS=None,
    FORM="choice",
    FORMS=["choice"],
    PROMPT="vlmevalkit",
    MAX_PIXELS=None,
    SOURCE=None,
)
WHOLE_PARTS = ("14_four_architectures", "15_inside_the_layer")  # which compare them
MANY_SHOTS = ("07_how_many_shots", "10_do_no_harm", "12_against_fine_tuning")


def prepare(folder):
    """A checkpoint and a table in a folder."""
    save_checkpoint(CHECKPOINTS["idefics3"], folder / "model")
    rows = []
    for number in range(48):
        for again in range(2):
            category = f"kind {number % 8}"
            (folder / f"{number}.png").write_bytes(png((5 * number, 90, 60)))
            rows.append(
                {
                    "question": f"which number is picture {number}, {again}?",
                    "A": "one",
                    "B": "two",
                    "C": "three",
                    "answer": "ABC"[(number + again) % 3],
                    "image": f"{number}.png",
                    "category": category,
                    "l2-category": f"ability {number % 8 // 2}",
                }
            )
    pd.DataFrame(rows).to_csv(folder / "questions.csv", index=False)


def parameters(path, folder):
    """Those of a notebook's parameters that make it small and foreign."""
    known, model, table = papermill.inspect_notebook(str(path)), "model", "questions.csv"
    own = SMALL | dict(
        MODEL=str(folder / model),
        MODELS=[str(folder / model)],
        ROOM_MODEL=str(folder / model),
        BENCHMARK=str(folder / table),
        BENCHMARKS=[str(folder / table)],
        TRAIN=str(folder / table),
        LONG=str(folder / table),
        CACHE=str(folder / "cache"),
        RESULTS=str(folder / "results"),
    )
    if path.stem in MANY_SHOTS:
        own["SHOTS"] = [2, 3]
    if path.stem == "12_against_fine_tuning":
        own["DRAWS"] = 1  # each trains models
    if path.stem in WHOLE_PARTS:
        del own["PARTS"]
    return {name: value for name, value in own.items() if name in known}


def run(path, folder, kernel):
    """Execute a notebook so, in a kernel that others ran in before, emptied; its results file.

    What they imported stays, so that the libraries are loaded once.
    """
    made = parameterize_notebook(load_notebook_node(str(path)), parameters(path, folder))
    made.cells.insert(0, new_code_cell("%reset -f"))
    client = NotebookClient(made, km=kernel)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    (results,) = (folder / "results").glob("*.json")
    return json.loads(results.rename(folder / f"{path.stem}.json").read_text())
