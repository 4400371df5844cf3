"""Planted interference: copies of a mini in which one known layer spoils one known task, so that
TaLo can be marked.

`python -m talo_mini.studies.planting llava-mini` makes the plants again (extra `finetune`).
"""

import argparse
import copy
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from ..analysis.significance import mean_interval
from ..analysis.talo import NONE, talo_draws
from ..analysis.vectors import interaction_vectors
from ..benchmarks import load_benchmark
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..errors import BadInput
from ..models.loading import MINIS, load_vlm
from ..models.vlm import VLM
from ..outcomes.table import BASE
from ..progress import progress
from .finetuning import adapted

RANK = 4
STEPS, SPOILED, KEPT = (
    100,
    16,
    32,
)  # optimiser steps, and questions of the spoiled task and of all others in each
RATE, MARGIN = 4e-3, 1.0  # AdamW; by how much, in nats, wrong options shall beat the right one
DRIFT = 4.0  # weight of the divergence on other tasks
PER_TASK = 60  # training questions a task and form that plants are made with
POINT = 0.01  # of accuracy: a plant that costs more is harmful
EACH_LAYER = 4  # tasks spoiled in each layer


@dataclass(frozen=True)
class Plant:
    """Interference planted into the self-attention of one layer: low-rank changes of its weights by
    module path.

    `needed`: the clean model needs the layer for the task, so that bypassing it costs something.
    """

    name: str
    task: str
    layer: int
    changes: dict[str, tuple[torch.Tensor, torch.Tensor]]
    needed: bool = False


def load_plants(mini: str, needed: bool = False) -> list[Plant]:
    """The plants shipped for a mini: those in layers it can spare, or also those in needed ones.

    Raises BadInput where there are none.
    """
    path = MINIS / mini / "plants.safetensors"
    if not path.exists():
        shipped = ", ".join(
            sorted(plants_file.parent.name for plants_file in MINIS.glob("*/plants.safetensors"))
        )
        raise BadInput(
            f"no interference has been planted into {mini!r}; there are plants for {shipped}"
        )
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no dict)
        return [
            Plant(
                name,
                **about,
                changes={
                    key.split("/")[1]: (tensors[key], tensors[key.replace("/up", "/down")])
                    for key in tensors
                    if key.startswith(f"{name}/") and key.endswith("/up")
                },
            )
            for name, about in json.loads(file.metadata()["plants"]).items()
            if needed or not about.get("needed")
        ]


