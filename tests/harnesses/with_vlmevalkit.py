"""Run VLMEvalKit's own inference over a table with its model interface, whole and without a head,
and compare the answers with the same asked for here: `make test-vlmevalkit CHECKOUT=FOLDER`.

Its `inference`, `smp` and `dataset.image_base` are its own. Not imported are the lists of
all models and all sets, which need two hundred packages: they are empty here.
"""

import base64
import os
import sys
import tempfile
import types
from functools import partial
from pathlib import Path

import pandas as pd

from talo_mini import knockout, load_benchmark, load_vlm
from talo_mini.harnesses.vlmevalkit import Talo
from talo_mini.interventions.names import as_knockouts

PART, LAYER = "head 3", 0
QUESTIONS = 6


def packages(checkout: Path):
    """VLMEvalKit's packages without their __init__ files, and a list of models that is empty."""
    for name in ("vlmeval", "vlmeval.dataset"):
        module = types.ModuleType(name)
        module.__path__ = [str(checkout / name.replace(".", "/"))]
        sys.modules[name] = module
    config = types.ModuleType("vlmeval.config")
    config.supported_VLM = {}
    sys.modules["vlmeval.config"] = config
    return config.supported_VLM


def main(checkout: Path):
    """Write a table, let VLMEvalKit infer, compare."""
    models = packages(checkout)
    os.environ["PRED_FORMAT"] = "tsv"
    from vlmeval.dataset.image_base import ImageBaseDataset
    from vlmeval.inference import infer_data_job

    benchmark = load_benchmark("mini-worlds", ["map_west", "object_colour"], QUESTIONS, "direct")
    rows = [
        dict(
            index=number,
            image=base64.b64encode(question.image_bytes).decode(),
            question=question.text,
            answer=question.options[question.answer],
        )
        for number, question in enumerate(benchmark.questions)
    ]

    class Drawn(ImageBaseDataset):
        TYPE = "VQA"

        def load_data(self, dataset):
            return pd.DataFrame(rows)

        def evaluate(self, *args, **options):
            raise NotImplementedError

    models["whole"] = partial(Talo, "llava-mini", max_new_tokens=4)
    models["without"] = partial(models["whole"], part=PART, layer=LAYER)
    vlm = load_vlm("llava-mini")
    with tempfile.TemporaryDirectory() as folder:
        for name, known in (("whole", ()), ("without", as_knockouts(PART, "zero", LAYER))):
            infer_data_job(name, folder, name, Drawn("Drawn"))
            table = pd.read_csv(f"{folder}/{name}_Drawn.tsv", sep="\t", dtype=str)
            with knockout(vlm, *known):
                expected = vlm.generate(benchmark, "bare", max_new_tokens=4)
            found = table.prediction.fillna("").tolist()
            assert found == expected, (found, expected)
            print(f"{name}: {len(found)} answers of VLMEvalKit's inference are ours: {found[:3]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
