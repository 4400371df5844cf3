"""Look inside a model: where an answer is won, where it looks, what a part writes."""

import numpy as np
import pandas as pd
import torch

from ..analysis.significance import accuracy_interval, column_intervals
from ..benchmarks import load_benchmark
from ..benchmarks.questions import Benchmark, parted
from ..engine.replay import Replay
from ..engine.sweep import sweep
from ..errors import BadInput, whole_number
from ..interventions.knockout import Knockout, knockout
from ..models.eager import telling_weights
from ..models.parts import Part
from ..models.temporary import held
from ..models.vlm import VLM
from ..outcomes.table import BASE
from .attribution import attribution
from .planting import Plant, planted

BATCH = 64


@torch.inference_mode()
def logit_lens(vlm: VLM, benchmark: Benchmark, batch: int = 64) -> pd.DataFrame:
    """The right option's lead, in nats, if the model stopped before each layer: question, task,
    layer, lead.

    The last row of a question, with the number of layers as its layer, is the whole model. Source:
    nostalgebraist 2020. Raises CannotReplay where the decoder's hidden states do not lead to its
    logits through one norm.
    """
    tables = []
    for questions in parted(benchmark.questions, whole_number("batch", batch)):
        replay = Replay(vlm.model, vlm.anatomy, vlm.inputs(questions, benchmark.prompt))
        for layer, logits in enumerate(
            [*(replay.ending.head(args[0][:, -1]) for args, _ in replay.calls), replay.base.float()]
        ):
            logs = logits.log_softmax(-1)
            leads = [vlm.lead(q, row).item() for q, row in zip(questions, logs, strict=True)]
            tables.append(
                pd.DataFrame(
                    dict(
                        question=[q.id for q in questions],
                        task=[q.task for q in questions],
                        layer=layer,
                        lead=leads,
                    )
                )
            )
    return pd.concat(tables, ignore_index=True)


