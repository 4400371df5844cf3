import numpy as np
import pandas as pd
import pytest

from talo_mini import load_benchmark, load_vlm, sweep
from talo_mini.studies.attribution import (
    attribution,
    confirm,
    estimated_and_exact,
    exact_change,
    mean_estimates,
    neuron_attribution,
    neuron_summary,
    proposed_neurons,
    rank_by_task,
    rank_of_parts,
    ranking,
    ranking_summary,
)

STEP = 0.01


@pytest.fixture(scope="module")
def benchmark():
    return load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=4, form="choice")


@pytest.fixture(scope="module")
def estimates(tiny, benchmark):
    return attribution(tiny, benchmark, batch=3)


@pytest.mark.parametrize("part", ["self-attention", "mlp"])
def test_it_is_the_slope_of_scaling_a_part_down(tiny, benchmark, estimates, part):
    """A small step towards zero changes the lead by that share of the estimate."""
    scaled = sweep(tiny, benchmark, parts=[part], effect=f"scale {1 - STEP}")
    slope = exact_change(scaled, benchmark).set_index(["question", "layer"]).exact / STEP
    found = estimates[estimates.part == part].set_index(["question", "layer"]).estimate
    assert np.allclose(found, slope.reindex(found.index), rtol=0.1, atol=0.05)
    assert found.abs().max() > 0.1


def test_parts_add_up(estimates):
    sums = estimates.pivot_table(index=["question", "layer"], columns="part", values="estimate")
    assert np.allclose(sums["layer"], sums["self-attention"] + sums["mlp"], atol=1e-4)
    assert len(estimates) == 8 * 4 * (3 + 4)


def test_heads_add_up_to_an_attention_without_bias(benchmark):
    found = attribution(load_vlm("llava-mini"), benchmark)
    sums = found.pivot_table(index=["question", "layer"], columns="part", values="estimate")
    heads = [name for name in sums if name.startswith("head")]
    assert len(heads) == 4 and np.allclose(
        sums[heads].sum(axis=1), sums["self-attention"], atol=1e-4
    )


def test_exact_change_is_the_difference_of_leads(tiny, benchmark):
    outcomes = sweep(tiny, benchmark)
    found = exact_change(outcomes, benchmark)
    question = benchmark.questions[0]
    scores = {
        row.layer: row.scores for row in outcomes[outcomes.question == question.id].itertuples()
    }
    lead = {
        layer: s[question.answer] - max(v for i, v in enumerate(s) if i != question.answer)
        for layer, s in scores.items()
    }
    for row in found[found.question == question.id].itertuples():
        assert row.exact == pytest.approx(lead[row.layer] - lead[-1])


def test_ranking_of_a_perfect_and_of_a_reversed_estimate():
    exact = [0.5, -1.0, -2.0, -3.0]
    rows = [
        dict(question=q, task=task, layer=i, exact=value, estimate=sign * value)
        for task, sign in (("good", 1), ("bad", -1))
        for q in "ab"
        for i, value in enumerate(exact)
    ]
    found = ranking(pd.DataFrame(rows), 2).set_index("task")
    assert found.correlation.to_dict() == {"good": pytest.approx(1), "bad": pytest.approx(-1)}
    assert found.found.to_dict() == {"good": True, "bad": False} and (found.luck == 0.5).all()


def test_no_trace_is_left(tiny, benchmark):
    def hooks():
        return [
            (len(module._forward_hooks), len(module._forward_pre_hooks))
            for module in tiny.model.modules()
        ]

    before = hooks()
    attribution(tiny, benchmark)
    assert hooks() == before
    assert all(parameter.grad is None for parameter in tiny.model.parameters())


def test_neurons_add_up_to_an_mlp_but_for_its_bias(benchmark):
    vlm = load_vlm("llava-mini")
    neurons = neuron_attribution(vlm, benchmark, batch=3)
    whole = attribution(vlm, benchmark)
    sums = neurons.groupby(["task", "layer"]).estimate.sum()
    expected = whole[whole.part == "mlp"].groupby(["task", "layer"]).estimate.mean()
    assert np.allclose(
        sums, expected.reindex(sums.index), atol=1e-4
    )  # llava-mini's MLPs have no bias
    assert len(neurons) == 2 * 12 * vlm.model.config.text_config.intermediate_size


