"""What questions share is computed once: a sweep beside plain hooks, as a user would run both.

`python performance/sharing.py --page book/sharing.md`. Each way at its own best batch, the best of
some turns; answers of both are compared. What was measured is kept in runs/sharing, one file a
case, so that the cases can be measured in several runs.
"""

import argparse
import json
import re
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jinja2
import torch
from chart import save_chart
from exact import engine
from shapes import asked_qwen2vl, asked_smolvlm, questions_a_picture
from sweep import GPU, last, machine, made_there, measured, operations

from talo_mini import Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.benchmarks.questions import Benchmark, by_pictures, parted
from talo_mini.engine.ahead import Ahead
from talo_mini.engine.batches import Batch
from talo_mini.engine.logits import replayed_logits
from talo_mini.engine.packing import apart, packed
from talo_mini.interventions.names import all_cells
from talo_mini.models.scoring import scores
from talo_mini.models.vlm import VLM

TEMPLATE = Path(__file__).with_name("sharing.template.md")
KEPT = Path("runs/sharing")
PART = "self-attention"
BATCHES = (16, 32, 64, 128)
SHAPE = "SmolVLM-256M's shape"


def by_hooks(
    vlm: VLM, benchmark: Benchmark, batch: int, every: int = 1
) -> dict[tuple[str, int], int]:
    """What is answered to each question under each knockout, one after the other.

    Or under those of one layer in `every`.
    """
    layers = range(0, len(vlm.anatomy.stacks["decoder"]), every)
    answers = {}
    for questions in parted(benchmark.questions, batch):
        inputs = vlm.inputs(questions, benchmark.prompt)
        for layer in (-1, *layers):
            known = [] if layer < 0 else [Knockout(PART, layer)]
            with knockout(vlm, *known):
                rows = scores(vlm, questions, vlm.last_logits(inputs))
            for question, row in zip(questions, rows, strict=True):
                answers[question.id, layer] = int(row.argmax())
    return answers


def by_sweep(vlm: VLM, benchmark: Benchmark, batch: int) -> dict[tuple[str, int], int]:
    """The same by `sweep`, table and checks included."""
    table = sweep(vlm, benchmark, [PART], batch=batch)
    return dict(zip(zip(table.question, table.layer, strict=True), table.answer, strict=True))


def by_engine(vlm: VLM, benchmark: Benchmark, batch: int) -> dict[tuple[str, int], int]:
    """The same by the engine alone: without the table, and without the comparison with hooks that
    a sweep makes once, which a few questions would not pay back.
    """
    cells, answers = all_cells(vlm.anatomy, [PART], None, "zero"), {}
    waiting = [Batch(some, cells) for some in parted(benchmark.questions, batch)]
    with Ahead(vlm, benchmark.prompt) as ahead:
        while waiting:
            questions, _ = now = waiting.pop(0)
            inputs = ahead.inputs(packed, now)
            ahead.begin(packed, waiting)
            for cell, logits in zip(cells, replayed_logits(vlm, inputs, cells), strict=True):
                rows = inputs.wanted.scores(logits)
                for question, row in zip(questions, rows, strict=True):
                    answers[question.id, cell[-1]] = int(row.argmax())
    return answers


@dataclass(frozen=True)
class Case:
    """A model and questions about pictures, `title` as the page names them.

    Where all would take an hour, plain hooks are timed on one layer in `every`, or on the first
    `hooked` questions. They also try batches as small as `smaller`.
    """

    title: str
    make: Callable[[], VLM]
    benchmark: Benchmark
    batches: tuple[int, ...] = BATCHES
    way: Callable = by_sweep
    every: int = 1
    hooked: int | None = None
    smaller: tuple[int, ...] = ()


def cases(quick: bool) -> list[Case]:
    """The minis' own questions in both forms, and easy-VQA's; a few of them where it is quick.

    The shapes of larger models follow, with as many questions a picture as benchmarks have; on a
    GPU they are all.
    """
    shapes = [] if quick else [_shape(SHAPE, asked_smolvlm, asked) for asked in (1, 4, 18)]
    if GPU:
        larger = [_shape("Qwen2-VL-2B's shape", asked_qwen2vl, asked) for asked in (1, 4, 18)]
        return shapes + larger
    few = 1 if quick else 10
    words = ["object_colour", "count_all", "chart_tallest", "digit_left"]
    pretrained = load_benchmark("mini-worlds", words, per_task=1 if quick else 2)
    llava, half = (partial(load_vlm, name) for name in ("llava-mini", "smollm-mini-half"))
    both = load_benchmark("mini-worlds", per_task=few)
    easy = whole_pictures(load_benchmark("easy-vqa"), 10 * few)
    return [
        Case("llava-mini, mini worlds, both forms", llava, both),
        Case("llava-mini, easy-VQA", llava, easy),
        Case("smollm-mini-half, four tasks, both forms", half, pretrained, (8,)),
        *shapes,
    ]


def whole_pictures(benchmark: Benchmark, number: int) -> Benchmark:
    """All questions about the first pictures: a benchmark asks about each as often as whole."""
    rows = by_pictures(benchmark.questions)[:number]
    return benchmark.only([benchmark.questions[place] for row in rows for place in row])