def lens_with(
    vlm: VLM, benchmark: Benchmark, knocked: Knockout
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The leads of `logit_lens` without and with a knockout, [questions, layers] each."""
    before = logit_lens(vlm, benchmark)
    with knockout(vlm.anatomy, knocked):
        after = logit_lens(vlm, benchmark)
    return tuple(
        table.pivot(index="question", columns="layer", values="lead") for table in (before, after)
    )


@torch.inference_mode()
def attention_shares(vlm: VLM, benchmark: Benchmark, batch: int = 64) -> pd.DataFrame:
    """Where the answer's position looks, mean over heads: question, task, layer, picture, first
    (token), rest; they sum to 1.

    Runs with eager attention, which tells its weights, and puts the model's own way back. Raises
    BadInput where the pictures are no tokens of the decoder (cross-attention) or the weights are
    not told.
    """
    token = getattr(vlm.model.config, "image_token_id", None)
    stack = vlm.anatomy.stacks["decoder"]
    crossed = any("cross-attention" in layer.parts for layer in stack)
    tables = []
    seen: dict = {}
    with telling_weights(vlm.model), held(_weights_into(seen, stack)):
        for questions in parted(benchmark.questions, whole_number("batch", batch)):
            inputs = vlm.inputs(questions, benchmark.prompt)
            vlm.last_logits(inputs)
            pictures = inputs["input_ids"] == token
            if crossed or not pictures.any() or any(weights is None for weights in seen.values()):
                raise BadInput(
                    f"{vlm.name}: the attention of the answer to the picture cannot be read; "
                    "its pictures are no "
                    "tokens of the decoder, or its attention does not tell its weights"
                )
            first = inputs["attention_mask"].argmax(1, keepdim=True)
            for layer, weights in seen.items():
                row = weights[:, :, -1].float().mean(1)  # [questions, tokens]
                picture, sink = (row * pictures).sum(1), row.gather(1, first)[:, 0]
                tables.append(
                    pd.DataFrame(
                        dict(
                            question=[q.id for q in questions],
                            task=[q.task for q in questions],
                            layer=layer,
                            picture=picture.tolist(),
                            first=sink.tolist(),
                            rest=(row.sum(1) - picture - sink).tolist(),
                        )
                    )
                )
    return pd.concat(tables, ignore_index=True)


def _weights_into(seen, stack):
    """Hooks that note the attention weights of each layer, None where they are not told."""

    def noting(i):
        def hook(module, args, output):
            seen[i] = output[1] if isinstance(output, tuple) else None

        return hook

    for i, layer in enumerate(stack):
        for module in layer.parts.get("self-attention", Part({})).modules.values():
            yield module.register_forward_hook, noting(i)


@torch.inference_mode()
def written_words(
    vlm: VLM, benchmark: Benchmark, layer: int, part: str = "self-attention", top: int = 5
) -> list[str]:
    """The words that a part promotes at the answer's position, on average over the questions, the
    strongest first, a word with and without a space before it once.

    Its output is read through the output embeddings, without the final norm.
    """
    written = []

    def keep(module, args, output):
        written.append((output[0] if isinstance(output, tuple) else output)[:, -1].float().sum(0))

    modules = vlm.anatomy.part(part, layer).modules
    for questions in parted(benchmark.questions, BATCH):
        inputs = vlm.inputs(questions, benchmark.prompt)
        with held((module.register_forward_hook, keep) for module in modules.values()):
            vlm.last_logits(inputs)
    embeddings = vlm.model.get_output_embeddings()
    logits = embeddings(sum(written).to(embeddings.weight.dtype))
    tokenizer = vlm.processor.tokenizer
    strongest = logits.argsort(descending=True)[: 4 * top].tolist()
    words = dict.fromkeys(tokenizer.decode([token]).strip() for token in strongest)
    return [word for word in words if word][:top]


def looks_at_case(
    vlm: VLM, benchmark: Benchmark, layer: int, part: str = "self-attention", cache=None
) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """One layer on the questions of one task: what leaving it out changes, and what it does.

    Keys: lead and lead_without (final, mean over questions, nats), estimate (of attribution, nats),
    delta (accuracy without the layer minus the base model's, fractions), picture, first and text
    (shares of the answer's attention in this layer), picture_elsewhere (in the others), writes
    (words that the part promotes). And the leads before and after, [questions, layers passed].
    """
    before, after = lens_with(vlm, benchmark, Knockout(part, layer))
    costs = attribution(vlm, benchmark).query("part == @part and layer == @layer").estimate
    right = sweep(vlm, benchmark, parts=[part], layers=[layer], cache=cache)
    right = right.groupby("layer").correct.mean()
    shares = attention_shares(vlm, benchmark).groupby("layer")[["picture", "first", "rest"]].mean()
    own = shares.loc[layer]
    looked = dict(lead=before.iloc[:, -1].mean(), lead_without=after.iloc[:, -1].mean())
    looked |= dict(estimate=costs.mean(), delta=right[layer] - right[BASE])
    looked |= dict(picture=own.picture, first=own["first"], text=own.rest)
    looked |= dict(picture_elsewhere=shares.picture.drop(layer).mean())
    looked |= dict(writes=" ".join(written_words(vlm, benchmark, layer, part)))
    return looked, before, after


def looks_at_cases(
    vlm: VLM, benchmark: Benchmark, cases: pd.DataFrame, part: str = "self-attention", cache=None
) -> tuple[pd.DataFrame, list[tuple[pd.DataFrame, pd.DataFrame]]]:
    """`looks_at_case` for each row of a table with columns task, form and layer.

    That table with a look's keys as further columns (its delta takes the place of the table's), and
    of each row the leads before and after. Raises BadInput where the
    benchmark has no question of a case's task and form.
    """
    looks, leads = [], []
    for case in cases.itertuples():
        own = [q for q in benchmark.questions if (q.task, q.form) == (case.task, case.form)]
        if not own:
            raise BadInput(f"{benchmark.name} has no question of {case.task}, {case.form} form")
        looked, before, after = looks_at_case(vlm, benchmark.only(own), case.layer, part, cache)
        looks.append(looked)
        leads.append((before, after))
    named = cases.drop(columns="delta", errors="ignore").reset_index(drop=True)
    return named.join(pd.DataFrame(looks)), leads


def looks_at_plants(
    vlm: VLM, plants: list[Plant], strength: float, per_task: int, name: str = "mini-worlds"
) -> tuple[pd.DataFrame, dict]:
    """Lens and attribution turned on models in which the fault is known.

    A table: plant, layer (planted), lens (the layer behind which the lead falls most against the
    clean model), attribution (the one whose removal it estimates to help most), lead_lost (nats),
    writes (words that the planted attention promotes). And by plant the change of each question's
    lead [questions, layers passed], as intervals.
    """
    rows, falls = [], {}
    for plant in plants:
        spoiled = planted(vlm, plant, strength)
        asked = load_benchmark(name, tasks=[plant.task], per_task=per_task, form="direct")
        after, before = (_leads(model, asked) for model in (spoiled, vlm))
        change = (after - before).mean()
        blamed = attribution(spoiled, asked).query("part == 'self-attention'")
        costs = blamed.groupby("layer").estimate.mean()
        words = " ".join(written_words(spoiled, asked, plant.layer))
        row = dict(plant=plant.name, layer=plant.layer, lens=change.diff().idxmin() - 1)
        row |= dict(attribution=costs.idxmax(), lead_lost=-change.iloc[-1], writes=words)
        rows.append(row)
        falls[plant.name] = column_intervals(after - before)
    return pd.DataFrame(rows), falls


def _leads(vlm, benchmark):
    """The right option's lead after each layer, [questions, layers passed]."""
    lens = logit_lens(vlm, benchmark)
    return lens.pivot(index="question", columns="layer", values="lead")


def hit_rates(known: pd.DataFrame, layers: int) -> pd.DataFrame:
    """How often a look points at the planted layer: in all models, and by half of the layers.

    `known` is the table of `looks_at_plants`. Columns: look, of ("all", "lower half", "upper
    half"), models, delta (share), low, high (95% Wilson interval).
    """
    halves = {"all": known, "lower half": known[known.layer < layers // 2]}
    halves["upper half"] = known[known.layer >= layers // 2]
    rows = []
    for look in ("lens", "attribution"):
        for name, own in halves.items():
            hits = int((own[look] == own.layer).sum())
            low, high = accuracy_interval(hits, len(own)) if len(own) else (np.nan, np.nan)
            share = hits / len(own) if len(own) else np.nan
            rows.append(dict(look=look, of=name, models=len(own), delta=share, low=low, high=high))
    return pd.DataFrame(rows)