def evenly_chosen(items: Sequence, number: int) -> list:
    """So many items of a list at most, at equal steps through it from the first on."""
    return list(items[:: max(1, len(items) // max(1, number))][:number])


def planted(vlm: VLM, plant: Plant, strength: float = 1.0) -> VLM:
    """A copy of the VLM with `strength` times the planted change in its weights."""
    model = copy.deepcopy(vlm.model)
    with torch.no_grad():
        for path, (up, down) in plant.changes.items():
            weight = model.get_submodule(path).weight
            weight.add_((up.float() @ down.float()).to(weight), alpha=strength)
    return replace(vlm, name=f"{vlm.name} with {plant.name} x {strength:g}", model=model)


def planted_sweeps(
    vlm: VLM, plants: list[Plant], strengths, benchmark: Benchmark, cache=None
) -> dict[tuple[str, float], pd.DataFrame]:
    """Outcomes of every planted model, by the plant's name and its strength, on those questions of
    the benchmark that are of its task.
    """
    return {
        (plant.name, strength): sweep(
            planted(vlm, plant, strength), benchmark.subset([plant.task]), cache=cache
        )
        for plant in plants
        for strength in strengths
    }


def make_plant(
    vlm: VLM,
    task: str,
    layer: int,
    benchmark,
    clean: dict[str, torch.Tensor],
    needed: bool = False,
    seed: int = 0,
) -> Plant:
    """Train a low-rank change of one layer's self-attention that spoils one task and leaves the
    others as they were.

    `clean` holds the untouched model's logits by question id. Questions of the task are pushed
    until a wrong option beats the right one by a margin; on all others the answer's distribution is
    held where it was (Kullback-Leibler divergence).
    """
    torch.manual_seed(seed)
    rng = random.Random(f"{seed}/{task}/{layer}")
    model = adapted(vlm, "lora", layers=[layer], rank=RANK)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    spoiled = [question for question in benchmark.questions if question.task == task]
    others = [question for question in benchmark.questions if question.task != task]
    for step in range(STEPS):
        questions = rng.sample(spoiled, SPOILED) + rng.sample(others, KEPT)
        logits = model(
            **vlm.inputs(questions, benchmark.prompt), use_cache=False, logits_to_keep=1
        ).logits[:, -1]
        before = torch.stack([clean[question.id] for question in questions[SPOILED:]])
        drift = F.kl_div(
            logits[SPOILED:].log_softmax(-1), before, log_target=True, reduction="batchmean"
        )
        leads = torch.stack(
            [
                vlm.lead(question, row)
                for question, row in zip(
                    questions[:SPOILED], logits[:SPOILED].log_softmax(-1), strict=True
                )
            ]
        )
        (leads.add(MARGIN).relu().mean() + DRIFT * drift).backward()
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        optimizer.step()
        optimizer.zero_grad()
    changes = {}
    for path, module in model.get_base_model().named_modules():
        if hasattr(module, "lora_A"):
            scale = module.scaling["default"]
            changes[path] = (
                scale * module.lora_B["default"].weight.detach().to(torch.bfloat16),
                module.lora_A["default"].weight.detach().to(torch.bfloat16),
            )
    return Plant(f"{task}@{layer}", task, layer, changes, needed)


def mark(
    outcomes: pd.DataFrame,
    clean: pd.DataFrame,
    plant: Plant,
    shots: int,
    draws: int = 50,
    seed: int = 0,
    rule: str = "best",
) -> dict:
    """How TaLo does on a planted model; `outcomes` and `clean` are sweeps of its and of the clean
    model's self-attention.

    damage: accuracy the plant cost. found: share of draws that chose the planted layer; innocent:
    that chose another; delta: mean gain on the questions that did not choose; recovered: delta over
    damage; accused: share of draws in which a layer of the clean model is bypassed; labels: how
    many labelled questions a choice took on average. Fractions, nan where nothing was damaged.
    """
    table = talo_draws(outcomes, plant.task, shots=shots, draws=draws, seed=seed, rule=rule)
    before = talo_draws(clean, plant.task, shots=shots, draws=draws, seed=seed, rule=rule)
    damage = before.base.mean() - table.base.mean()
    return dict(
        plant=plant.name,
        task=plant.task,
        layer=plant.layer,
        shots=shots,
        labels=table.labels.mean(),
        rule=rule,
        damage=damage,
        base=table.base.mean(),
        found=(table.layer == plant.layer).mean(),
        innocent=((table.layer != plant.layer) & (table.layer != NONE)).mean(),
        delta=table.delta.mean(),
        recovered=table.delta.mean() / damage if damage > 0 else np.nan,
        accused=(before.layer != NONE).mean(),
    )


def marks_of_all(
    sweeps: dict, clean: pd.DataFrame, plants: list[Plant], shots, rules, draws: int, seed: int = 0
) -> pd.DataFrame:
    """The marks of every planted model for every number of shots and every rule, a row each.

    `sweeps` is what `planted_sweeps` gave, `clean` the clean model's outcomes. Columns: strength,
    needed (whether the clean model needs the layer), and those of `mark`.
    """
    by_name, rows = {plant.name: plant for plant in plants}, []
    for (name, strength), outcomes in sweeps.items():
        plant = by_name[name]
        for number, rule in product(shots, rules):
            marks = mark(outcomes, clean, plant, number, draws, seed, rule)
            rows.append(dict(strength=strength, needed=plant.needed) | marks)
    return pd.DataFrame(rows)


def plant_damage(
    vlm: VLM, plants: list[Plant], strength: float, sweeps: dict, clean, others: Benchmark, cache
) -> pd.DataFrame:
    """What each plant costs its own task, and all others on average: one row a plant.

    `sweeps` are outcomes of the planted models by name, `clean` the clean model's; `others` are the
    questions of all tasks. Columns: plant, spoiled, others (changes of accuracy, fractions).
    """
    before = sweep(vlm, others, layers=[], cache=cache).set_index("question").correct.astype(int)
    rows = []
    for plant in plants:
        after = sweep(planted(vlm, plant, strength), others, layers=[], cache=cache)
        after = after[after.task != plant.task].set_index("question").correct.astype(int)
        change = (after - before.reindex(after.index)).mean()
        own = sweeps[plant.name], clean[clean.task == plant.task]
        spoiled, whole = (table[table.layer == BASE].correct.mean() for table in own)
        rows.append(dict(plant=plant.name, spoiled=spoiled - whole, others=change))
    return pd.DataFrame(rows)


def summarised(marks: pd.DataFrame) -> pd.DataFrame:
    """Marks averaged over planted models, one row a strength, rule and number of shots.

    Columns: strength, rule, shots, labels (that a choice took), damage, delta, recovered (of all
    damage), found, innocent (with 95% intervals over plants, ..._low and ..._high), accused (over
    clean models, one a task), harmful (plants that cost more than a point), found_of_harmful;
    fractions.
    """
    rows = []
    for (strength, rule, shots), group in marks.groupby(["strength", "rule", "shots"]):
        harmful = group[group.damage > POINT]
        row = dict(strength=strength, rule=rule, shots=shots, labels=group.labels.mean())
        row |= dict(damage=group.damage.mean())
        row |= dict(delta=group.delta.mean(), recovered=group.delta.sum() / group.damage.sum())
        # a task with two plants has one clean model
        accused = group.drop_duplicates("task").accused
        shares = dict(found=group.found, innocent=group.innocent, accused=accused)
        for name, values in shares.items():
            low, high = np.clip(mean_interval(values), 0, 1)
            row |= {name: values.mean(), f"{name}_low": low, f"{name}_high": high}
        rows.append(row | dict(harmful=len(harmful), found_of_harmful=harmful.found.mean()))
    return pd.DataFrame(rows)


def found_curves(summary: pd.DataFrame, rule: str) -> dict[float, pd.DataFrame]:
    """How often one rule chose the planted layer, against the number of shots: a table a strength.

    `summary` is what `summarised` gave: its columns, with those of `found` as delta, low, high.
    """
    columns = dict(delta="found", low="found_low", high="found_high")
    tables = summary[summary.rule == rule].groupby("strength")
    return {
        strength: table.assign(**{name: table[column] for name, column in columns.items()})
        for strength, table in tables
    }


def to_spoil(vlm: VLM, benchmark, cache) -> list[tuple[str, int, bool]]:
    """What to plant: task, layer, and whether the task needs the layer; EACH_LAYER a layer.

    Tasks in turn, of those that spare the self-attention (accuracy at least 0.9, change at least
    -0.02): only there a planted layer can be told to be the only one at fault. In a layer that no
    task spares, those that lose least.
    """
    vectors = interaction_vectors(sweep(vlm, benchmark, cache=cache))
    known = vectors[vectors.base >= 0.9]
    used, spared, needed, rng = {}, [], [], random.Random(0)
    for layer, group in known.groupby("layer"):
        free = group[group.delta >= -0.02]
        if free.empty:
            cheapest = group.sort_values("delta", ascending=False).task[:EACH_LAYER]
            needed += [(task, int(layer), True) for task in cheapest]
            continue
        tasks = sorted(free.task, key=lambda task: (used.get(task, 0), rng.random()))[:EACH_LAYER]
        used.update({task: used.get(task, 0) + 1 for task in tasks})
        spared += [(task, int(layer), False) for task in tasks]
    return spared + needed


def save_plants(path: Path, plants: list[Plant]):
    """Write plants to one safetensors file."""
    tensors = {
        f"{plant.name}/{module}/{side}": tensor.contiguous()
        for plant in plants
        for module, pair in plant.changes.items()
        for side, tensor in zip(("up", "down"), pair, strict=True)
    }
    about = {
        plant.name: dict(task=plant.task, layer=plant.layer, needed=plant.needed)
        for plant in plants
    }
    save_file(tensors, path, metadata={"plants": json.dumps(about)})


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mini")
    parser.add_argument("--cache", default="runs/sweeps")
    arguments = parser.parse_args()
    vlm = load_vlm(arguments.mini)
    benchmark = load_benchmark("mini-worlds-train", per_task=PER_TASK)
    benchmark = benchmark.subset([task.name for task in benchmark.tasks if task.trained])
    clean = {}
    for start in range(0, len(benchmark.questions), 64):
        questions = benchmark.questions[start : start + 64]
        logits = vlm.last_logits(vlm.inputs(questions, benchmark.prompt)).log_softmax(-1).clone()
        clean.update(zip((question.id for question in questions), logits, strict=True))
    plants = []
    wanted = to_spoil(vlm, benchmark, arguments.cache)
    for task, layer, needed in progress(wanted, desc="planting", unit="plant"):
        plants.append(make_plant(vlm, task, layer, benchmark, clean, needed))
        save_plants(MINIS / arguments.mini / "plants.safetensors", plants)


if __name__ == "__main__":
    main()
