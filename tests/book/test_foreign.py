"""Every notebook runs with a model and questions that it does not know."""

import json
from pathlib import Path

import foreign
import pytest
import run

# which need faults that are planted in llava-mini, or its tables of other seeds
OF_LLAVA_MINI = (
    *("09_planted_interference", "13_fine_tuned_models"),
    *("22_seeds_and_training", "23_the_head_that_interferes"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    foreign.prepare(folder)
    return folder


@pytest.mark.parametrize(
    "name", [path.stem for path in run.NOTEBOOKS if path.stem not in OF_LLAVA_MINI]
)
def test_with_any_model_and_any_questions(name, folder):
    """Of one form, in eight categories, two about each picture."""
    found = foreign.run(Path(run.ROOT) / "notebooks" / f"{name}.ipynb", folder)
    assert found["model"].endswith("model") and found["benchmark"] == "questions"
    assert found["questions"] >= 8 and found["left_out"] == 0
    assert json.dumps(found, allow_nan=False)