def test_proposed_knockouts_are_confirmed_by_running_them(tiny, benchmark):
    proposed = pd.DataFrame(
        [("object_colour", "neuron 3", 1), ("object_colour", "neuron 4", 1), ("more", "mlp", 2)],
        columns=["task", "part", "layer"],
    )
    found = confirm(tiny, benchmark, proposed)
    assert found[["task", "part", "layer"]].values.tolist() == proposed.values.tolist()
    outcomes = sweep(tiny, benchmark, parts=["neuron 4", "mlp"])
    exact = exact_change(outcomes, benchmark).groupby(["task", "part", "layer"]).exact.mean()
    assert found.exact[1] == pytest.approx(exact["object_colour", "neuron 4", 1])
    assert found.exact[2] == pytest.approx(exact["more", "mlp", 2])


def test_rankings_are_summed_up_over_tasks():
    ranks = pd.DataFrame(
        dict(task=list("abc"), correlation=[0.2, 0.4, np.nan], found=[True, False, True], luck=0.25)
    )
    row = ranking_summary({"mlp": ranks}).iloc[0]
    assert row.rank_correlation == pytest.approx(0.3) and row.found == pytest.approx(2 / 3)
    assert row.by_luck == 0.25 and row.rank_correlation_low < 0.3 < row.rank_correlation_high
    table = pd.DataFrame(dict(task=["a"] * 3 + ["b"] * 3, estimate=[1, 2, 3] * 2))
    found = rank_by_task(table.assign(exact=[1, 2, 3, 3, 2, 1]))
    assert found["r"] == pytest.approx(0)


def test_neurons_are_proposed_on_one_half_and_confirmed_on_the_other(tiny):
    benchmark = load_benchmark("mini-worlds", tasks=["object_colour", "more"], per_task=6)
    benchmark = benchmark.subset(form="direct")
    confirmed = proposed_neurons(tiny, benchmark, 2)
    assert set(confirmed) == {"proposed", "random"}
    assert all(len(some) == 4 for some in confirmed.values())  # two of each task
    assert confirmed["proposed"].estimate.mean() > confirmed["random"].estimate.mean()
    found = neuron_summary(confirmed).set_index("kind")
    assert found.lead["random"] == pytest.approx(
        confirmed["random"].groupby("task").exact.mean().mean()
    )
    assert found.knockouts["proposed"] == 4


def test_estimates_stand_beside_what_the_outcomes_measured(tiny, benchmark):
    outcomes = sweep(tiny, benchmark, parts=["mlp", "head 1"])
    both = estimated_and_exact(tiny, benchmark, outcomes)
    assert set(both.part) == {"mlp", "head 1"} and len(both) == len(benchmark.questions) * 2 * 4
    cell = ["question", "part", "layer"]
    for column, table in (
        ("estimate", attribution(tiny, benchmark)),
        ("exact", exact_change(outcomes, benchmark)),
    ):
        wanted = table.set_index(cell)[column]
        found = both.set_index(cell)[column]
        assert found.tolist() == pytest.approx(wanted[found.index].tolist(), abs=1e-6)


BOTH = pd.DataFrame(
    [
        (question, task, part, layer, estimate, sign * estimate)
        for task, sign in (("good", 1), ("bad", -1))
        for question, more in (("a", 0.0), ("b", 1.0))
        for part, layer, value in (("mlp", 0, 1.0), ("mlp", 1, 2.0), ("head 0", 0, 4.0))
        for estimate in (value + more,)
    ],
    columns=["question", "task", "part", "layer", "estimate", "exact"],
)


def test_means_over_questions_are_by_part_and_layer():
    found = mean_estimates(BOTH)
    assert found[["part", "layer", "estimate", "exact"]].values.tolist() == [
        ["head 0", 0, 4.5, 0.0],
        ["mlp", 0, 1.5, 0.0],
        ["mlp", 1, 2.5, 0.0],
    ]


def test_parts_are_ranked_together_within_each_task():
    good, bad = (BOTH[BOTH.task == task] for task in ("good", "bad"))
    assert rank_of_parts(good, ["mlp", "head 0"])["r"] == pytest.approx(1)
    assert rank_of_parts(bad, ["mlp"])["r"] == pytest.approx(-1)
    mixed = rank_of_parts(BOTH, ["mlp"])
    assert mixed["r"] == pytest.approx(0) and mixed["low"] < 0 < mixed["high"]
    # a head that contradicts the MLPs counts only where heads are asked for
    contrary = good.assign(exact=good.exact.where(good.part == "mlp", -9.0))
    assert rank_of_parts(contrary, ["mlp"])["r"] == pytest.approx(1)
    assert rank_of_parts(contrary, ["mlp", "head 0"])["r"] == pytest.approx(-0.5)
