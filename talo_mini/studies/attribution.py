"""Estimate every knockout at once: one forward and one backward pass give the first-order effect of
each part, head and neuron.

The estimate says how the right option's lead would change if a part's output shrank to zero along
its gradient: minus the output times the gradient, summed (Nanda 2023, "attribution patching").
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from ..analysis.significance import false_discovery
from ..analysis.summaries import mean_value
from ..analysis.vectors import vectors_of_parts
from ..benchmarks.questions import Benchmark, parted
from ..engine.sweep import sweep
from ..errors import whole_number
from ..interventions.hooks import first_of
from ..models.parts import Part
from ..models.temporary import held
from ..models.vlm import VLM
from ..outcomes.table import BASE, UNSCORED
from ..progress import progress


def attribution(vlm: VLM, benchmark: Benchmark, batch: int = 32) -> pd.DataFrame:
    """The estimated change of each question's lead, in nats, for each part, layer and head of the
    decoder.

    Columns: question, task, part ("self-attention", "mlp", "layer", "head 3", ...), layer,
    estimate. A layer's estimate is the sum of its parts. Heads are left out where they cannot be
    told apart.
    """
    tables = []
    for questions, (name, i, heads), product in _products(vlm, benchmark, batch, _parts_and_heads):
        columns = (
            product.unflatten(1, (heads, -1)).sum(2) if heads else product.sum(1, keepdim=True)
        )
        for head, values in enumerate(columns.T.tolist()):
            tables.append(
                pd.DataFrame(
                    dict(
                        question=[q.id for q in questions],
                        task=[q.task for q in questions],
                        part=f"head {head}" if heads else name,
                        layer=i,
                        estimate=values,
                    )
                )
            )
    table = pd.concat(tables, ignore_index=True)
    whole = (
        table[~table.part.str.startswith("head")]
        .groupby(["question", "task", "layer"], sort=False)
        .estimate.sum()
    )
    return pd.concat([table, whole.reset_index().assign(part="layer")], ignore_index=True)


def neuron_attribution(vlm: VLM, benchmark: Benchmark, batch: int = 32) -> pd.DataFrame:
    """The estimated change of the lead, in nats, for each neuron of the decoder's MLPs, averaged
    over a task's questions.

    Columns: task, part ("neuron 7"), layer, estimate. MLPs whose neurons cannot be told apart
    (mixtures of experts) are left out.
    """
    sums, counts = {}, Counter(question.task for question in benchmark.questions)
    for questions, (_, i, _), product in _products(vlm, benchmark, batch, _neurons):
        for question, row in zip(questions, product.cpu().numpy(), strict=True):
            sums[question.task, i] = sums.get((question.task, i), 0) + row
    return pd.concat(
        [
            pd.DataFrame(
                dict(
                    task=task,
                    part=[f"neuron {n}" for n in range(len(total))],
                    layer=i,
                    estimate=total / counts[task],
                )
            )
            for (task, i), total in sums.items()
        ],
        ignore_index=True,
    )


def confirm(vlm: VLM, benchmark: Benchmark, proposed: pd.DataFrame) -> pd.DataFrame:
    """What proposed knockouts (task, part, layer) truly do to their task: the columns of
    `interaction_vectors`, part and exact.

    `exact` is the mean change of the lead, in nats. q is over all that were proposed.
    """
    tables = []
    for task, group in progress(
        list(proposed.groupby("task", sort=False)), desc="confirming", unit="task"
    ):
        questions = benchmark.subset(tasks=[task])
        outcomes = sweep(vlm, questions, parts=list(zip(group.part, group.layer, strict=True)))
        exact = exact_change(outcomes, questions).groupby(["part", "layer"]).exact.mean()
        vectors = vectors_of_parts(outcomes, group.part.unique())
        tables.append(vectors.join(exact, on=["part", "layer"]))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(q=false_discovery(table.p, table.delta))


def _products(vlm, benchmark, batch, places):
    """For each batch of questions and each place: minus its values times their gradient, summed
    over positions, [questions, width].
    """
    parts = list(parted(benchmark.questions, whole_number("batch", batch)))
    for questions in progress(parts, desc="attribution", unit="batch"):
        taken = {}
        takers = (
            (register, _taking(taken, key))
            for register, key in places(vlm.anatomy.stacks["decoder"])
        )
        inputs = vlm.inputs(questions, benchmark.prompt)
        with held(takers), torch.enable_grad():
            logits = vlm.model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]
            leads = sum(
                vlm.lead(question, row)
                for question, row in zip(questions, logits.float().log_softmax(-1), strict=True)
            )
            gradients = torch.autograd.grad(leads, list(taken.values()))
        for (key, tensor), gradient in zip(taken.items(), gradients, strict=True):
            yield (
                questions,
                key[:3],
                -(tensor * gradient)
                .detach()
                .float()
                .reshape(len(questions), -1, tensor.shape[-1])
                .sum(1),
            )


def _parts_and_heads(layers):
    """(method that registers, (part, layer, heads, path)): the outputs of all parts, and what
    attentions write them from.
    """
    for i, layer in enumerate(layers):
        for name, part in layer.parts.items():
            for path in part.modules:
                yield part.added(path).register_forward_hook, (name, i, 0, path)
                if name == "self-attention" and part.heads and path in part.projections:
                    yield (
                        part.projections[path].register_forward_pre_hook,
                        (name, i, part.heads, path),
                    )


def _neurons(layers):
    """The same for what the output projections of MLPs read."""
    for i, layer in enumerate(layers):
        for path, projection in layer.parts.get("mlp", Part({})).projections.items():
            yield projection.register_forward_pre_hook, ("mlp", i, 0, path)


def exact_change(outcomes: pd.DataFrame, benchmark: Benchmark) -> pd.DataFrame:
    """The measured change of each question's lead, in nats: question, task, part, layer, exact.
    Unscored rows are left out.
    """
    answers = {question.id: question.answer for question in benchmark.questions}
    scored_rows = outcomes[outcomes.answer != UNSCORED]
    leads = [
        scores[answers[name]] - np.delete(scores, answers[name]).max()
        for name, scores in zip(
            scored_rows.question, scored_rows.scores.map(np.asarray), strict=True
        )
    ]
    scored_rows = scored_rows.assign(exact=leads)
    base = scored_rows[scored_rows.layer == BASE].set_index("question").exact
    knocked = scored_rows[scored_rows.layer != BASE]
    return knocked.assign(exact=knocked.exact - knocked.question.map(base))[
        ["question", "task", "part", "layer", "exact"]
    ].dropna()


def estimated_and_exact(vlm: VLM, benchmark: Benchmark, outcomes: pd.DataFrame) -> pd.DataFrame:
    """`attribution` beside `exact_change` for every question and knockout that the outcomes hold.

    Columns: question, task, part, layer, estimate, exact (nats).
    """
    cell = ["question", "task", "part", "layer"]
    estimates, exact = attribution(vlm, benchmark), exact_change(outcomes, benchmark)
    return estimates.merge(exact, on=cell, validate="many_to_one")


def mean_estimates(both: pd.DataFrame) -> pd.DataFrame:
    """The means over questions of `estimated_and_exact`: part, layer, estimate, exact (nats)."""
    return both.groupby(["part", "layer"], as_index=False)[["estimate", "exact"]].mean()


def ranking(both: pd.DataFrame, top: int) -> pd.DataFrame:
    """How well estimates rank layers, one row a task; `both` holds one part's question, task,
    layer, estimate and exact.

    Columns: task, correlation (Spearman, of the means over questions), found (the layer whose
    knockout raises the lead most is among the `top` that the estimate puts first), luck (how often
    a random order finds it).
    """
    rows = []
    for task, group in both.groupby("task", sort=False):
        mean = group.groupby("layer")[["estimate", "exact"]].mean()
        rows.append(
            dict(
                task=task,
                correlation=mean.estimate.corr(mean.exact, method="spearman"),
                found=mean.exact.idxmax() in mean.estimate.nlargest(top).index,
                luck=min(1.0, top / len(mean)),
            )
        )
    return pd.DataFrame(rows)


def ranking_summary(ranks: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Means over tasks of `ranking` tables by part.

    Columns: part, tasks, rank_correlation and found, each with _low and _high (95% intervals over
    tasks), by_luck.
    """
    rows = []
    for part, table in ranks.items():
        rank, hit_rate = (mean_value(table[name], most=1) for name in ("correlation", "found"))
        row = dict(part=part, tasks=len(table))
        for name, mean in dict(rank_correlation=rank, found=hit_rate).items():
            row |= {name: mean["delta"], f"{name}_low": mean["low"], f"{name}_high": mean["high"]}
        rows.append(row | dict(by_luck=table.luck.mean()))
    return pd.DataFrame(rows)


