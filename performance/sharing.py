"""What questions share is computed once: a sweep beside plain hooks, as a user would run both.

`python performance/sharing.py --page book/sharing.md`. Each way at its own best batch, the best of
some turns; answers of both are compared.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import jinja2
from sweep import machine

from talo_mini import Knockout, knockout, load_benchmark, load_vlm, sweep
from talo_mini.benchmarks.questions import Benchmark, by_pictures, parted
from talo_mini.models.scoring import scores
from talo_mini.models.vlm import VLM

TEMPLATE = Path(__file__).with_name("sharing.template.md")
PART = "self-attention"
BATCHES = (16, 32, 64, 128)


@dataclass(frozen=True)
class Case:
    """A model and questions about pictures, `title` as the page names them."""

    title: str
    model: str
    benchmark: Benchmark
    batches: tuple[int, ...] = BATCHES


def cases(quick: bool) -> list[Case]:
    """The minis' own questions in both forms, and easy-VQA's; a few of them where it is quick."""
    few = 1 if quick else 10
    worlds = load_benchmark("mini-worlds", per_task=few)
    easy = load_benchmark("easy-vqa", per_task=4 if quick else 60)
    words = ["object_colour", "count_all", "chart_tallest", "digit_left"]
    pretrained = load_benchmark("mini-worlds", words, per_task=1 if quick else 2)
    return [
        Case("llava-mini, mini worlds, both forms", "llava-mini", worlds),
        Case("llava-mini, easy-VQA", "llava-mini", easy),
        Case("smollm-mini-half, four tasks, both forms", "smollm-mini-half", pretrained, (8,)),
    ]


def by_hooks(vlm: VLM, benchmark: Benchmark, batch: int) -> dict[tuple[str, int], int]:
    """What is answered to each question under each knockout, one after the other."""
    layers = range(len(vlm.anatomy.stacks["decoder"]))
    found = {}
    for questions in parted(benchmark.questions, batch):
        inputs = vlm.inputs(questions, benchmark.prompt)
        for layer in (-1, *layers):
            known = [] if layer < 0 else [Knockout(PART, layer)]
            with knockout(vlm, *known):
                rows = scores(vlm, questions, vlm.last_logits(inputs))
            for question, row in zip(questions, rows, strict=True):
                found[question.id, layer] = int(row.argmax())
    return found


def by_sweep(vlm: VLM, benchmark: Benchmark, batch: int) -> dict[tuple[str, int], int]:
    """The same by `sweep`, table and checks included."""
    table = sweep(vlm, benchmark, [PART], batch=batch)
    return dict(zip(zip(table.question, table.layer, strict=True), table.answer, strict=True))


def best(run, vlm: VLM, case: Case, turns: int) -> tuple[float, int, dict]:
    """Questions a second of the best of `turns` at the best batch, that batch, and the answers."""
    told = (0.0, 0, {})
    for batch in case.batches:
        for _ in range(turns):
            start = time.perf_counter()
            answers = run(vlm, case.benchmark, batch)
            rate = len(case.benchmark.questions) / (time.perf_counter() - start)
            told = max(told, (rate, batch, answers), key=lambda one: one[0])
    return told


def measured(case: Case, turns: int) -> dict:
    """One row of the page. Raises ValueError where the two ways answer differently."""
    vlm = load_vlm(case.model, device="cpu")
    scored = [q for q in case.benchmark.questions if vlm.scoring(q) != "whole text"]
    case = Case(case.title, case.model, case.benchmark.only(scored), case.batches)
    hooks, hooks_batch, wanted = best(by_hooks, vlm, case, turns)
    engine, engine_batch, found = best(by_sweep, vlm, case, turns)
    differing = sum(found[key] != answer for key, answer in wanted.items())
    if differing:
        raise ValueError(f"{case.title}: {differing} of {len(wanted)} answers differ")
    pictures = len(by_pictures(case.benchmark.questions))
    return dict(
        title=case.title,
        questions=len(scored),
        a_picture=len(scored) / pictures,
        hooks=hooks,
        hooks_batch=hooks_batch,
        engine=engine,
        engine_batch=engine_batch,
        ratio=engine / hooks,
    )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few questions, one turn")
    parser.add_argument("--page", type=Path, help="write the results as a page of the book")
    arguments = parser.parse_args()
    turns = 1 if arguments.quick else 2
    rows = [measured(case, turns) for case in cases(arguments.quick)]
    template = jinja2.Template(TEMPLATE.read_text(encoding="utf-8"), trim_blocks=True)
    text = template.render(rows=rows, machine=machine(), turns=turns, quick=arguments.quick)
    print(text)
    if arguments.page:
        arguments.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