def _shape(title, make, asked):
    """On a CPU one picture, on a GPU as many as make 144 questions: several batches, of which each
    is prepared beside the one before it.
    """
    pictures = 144 // asked if GPU else max(1, 4 // asked)
    batches = (36, 72) if GPU else (pictures * asked,)
    full_title = f"{title}, {asked} question{'s' if asked > 1 else ''} a picture"
    make = partial(made_there, make) if GPU else make
    few = dict(hooked=36) if GPU else dict(every=6, smaller=(1,) * (asked < 18))
    return Case(full_title, make, questions_a_picture(asked, pictures), batches, by_engine, **few)


def best(
    run, vlm: VLM, benchmark: Benchmark, batches: tuple[int, ...], turns: int
) -> tuple[float, int, dict]:
    """Questions a second of the best of `turns` at the best batch, that batch, and the answers.

    A question counts with as many passes as layers were knocked out, and one for the base model.
    """
    fastest, whole = (0.0, 0, {}), len(vlm.anatomy.stacks["decoder"]) + 1
    for batch in batches:
        for _ in range(turns):
            start = time.perf_counter()
            answers = run(vlm, benchmark, batch)
            rate = len(answers) / whole / (time.perf_counter() - start)
            fastest = max(fastest, (rate, batch, answers), key=lambda one: one[0])
    return fastest


@torch.inference_mode()
def bounds(vlm: VLM, benchmark: Benchmark, batch: int) -> tuple[float, float]:
    """Questions a second that a sweep can reach with each question alone, and with the beginning
    once: the operations that it needs, at the highest speed at which this machine does those of a
    plain pass of either.
    """
    questions, least, speeds = benchmark.questions[:batch], [], []
    for layout in (apart, packed):
        inputs = layout(vlm, questions, benchmark.prompt)
        seconds = min(measured(partial(last, vlm.model), inputs)[1] for _ in range(3))
        base, needed = operations(vlm.model, vlm.anatomy, inputs)
        speeds.append(base / seconds)
        least.append(needed)
    alone, shared = (len(questions) * max(speeds) / needed for needed in least)
    return alone, shared


def row_of(case: Case, turns: int) -> dict:
    """One row of the page. Raises ValueError where the two ways answer differently: in float32,
    any answer, in narrower numbers more than 2%.
    """
    vlm = case.make()
    scored = [q for q in case.benchmark.questions if vlm.scoring(q) != "whole text"]
    case = replace(case, benchmark=case.benchmark.only(scored))
    first = case.benchmark.only(case.benchmark.questions[: case.hooked])
    plain = partial(by_hooks, every=case.every)
    hooks, hooks_batch, wanted = best(plain, vlm, first, case.smaller + case.batches, turns)
    swept, engine_batch, answers = best(case.way, vlm, case.benchmark, case.batches, turns)
    differing = sum(answers[key] != answer for key, answer in wanted.items())
    allowed = 0 if vlm.model.dtype == torch.float32 else 0.02 * len(wanted)
    if differing > allowed:
        raise ValueError(f"{case.title}: {differing} of {len(wanted)} answers differ")
    pictures = len(by_pictures(case.benchmark.questions))
    alone, shared = bounds(vlm, case.benchmark, engine_batch)
    return dict(
        title=case.title,
        questions=len(scored),
        a_picture=len(scored) / pictures,
        hooks=hooks,
        hooks_batch=hooks_batch,
        engine=swept,
        engine_batch=engine_batch,
        ratio=swept / hooks,
        bound_alone=alone / hooks,
        bound_shared=shared / hooks,
        share=swept / shared,
        differing=differing / len(wanted),
    )


def kept_row(case: Case, turns: int) -> dict:
    """The row of a case, measured now or, by this machine and this engine, before."""
    name = re.sub(r"[^a-z0-9]+", "-", case.title.lower())
    path = KEPT / f"{name}-{turns}-{engine()}.json"
    if path.exists():
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["machine"].rpartition(", commit")[0] == machine().rpartition(", commit")[0]:
            return row
    row = row_of(case, turns) | dict(machine=machine())
    print(row, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row), encoding="utf-8")
    return row


def page(rows: list[dict], turns: int, quick: bool, command: str, figure: str) -> str:
    """The book's page of these rows, made by a command."""
    template = jinja2.Template(
        TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True, keep_trailing_newline=True
    )
    machines = "; ".join(dict.fromkeys(row["machine"] for row in rows))
    about = dict(machine=machines, turns=turns, quick=quick, command=command, figure=figure)
    return template.render(rows=rows, gpu=GPU, **about)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few questions, one turn")
    parser.add_argument("--page", type=Path, help="write the results as a page of the book")
    parser.add_argument("--only", default="", help="cases whose title has these words")
    arguments = parser.parse_args()
    turns = 1 if arguments.quick else 2
    chosen = [case for case in cases(arguments.quick) if arguments.only in case.title]
    rows = [kept_row(case, turns) for case in chosen]
    command = shlex.join(["python", "performance/sharing.py", *sys.argv[1:]])
    figure = (arguments.page or Path("sharing.md")).with_suffix(".png")
    text = page(rows, turns, arguments.quick, command, figure.name)
    print(text)
    if arguments.page:
        arguments.page.write_text(text, encoding="utf-8")
        bars = [
            dict(label=row["title"], times=row["ratio"], bound=row["bound_shared"], ours=True)
            for row in rows
        ]
        title = "A sweep with the questions' common beginning once, beside plain hooks"
        save_chart(bars, title, figure)


if __name__ == "__main__":
    main()
