import pandas as pd

from talo_mini.analysis.counting import counted_gains


def row(delta, p, q, base_low, accuracy_low):
    """A rise or fall of a task whose informed guess is right in half of the questions."""
    return dict(
        delta=delta,
        p=p,
        q=q,
        base_low=base_low,
        accuracy_low=accuracy_low,
        informed=0.5,
        chance=0.3,
    )


def test_every_way_counts_the_rises_that_it_takes_for_gains():
    vectors = pd.DataFrame(
        [
            row(0.30, 0.001, 0.01, 0.1, 0.4),  # towards chance, by every way
            row(0.20, 0.010, 0.20, 0.4, 0.6),  # across chance, not after correction
            row(0.01, 0.500, 1.00, 0.6, 0.6),  # above chance, by the paper's way alone
            row(0.005, 0.04, 0.04, 0.6, 0.6),  # less than a point, and yet clear
            row(-0.3, 0.001, 0.01, 0.6, 0.3),  # no rise
            row(0.00, 1.000, 1.00, 0.6, 0.6),
        ]
    )
    counts = counted_gains(vectors)
    assert counts.to_dict("index") == {
        "at least 1 point": {"towards chance": 1, "across chance": 1, "above chance": 1},
        "p < 0.05": {"towards chance": 1, "across chance": 1, "above chance": 1},
        "false-discovery rate 5%": {"towards chance": 1, "across chance": 0, "above chance": 1},
    }


def test_where_nothing_rises_nothing_is_counted():
    counts = counted_gains(pd.DataFrame([row(-0.3, 0.001, 0.01, 0.6, 0.3)]))
    assert counts.shape == (3, 3) and not counts.to_numpy().any()
