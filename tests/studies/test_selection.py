import numpy as np
import pandas as pd
import pytest

from talo_mini import BadInput, load_benchmark, load_vlm, sweep
from talo_mini.analysis import choose_layer
from talo_mini.analysis.pairs import interactions
from talo_mini.analysis.talo import NONE
from talo_mini.benchmarks.questions import Benchmark, Question, Task
from talo_mini.interventions.names import pair_parts
from talo_mini.outcomes.table import BASE, correctness
from talo_mini.studies.selection import bypass_gain, greedy_gains, greedy_layers, select_layer


@pytest.mark.parametrize("task", ["chart_shortest", "table_smallest", "digit_sum"])
def test_it_chooses_what_a_full_sweep_does_and_saves_work(task):
    vlm = load_vlm("llava-mini")
    probe = load_benchmark("mini-worlds-train", tasks=[task], per_task=20, form="direct")
    right, knocked = correctness(sweep(vlm, probe), task, "self-attention")
    wanted = choose_layer(right.to_numpy(), knocked.to_numpy())
    found, saved = select_layer(vlm, probe)
    assert found == wanted and 0 <= saved <= 1
    if task == "digit_sum":
        assert saved > 0.5


def test_on_any_outcomes(tiny, monkeypatch):
    """Whatever is right, the choice is that of the full table."""
    rng = np.random.default_rng(0)
    questions = tuple(Question(f"q{i}", "t", b"", "?", ("a", "b"), 0) for i in range(18))
    saved = []
    for trial in range(60):
        ease = rng.random(5)
        table = pd.DataFrame(
            rng.random((18, 5)) < ease, index=[q.id for q in questions], columns=[BASE, 0, 1, 2, 3]
        )

        def told(vlm, probe, parts, layers, cache=None, table=table):
            return pd.DataFrame(
                [
                    dict(layer=layer, question=q.id, correct=table.loc[q.id, layer], answer=0)
                    for q in probe.questions
                    for layer in (BASE, *layers)
                ]
            )

        monkeypatch.setattr("talo_mini.studies.selection.sweep", told)
        found, share = select_layer(
            tiny, Benchmark("b", (Task("t", "a"),), questions), step=1 + trial % 5
        )
        assert found == choose_layer(table[BASE].to_numpy(), table.drop(columns=BASE).to_numpy())
        saved.append(share)
        if table[BASE].all():
            assert found == NONE
    assert max(saved) > 0.3 and min(saved) >= 0


def test_no_such_part(tiny):
    with pytest.raises(BadInput, match="has a part 'cross-attention'"):
        select_layer(
            tiny,
            load_benchmark("mini-worlds", tasks=["more"], per_task=4, form="choice"),
            "cross-attention",
        )


@pytest.mark.parametrize("step", [0, -1, 1.5, "4"])
def test_a_step_is_a_number_of_questions(tiny, step):
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour"], per_task=2, form="direct")
    with pytest.raises(BadInput, match=r"step is .*; it is a whole number from 1 on"):
        select_layer(tiny, benchmark, step=step)


def test_a_sweep_of_pairs_and_greedy_sets(tiny):
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=12, form="choice")
    outcomes = sweep(tiny, benchmark, parts=pair_parts(tiny.anatomy, "mlp"))
    assert len(interactions(outcomes, "mlp")) == 6
    chosen = greedy_layers(tiny, benchmark, "mlp", most=2)
    alone = outcomes[outcomes.part == "mlp"].groupby("layer").correct.mean()
    base = outcomes[outcomes.layer == BASE].correct.mean()
    assert bool(chosen) == (alone.max() > base)
    ends = sweep(
        tiny, benchmark, parts=["mlp and 0, 3"], layers=[1, 2]
    )  # a third layer may lie between the two
    assert set(ends.layer) == {BASE, 1, 2} and np.isfinite(np.concatenate(list(ends.scores))).all()
    change = bypass_gain(tiny, benchmark, [0, 2], "mlp")
    pair = outcomes[(outcomes.part == "mlp and 0") & (outcomes.layer == 2)].correct.mean()
    assert (
        change.mean() == pytest.approx(pair - base) and not bypass_gain(tiny, benchmark, []).any()
    )


def test_the_change_of_each_question_keeps_their_order(tiny):
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=12, form="choice")
    outcomes = (
        sweep(tiny, benchmark, parts=["mlp"], layers=[1])
        .set_index(["layer", "question"])
        .correct.astype(int)
    )
    wanted = [outcomes[1, q.id] - outcomes[BASE, q.id] for q in benchmark.questions]
    assert bypass_gain(tiny, benchmark, [1], "mlp").tolist() == wanted


def test_greedy_takes_the_best_and_stops(tiny, monkeypatch):
    """Accuracy by set is known: 2 helps, 0 with it helps more, no third does."""
    known = {(): 0.4, (2,): 0.6, (0, 2): 0.8}

    def told(vlm, probe, parts, layers, cache=None):
        others = (
            tuple(map(int, parts[0].partition(" and ")[2].split(", ")))
            if " and " in parts[0]
            else ()
        )
        cells = [((), BASE), *((tuple(sorted((*others, i))), i) for i in layers)]
        return pd.DataFrame(
            [
                dict(layer=i, answer=0, correct=q < 10 * known.get(key, 0.3))
                for key, i in cells
                for q in range(10)
            ]
        )

    monkeypatch.setattr("talo_mini.studies.selection.sweep", told)
    assert greedy_layers(tiny, None, most=3) == [0, 2] and greedy_layers(tiny, None, most=1) == [2]


def test_greedy_layers_end_where_layers_do(tiny, monkeypatch):
    with pytest.raises(BadInput, match="has a part 'cross-attention'"):
        greedy_layers(tiny, None, "cross-attention")

    def told(vlm, probe, parts, layers, cache=None):
        return pd.DataFrame(
            [
                dict(layer=BASE, answer=0, correct=False),
                *(
                    dict(layer=i, answer=0, correct=q < 10 - len(layers))
                    for i in layers
                    for q in range(10)
                ),
            ]
        )

    monkeypatch.setattr("talo_mini.studies.selection.sweep", told)
    assert greedy_layers(tiny, None, most=9) == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["direct", None])
def test_greedy_sets_are_measured_on_pictures_that_chose_none(tiny, form):
    """Also where both forms of a question are about one picture."""
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=12)
    benchmark = benchmark.subset(form=form)
    found = greedy_gains(tiny, benchmark, shots=6, tasks=1, most=2)
    row = found.iloc[0]
    assert len(found) == 1 and len(row.layers) <= 2
    _, rest = benchmark.subset(tasks=[row.task]).split(6)
    change = bypass_gain(tiny, rest, row.layers)
    assert row.delta == pytest.approx(change.mean())
    assert row.accuracy == pytest.approx(row.base + row.delta)
    assert row.probe_gain >= 0 and row.low <= row.delta <= row.high


def test_the_interval_of_a_greedy_set_counts_pictures(tiny, monkeypatch):
    """Both forms of a question change alike: twice the questions say no more."""
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=24)
    monkeypatch.setattr("talo_mini.studies.selection.greedy_layers", lambda *_: [1])
    monkeypatch.setattr(
        "talo_mini.studies.selection.bypass_gain",
        lambda vlm, asked, *_: np.array([sum(q.image_bytes) % 3 - 1 for q in asked.questions]),
    )
    widths = []
    for form in ("direct", None):
        row = greedy_gains(tiny, benchmark.subset(form=form), shots=6, tasks=1).iloc[0]
        widths.append(row.high - row.low)
    assert widths[1] > 0.8 * widths[0]
