"""What is clear has a q below 5%, in one direction or the other."""

import pandas as pd

from talo_mini.analysis.clear import clear_counts, clear_gains

TABLE = pd.DataFrame(
    dict(delta=[0.2, -0.3, -0.1, 0.4, 0.1, 0.0], q=[0.01, 0.001, 0.04, 0.2, 0.05, 0.01])
)


def test_gains_and_losses_are_counted_apart():
    assert clear_gains(TABLE).delta.tolist() == [0.2]
    assert clear_counts(TABLE) == (2, 1)
    assert clear_counts(TABLE[:0]) == (0, 0)
