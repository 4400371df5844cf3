"""Does the one-pass engine answer as plain hooks do? Every mini, task, form, layer and part: `python benchmarks/exact.py`.

`--page FILE` writes the results as a page of the book.
"""

import argparse

import pandas as pd
from tqdm import tqdm

from sweep import machine
from talo_mini import load_benchmark, load_vlm
from talo_mini.cells import all_cells
from talo_mini.sweep import hooked_logits, replayed_logits, scores
from talo_mini.vlm import MINIS

PARTS = ("self-attention", "mlp", "layer")
PAGE = """# Exactness

The engine computes what lies below a knocked-out layer once. Does it still answer as a model under plain hooks? Here both were asked
the same {questions:,} questions, {per_task} of every task of the mini worlds in both forms, with the self-attention, the MLP and the
whole of every layer knocked out, in float32. Batches are small, so that the engine sends several knocked-out variants through a layer
at once.

{table}

The last two columns are what matters: how many answers differ, and by how much the log-probability of any option differs at most.

Made by `python benchmarks/exact.py --per-task {per_task} --page book/exactness.md` on {machine}.
"""


def compare(vlm, benchmark, batch=4) -> dict:
    """How many answers one pass and hooks were asked for, how many differ, and the largest difference of a log-probability."""
    cells, found = all_cells(vlm.anatomy, PARTS, None, "zero"), dict(model=vlm.name, answers=0, different=0, largest=0.0)
    for start in tqdm(range(0, len(benchmark.questions), batch), desc=vlm.name):
        questions = benchmark.questions[start:start + batch]
        inputs = vlm.inputs(questions, benchmark.prompt)
        for replayed, hooked in zip(replayed_logits(vlm, inputs, cells), hooked_logits(vlm, inputs, cells), strict=True):
            for a, b in zip(scores(vlm, questions, replayed), scores(vlm, questions, hooked)):
                found["answers"] += 1
                found["different"] += int(a.argmax() != b.argmax())
                found["largest"] = max(found["largest"], float(abs(a - b).max()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-task", type=int, default=10, help="questions of each task and form (default %(default)s)")
    parser.add_argument("--page", help="write the book's page here")
    chosen = parser.parse_args()
    benchmark = load_benchmark("mini-worlds", per_task=chosen.per_task)
    rows = pd.DataFrame([compare(load_vlm(path.name, device="cpu"), benchmark) for path in sorted(MINIS.glob("*-mini"))])
    print(rows.to_string(index=False))
    if chosen.page:
        table = "| model | answers | that differ | largest difference (nats) |\n| --- | --- | --- | --- |\n" + "\n".join(
            f"| {row.model} | {row.answers:,} | {row.different} | {row.largest:.0e} |" for row in rows.itertuples())
        with open(chosen.page, "w") as file:
            file.write(PAGE.format(table=table, questions=len(benchmark.questions), per_task=chosen.per_task, machine=machine()))


if __name__ == "__main__":
    main()
