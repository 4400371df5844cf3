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

CARD = """# {name}

A vision-language model of {million:.1f} million parameters, trained from scratch on drawn mini worlds. It exists to be taken apart: every experiment of this project runs on it without a GPU.

| | |
| --- | --- |
| architecture | `{architecture}`: {vision} vision layers, {layers} decoder layers{crossed} of {heads} heads, {width} wide |
| input | a 64 x 64 picture and a short English question; {words} words are known |
| weights | {size:.1f} MB, bfloat16 safetensors, digest `{digest}` |
| data | the mini worlds' training pictures and easy-VQA's train split; nothing else, no pretrained weights |
| recipe | {commands}: seed {seed}, {drilled} steps of letter drill, then {pictures} steps of pictures in four stages (a caption with every picture; mostly questions; then, in two stages, more of the tasks that were slow to learn); a batch is {batch} pictures with about seven questions each; Muon for matrices, AdamW for the rest |
| compute | {hours:.1f} hours on {device} |
| licence | MIT |

Do not use it for anything but experiments: it knows {words} words and has never seen a photograph.

## Accuracy

On test questions, {per_task} a task and form. Test pictures never occur in training (the split looks at the pixels alone). Brackets: 95% Wilson interval. *Held out*: the question was never asked in training. Made by `python -m talo_mini.minis.card {name}`.

Trained tasks, mean: **{direct:.3f}** in the direct form, **{choice:.3f}** in the choice form. easy-VQA test: **{easy:.3f}** of {easy_questions} questions.

| ability | task | direct | chance | choice | chance |
| --- | --- | --- | --- | --- | --- |
{rows}
"""


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
