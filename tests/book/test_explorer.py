"""The explorer's cells are the interaction vectors of the package, its bits the outcomes."""

import explorer
import numpy as np
import outcomes
import pandas as pd
import pytest

from talo_mini import interaction_vectors, load_benchmark, sweep
from talo_mini.analysis.vectors import has_room

TASKS = ["object_colour", "map_west"]


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", TASKS, per_task=12)


@pytest.fixture(scope="module")
def table(tiny, benchmark):
    return outcomes.wide(tiny, benchmark)


def test_the_wide_table_holds_what_a_sweep_found(tiny, benchmark, table):
    assert len(table) == len(benchmark.questions) == 2 * 2 * 12
    assert list(table)[:8] == [
        *("question", "task", "ability", "trained", "form", "blind", "informed", "base")
    ]
    for form in benchmark.forms:
        own = sweep(tiny, benchmark.subset(form=form), ["mlp"])
        for layer in (0, 3):
            rows = own[(own.part == "mlp") & (own.layer == layer)].set_index("question").correct
            found = table[table.form == form].set_index("question")[f"mlp, {layer}"]
            assert (found == rows.loc[found.index]).all()


def test_cells_are_interaction_vectors(tiny, benchmark, table):
    cells = explorer.evidence(table)
    assert len(cells) == 2 * 2 * 4 * len(outcomes.PARTS)
    for form in benchmark.forms:
        for part in ("self-attention", "head 2"):
            wanted = interaction_vectors(sweep(tiny, benchmark.subset(form=form), [part]), part)
            own = cells[(cells.form == form) & (cells.part == part)]
            both = wanted.merge(own, on=["task", "layer"], suffixes=("", "_own"))
            assert len(both) == len(wanted) == len(own)
            for column in ("base", "accuracy", "delta", "low", "high", "p", "informed"):
                assert np.allclose(both[column], both[f"{column}_own"]), column
            assert (both.room == has_room(both, "base", "base_low")).all()


def test_the_published_table_has_every_cell_and_bit():
    published = pd.read_parquet(outcomes.TABLE)
    bits = explorer.right_bits(published)
    assert len(bits) == 84
    for key, columns in bits.items():
        task, form = key.split(", ")
        own = published[(published.task == task) & (published.form == form)]
        assert len(columns) == 1 + 12 * len(outcomes.PARTS)
        assert columns["head 3, 0"].count("1") == own["head 3, 0"].sum()
        assert {len(one) for one in columns.values()} == {200}
