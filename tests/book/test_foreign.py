"""Every notebook runs with a model and questions that it does not know."""

import json
from pathlib import Path

import foreign
import pytest
import run
from jupyter_client import KernelManager

# which need faults that are planted in llava-mini, or its tables of other seeds
OF_LLAVA_MINI = (
    *("09_planted_interference", "13_fine_tuned_models"),
    *("22_seeds_and_training", "23_the_head_that_interferes"),
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    foreign.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def kernel():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    "name", [path.stem for path in run.NOTEBOOKS if path.stem not in OF_LLAVA_MINI]
)
def test_with_any_model_and_any_questions(name, folder, kernel):
    """Of one form, in eight categories, two about each picture."""
    found = foreign.run(Path(run.ROOT) / "notebooks" / f"{name}.ipynb", folder, kernel)
    assert found["model"].endswith("model") and found["benchmark"] == "questions"
    assert found["questions"] >= 8 and found["left_out"] == 0
    assert json.dumps(found, allow_nan=False)
