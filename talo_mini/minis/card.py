"""Write a mini's model card from what it answers today: `python -m talo_mini.minis.card
llava-mini`.
"""

import argparse
import json
from pathlib import Path

from ..analysis.vectors import task_accuracy
from ..benchmarks import load_benchmark
from ..engine.sweep import sweep
from ..models.loading import MINIS, load_vlm

CARD = Path(__file__).with_name("card.template.md").read_text(encoding="utf-8")


def training_record(name: str) -> dict:
    """What the trainer noted of its run."""
    return json.loads((MINIS / name / "training.json").read_text())


def card(name: str, per_task: int, cache: str) -> str:
    """The text of the model card."""
    vlm = load_vlm(name, device="cpu")
    benchmark = load_benchmark("mini-worlds", per_task=per_task)
    accuracy = task_accuracy(sweep(vlm, benchmark, parts=(), cache=cache))
    easy = sweep(vlm, load_benchmark("easy-vqa"), parts=(), cache=cache)
    by = accuracy.set_index(["task", "form"])
    rows = []
    for task in benchmark.tasks:
        cells = [
            f"{r.accuracy:.3f} [{r.low:.3f}, {r.high:.3f}] | {r.chance:.3f}"
            for r in (by.loc[(task.name, form)] for form in ("direct", "choice"))
        ]
        rows.append(
            f"| {task.ability} | {task.name}{'' if task.trained else ' (held out)'} | "
            f"{' | '.join(cells)} |"
        )
    trained = (
        accuracy[accuracy.task.isin([t.name for t in benchmark.tasks if t.trained])]
        .groupby("form")
        .accuracy.mean()
    )
    config, decoder = vlm.model.config, vlm.anatomy.stacks["decoder"]
    crossed = sum("cross-attention" in layer.parts for layer in decoder)
    training = training_record(name)
    runs = training.get("runs") or [f"--steps {training['drilled'] + training['pictures']}"]
    return CARD.format(
        name=name,
        million=sum(p.numel() for p in vlm.model.parameters()) / 1e6,
        architecture=type(vlm.model).__name__,
        vision=sum(
            len(layers) for name, layers in vlm.anatomy.stacks.items() if name.startswith("vision")
        ),
        layers=len(decoder),
        crossed=f" ({crossed} of them cross-attention)" if crossed else "",
        heads=config.text_config.num_attention_heads,
        width=config.text_config.hidden_size,
        words=len(vlm.processor.tokenizer),
        size=(MINIS / name / "model.safetensors").stat().st_size / 1e6,
        digest=vlm.digest,
        per_task=per_task,
        direct=trained["direct"],
        choice=trained["choice"],
        easy=easy.correct.mean(),
        easy_questions=len(easy),
        rows="\n".join(rows),
        commands=", then ".join(f"`python -m talo_mini.minis.train {name} {run}`" for run in runs),
        **training,
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
    path.write_text(card(arguments.name, arguments.per_task, arguments.cache))
    print(f"wrote {Path(path).name} of {arguments.name}")


if __name__ == "__main__":
    main()
