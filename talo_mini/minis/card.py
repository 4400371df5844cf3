"""Write a mini's model card from what it answers today.

`python -m talo_mini.minis.card llava-mini`
"""

import argparse
import json
from pathlib import Path

from ..analysis.vectors import has_room, task_accuracy
from ..benchmarks import load_benchmark
from ..benchmarks.questions import Benchmark
from ..engine.sweep import sweep
from ..errors import BadInput
from ..models.assembled import language_model
from ..models.loading import MINIS, load_vlm
from ..models.vlm import VLM
from .plain import plain_answers

FORMS = ("direct", "choice")


def template(name: str) -> str:
    """The text of a card; minis with a pretrained language model have another one."""
    kind = "adapted" if (MINIS / name / "learned.safetensors").exists() else "card"
    return Path(__file__).with_name(f"{kind}.template.md").read_text(encoding="utf-8")


def training_record(name: str) -> dict:
    """What the trainer noted of its run."""
    return json.loads((MINIS / name / "training.json").read_text(encoding="utf-8"))


def askable(vlm: VLM, benchmark: Benchmark) -> Benchmark:
    """The tasks and forms whose questions the model can be asked."""
    refused = set()
    for question in benchmark.questions:
        try:
            vlm.check(question)
        except BadInput:
            refused.add((question.task, question.form))
    return benchmark.only([q for q in benchmark.questions if (q.task, q.form) not in refused])


def accuracy_rows(benchmark: Benchmark, accuracy) -> str:
    """The card's table, in percent: a row a task; accuracy and both guesses in both forms."""
    by, rows = {(row.task, row.form): row for row in accuracy.itertuples()}, []
    for task in benchmark.tasks:
        cells = []
        for form in FORMS:
            row = by.get((task.name, form))
            cells.append("- | -" if row is None else _cell(row))
        held_out = "" if task.trained else " (held out)"
        rows.append(f"| {task.ability} | {task.name}{held_out} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(row):
    right, low, high = (f"{100 * value:.0f}" for value in (row.accuracy, row.low, row.high))
    guesses = dict.fromkeys(f"{100 * value:.0f}" for value in (row.chance, row.informed))
    return f"{right} [{low}, {high}] | {', '.join(guesses)}"


def about(name: str, vlm: VLM) -> dict:
    """What a card says of the model itself."""
    config, decoder = vlm.model.config.text_config, vlm.anatomy.stacks["decoder"]
    crossed = sum("cross-attention" in layer.parts for layer in decoder)
    vision = [
        len(layers) for name, layers in vlm.anatomy.stacks.items() if name.startswith("vision")
    ]
    training = training_record(name)
    base, steps = name.removesuffix("-half"), training["drilled"] + training["pictures"]
    runs = training.get("runs") or [f"--steps {steps}"]
    weights = [MINIS / name / f"{kind}.safetensors" for kind in ("model", "learned")]
    shipped = next(path for path in weights if path.exists())
    facts = dict(
        name=name,
        million=sum(p.numel() for p in vlm.model.parameters()) / 1e6,
        architecture=type(vlm.model).__name__,
        vision=sum(vision),
        layers=len(decoder),
        crossed=f" ({crossed} of them cross-attention)" if crossed else "",
        heads=config.num_attention_heads,
        width=config.hidden_size,
        words=len(vlm.processor.tokenizer),
        size=shipped.stat().st_size / 1e6,
        digest=vlm.digest,
        commands=", then ".join(f"`python -m talo_mini.minis.train {base} {run}`" for run in runs),
        stopped=f", its state after step {steps}" if name != base else "",
        minutes=60 * training["hours"],
    )
    return facts | training


def card(name: str, per_task: int, cache: str) -> str:
    """The text of the model card."""
    vlm = load_vlm(name, device="cpu")
    benchmark = load_benchmark("mini-worlds", per_task=per_task)
    accuracy = task_accuracy(sweep(vlm, askable(vlm, benchmark), parts=(), cache=cache))
    adapted = (MINIS / name / "learned.safetensors").exists()
    easy_questions = load_benchmark("easy-vqa", per_task=per_task if adapted else None)
    easy = sweep(vlm, askable(vlm, easy_questions), parts=(), cache=cache)
    taught = [task.name for task in benchmark.tasks if task.trained]
    means = accuracy[accuracy.task.isin(taught)].groupby("form").accuracy.mean()
    plain = {}
    if adapted:
        plain["before"] = plain_answers(*language_model())
        plain["after"] = plain_answers(vlm.model, vlm.processor.tokenizer)
    room = int(has_room(accuracy).sum())
    return template(name).format(
        per_task=per_task,
        direct=means["direct"],
        choice=means["choice"],
        easy=easy.correct.mean(),
        easy_questions=len(easy),
        room=room,
        have="has" if room == 1 else "have",
        cells=len(accuracy),
        rows=accuracy_rows(benchmark, accuracy),
        **plain,
        **about(name, vlm),
    )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument(
        "--per-task", type=int, default=400, help="questions a task and form (default %(default)s)"
    )
    parser.add_argument(
        "--cache", default="runs/sweeps", help="folder of kept answers (default %(default)s)"
    )
    arguments = parser.parse_args()
    path = MINIS / arguments.name / "README.md"
    path.write_text(card(arguments.name, arguments.per_task, arguments.cache), encoding="utf-8")
    print(f"wrote {Path(path).name} of {arguments.name}")


if __name__ == "__main__":
    main()
