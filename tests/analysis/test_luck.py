import numpy as np
import pandas as pd
import pytest

from talo_mini.analysis.luck import best_beside_luck
from talo_mini.analysis.significance import mean_interval


def test_the_best_layers_beside_luck():
    """The forms of a task go together in the interval, and each counts in the mean."""
    best = pd.DataFrame(
        dict(
            task=["a", "a", "b", "c"],
            best=[0.2, 0.4, 0.0, 0.1],
            luck=[0.1, 0.1, 0.0, 0.2],
            luck_of_mild=[0.0, 0.1, 0.0, 0.1],
        )
    )
    luck = np.array([[0.01, 0.02, 0.0, 0.009], [0.03, 0.0, 0.5, -0.1]])
    found = best_beside_luck(best, luck, luck / 10)
    assert found["delta"] == pytest.approx(0.7 / 4)
    assert (found["low"], found["high"]) == pytest.approx(mean_interval([0.3, 0.0, 0.1]))
    assert found["by_luck"] == pytest.approx(0.1)
    assert found["by_luck_of_mild"] == pytest.approx(0.05)
    assert (found["fooled"], found["fooled_by_mild"]) == (4 / 8, 1 / 8)
