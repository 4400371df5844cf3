import numpy as np
import pandas as pd
import pytest
from conftest import made_up_outcomes

from talo_mini import BadInput, load_benchmark, load_vlm, sweep, talo_gains
from talo_mini.outcomes import BASE
from talo_mini.pairs import WIDTH, bypass_gain, greedy_layers, interactions, pair_parts, singles_and_pairs


def made(rng, questions=400, together=None):
    """Outcomes of three layers that each break a tenth of the questions, and of their pairs."""
    right = rng.random(questions) < 0.8
    broken = rng.random((questions, 3)) < 0.1
    table = made_up_outcomes({"a": right}, {"a": right[:, None] & ~broken})
    for first, second in ((0, 1), (0, 2), (1, 2)):
        both = right & ~broken[:, first] & ~broken[:, second] if together is None else together(right)
        pair = made_up_outcomes({"a": right}, {"a": np.repeat(both[:, None], 3, 1)}, part=f"self-attention and {first}")
        table = pd.concat([table, pair[pair.layer == second]])
    return table


def test_knockouts_that_add_up_show_no_interaction():
    found = pd.concat([interactions(made(np.random.default_rng(seed)), "self-attention") for seed in range(60)])
    overlap = 0.8 * 0.1 * 0.1  # questions that both break count once
    assert found.interaction.mean() == pytest.approx(overlap, abs=0.003)
    assert ((found.low < overlap) & (overlap < found.high)).mean() > 0.85


def test_backup_is_found():
    found = interactions(made(np.random.default_rng(0), together=lambda right: right & (np.arange(len(right)) % 2 == 0)), "self-attention")
    assert (found.q < 0.001).all() and (found.interaction < -0.1).all()
    assert np.allclose(found.together - found.added, found.interaction)


def test_a_missing_pair_is_named():
    table = made(np.random.default_rng(0))
    with pytest.raises(BadInput, match="layers 0 and 2 were not knocked out together"):
        interactions(table[~((table.part == "self-attention and 0") & (table.layer == 2))], "self-attention")


def test_pairs_compete_with_single_layers():
    table = singles_and_pairs(made(np.random.default_rng(0), together=lambda right: np.ones(len(right), bool)), "self-attention")
    assert set(table.layer) == {BASE, 0, 1, 2, WIDTH + 1, WIDTH + 2, 2 * WIDTH + 2}
    gains = talo_gains(table, shots=20, draws=5).iloc[0]
    assert gains.layer == WIDTH + 1 and gains.delta == pytest.approx(1 - gains.base, abs=0.005)


def test_a_sweep_of_pairs_and_greedy_sets(tiny):
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=12, form="choice")
    outcomes = sweep(tiny, benchmark, parts=pair_parts(tiny.anatomy, "mlp"))
    assert len(interactions(outcomes, "mlp")) == 6
    chosen = greedy_layers(tiny, benchmark, "mlp", most=2)
    alone = outcomes[outcomes.part == "mlp"].groupby("layer").correct.mean()
    base = outcomes[outcomes.layer == BASE].correct.mean()
    assert bool(chosen) == (alone.max() > base)
    ends = sweep(tiny, benchmark, parts=["mlp and 0, 3"], layers=[1, 2])  # a third layer may lie between the two
    assert set(ends.layer) == {BASE, 1, 2} and np.isfinite(np.concatenate(list(ends.scores))).all()
    change = bypass_gain(tiny, benchmark, [0, 2], "mlp")
    pair = outcomes[(outcomes.part == "mlp and 0") & (outcomes.layer == 2)].correct.mean()
    assert change.mean() == pytest.approx(pair - base) and not bypass_gain(tiny, benchmark, []).any()


def test_layers_without_the_part_are_left_out():
    anatomy = load_vlm("mllama-mini").anatomy
    crossed = [i for i, layer in enumerate(anatomy.stacks["decoder"]) if "cross-attention" in layer.parts]
    assert pair_parts(anatomy, "cross-attention") == ["cross-attention", *(f"cross-attention and {i}" for i in crossed[:-1])]


def test_the_change_of_each_question_keeps_their_order(tiny):
    benchmark = load_benchmark("mini-worlds", tasks=["more"], per_task=12, form="choice")
    outcomes = sweep(tiny, benchmark, parts=["mlp"], layers=[1]).set_index(["layer", "question"]).correct.astype(int)
    wanted = [outcomes[1, q.id] - outcomes[BASE, q.id] for q in benchmark.questions]
    assert bypass_gain(tiny, benchmark, [1], "mlp").tolist() == wanted


def test_greedy_takes_the_best_and_stops(tiny, monkeypatch):
    """Accuracy by set is known: 2 helps, 0 with it helps more, no third does."""
    known = {(): 0.4, (2,): 0.6, (0, 2): 0.8}

    def told(vlm, probe, parts, layers, cache=None):
        others = tuple(map(int, parts[0].partition(" and ")[2].split(", "))) if " and " in parts[0] else ()
        cells = [((), BASE), *((tuple(sorted((*others, i))), i) for i in layers)]
        return pd.DataFrame([dict(layer=i, correct=q < 10 * known.get(key, 0.3)) for key, i in cells for q in range(10)])

    monkeypatch.setattr("talo_mini.pairs.sweep", told)
    assert greedy_layers(tiny, None, most=3) == [0, 2] and greedy_layers(tiny, None, most=1) == [2]