def proposed_neurons(
    vlm: VLM, benchmark: Benchmark, top: int, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Neurons that the estimate proposes on half of a task's questions, knocked out on the other
    half, beside as many drawn at random.

    Halves are the first and the last questions of each task: right answers may alternate. Tables
    are those of `confirm`, with the estimate, by "proposed" and "random".
    """
    half = max(1, len(benchmark.questions) // len(benchmark.tasks) // 2)
    first = {question.id for question in benchmark.subset(per_task=half).questions}
    chosen_on, measured_on = (
        benchmark.only([q for q in benchmark.questions if (q.id in first) == own])
        for own in (True, False)
    )
    neurons = neuron_attribution(vlm, chosen_on)
    proposals = dict(
        proposed=neurons.sort_values("estimate").groupby("task").tail(top),
        random=neurons.groupby("task").sample(top, random_state=seed),
    )
    return {kind: confirm(vlm, measured_on, some).merge(some) for kind, some in proposals.items()}


def neuron_summary(confirmed: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What removing neurons of each kind does, means over tasks.

    Columns: kind, knockouts, lead (nats) with lead_low and lead_high, rises (share of knockouts
    that raise the lead), delta, low, high (accuracy, fractions), clearly_help, clearly_hurt.
    """
    rows = []
    for kind, some in confirmed.items():
        lead, change = (
            mean_value(some.groupby("task")[column].mean()) for column in ("exact", "delta")
        )
        clear = some[some.q < 0.05]
        row = dict(kind=kind, knockouts=len(some), lead=lead["delta"])
        row |= dict(lead_low=lead["low"], lead_high=lead["high"], rises=(some.exact > 0).mean())
        row |= dict(delta=change["delta"], low=change["low"], high=change["high"])
        row |= dict(clearly_help=int((clear.delta > 0).sum()))
        rows.append(row | dict(clearly_hurt=int((clear.delta < 0).sum())))
    return pd.DataFrame(rows)


def rank_by_task(table: pd.DataFrame) -> dict:
    """The rank correlation of estimate and exact change within each task, mean over tasks.

    Keys: r, low, high (95% interval over tasks).
    """
    values = table.groupby("task").apply(_rank_correlation, include_groups=False)
    correlation = mean_value(values, most=1)
    return dict(r=correlation["delta"], low=correlation["low"], high=correlation["high"])


def rank_of_parts(both: pd.DataFrame, parts: Sequence[str]) -> dict:
    """`rank_by_task` of the knockouts of these parts in all layers together, by their means over a
    task's questions; `both` is of `estimated_and_exact`.
    """
    knockouts = both[both.part.isin(parts)].groupby(["task", "part", "layer"])
    return rank_by_task(knockouts[["estimate", "exact"]].mean().reset_index())


def _rank_correlation(own):
    return own.estimate.corr(own.exact, method="spearman")


def _taking(taken, key):
    """A hook that keeps what a module hands on, or, before it runs, what it is given."""

    def hook(module, args, output=None):
        taken[key] = first_of(args if output is None else output)

    return hook
