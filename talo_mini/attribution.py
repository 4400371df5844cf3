"""Estimate every knockout at once: one forward and one backward pass give the first-order effect of each part and head.

The estimate says how the right option's lead would change if a part's output shrank to zero along its gradient: minus the
output times the gradient, summed (Nanda 2023, "attribution patching").
"""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import torch
from torch import nn

from .anatomy import output_projection
from .outcomes import BASE, UNSCORED
from .progress import progress
from .questions import Benchmark
from .vlm import VLM


def attribution(vlm: VLM, benchmark: Benchmark, batch: int = 32) -> pd.DataFrame:
    """The estimated change of each question's lead, in nats, for each part, layer and head of the decoder.

    Columns: question, task, part ("self-attention", "mlp", "layer", "head 3", ...), layer, estimate. A layer's estimate is
    the sum of its parts. Heads are left out where they cannot be told apart.
    """
    tables = []
    for start in progress(range(0, len(benchmark.questions), batch), desc="attribution", unit="batch"):
        questions = benchmark.questions[start:start + batch]
        taken = {}
        with ExitStack() as hooks, torch.enable_grad():
            for i, layer in enumerate(vlm.anatomy.stacks["decoder"]):
                for name, part in layer.parts.items():
                    for path, module in part.modules.items():
                        hooks.callback(module.register_forward_hook(_taking_output(taken, (name, i, path))).remove)
                        heads = module if isinstance(module, nn.Linear) else output_projection(module)
                        if name == "self-attention" and part.heads and heads is not None:
                            hooks.callback(heads.register_forward_pre_hook(_taking_input(taken, ("heads", i, path), part.heads)).remove)
            logits = vlm.model(**vlm.inputs(questions, benchmark.prompt), use_cache=False, logits_to_keep=1).logits[:, -1]
            leads = sum(vlm.lead(question, row) for question, row in zip(questions, logits.float().log_softmax(-1)))
            gradients = torch.autograd.grad(leads, [tensor for tensor, _ in taken.values()])
        for (key, (tensor, heads)), gradient in zip(taken.items(), gradients):
            product = -(tensor * gradient).detach().float().reshape(len(questions), -1, tensor.shape[-1]).sum(1)
            columns = product.unflatten(1, (heads, -1)).sum(2) if heads else product.sum(1, keepdim=True)
            for head, values in enumerate(columns.T.tolist()):
                name, i = f"head {head}" if heads else key[0], key[1]
                tables.append(pd.DataFrame(dict(question=[q.id for q in questions], task=[q.task for q in questions],
                                                part=name, layer=i, estimate=values)))
    table = pd.concat(tables, ignore_index=True)
    whole = table[~table.part.str.startswith("head")].groupby(["question", "task", "layer"], sort=False).estimate.sum()
    return pd.concat([table, whole.reset_index().assign(part="layer")], ignore_index=True)


def exact_change(outcomes: pd.DataFrame, benchmark: Benchmark) -> pd.DataFrame:
    """The measured change of each question's lead, in nats: question, task, part, layer, exact. Unscored rows are left out."""
    answers = {question.id: question.answer for question in benchmark.questions}
    kept = outcomes[outcomes.answer != UNSCORED]
    leads = [scores[answers[name]] - np.delete(scores, answers[name]).max()
             for name, scores in zip(kept.question, kept.scores.map(np.asarray))]
    kept = kept.assign(exact=leads)
    base = kept[kept.layer == BASE].set_index("question").exact
    knocked = kept[kept.layer != BASE]
    return knocked.assign(exact=knocked.exact - knocked.question.map(base))[["question", "task", "part", "layer", "exact"]].dropna()


def ranking(both: pd.DataFrame, top: int) -> pd.DataFrame:
    """How well estimates rank layers, one row a task; `both` holds one part's question, task, layer, estimate and exact.

    Columns: task, correlation (Spearman, of the means over questions), found (the layer whose knockout raises the lead most
    is among the `top` that the estimate puts first), luck (how often a random order finds it).
    """
    rows = []
    for task, group in both.groupby("task", sort=False):
        mean = group.groupby("layer")[["estimate", "exact"]].mean()
        rows.append(dict(task=task, correlation=mean.estimate.corr(mean.exact, method="spearman"),
                         found=mean.exact.idxmax() in mean.estimate.nlargest(top).index, luck=min(1.0, top / len(mean))))
    return pd.DataFrame(rows)


def _taking_output(taken, key):
    def hook(module, args, output):
        taken[key] = (output[0] if isinstance(output, tuple) else output), 0
    return hook


def _taking_input(taken, key, heads):
    def hook(module, args):
        taken[key] = args[0], heads
    return hook
