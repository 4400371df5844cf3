"""The speed comparison runs, its contenders agree, and its bound is a bound on operations. Times
are not asserted.
"""

from functools import partial
from pathlib import Path

import pytest
import sweep as benchmark
import torch
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[2]


def test_every_contender_gives_the_same_logits(tiny, monkeypatch):
    from talo_mini import load_benchmark

    monkeypatch.setattr(benchmark, "LIBRARIES", {})
    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=4, form="choice").questions
    table = benchmark.compare(
        "tiny", tiny.model, lambda size: dict(tiny.inputs(questions[:size])), (2, 4), 1
    )
    assert list(table.contender) == [*benchmark.CONTENDERS, "floating-point bound"]
    assert (
        table.set_index("contender").times_plain_hooks["plain hooks"] == 1
        and (table.questions_per_second > 0).all()
    )


def test_libraries_compete_where_they_run_and_are_named_where_they_stop(tiny, monkeypatch):
    from talo_mini import load_benchmark

    def stopping(*args, **options):
        raise IndexError("no such hook")

    def working(model, inputs, chosen, last):
        assert (
            model is not tiny.model
        )  # what a library does to a model must not reach the next contender
        assert [type(model.get_submodule(path)).__name__ for path in chosen] == [
            "LlamaAttention"
        ] * 4
        return benchmark.one_by_one(model, benchmark.find_anatomy(model), inputs)

    monkeypatch.setattr(benchmark, "LIBRARIES", {"good 1.0": working, "bad 2.0": stopping})
    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=2, form="choice").questions
    table = benchmark.compare(
        "tiny", tiny.model, lambda size: dict(tiny.inputs(questions[:size])), (2,), 1
    ).set_index("contender")
    assert table.questions_per_second["good 1.0"] > 0
    assert "bad 2.0, left out (IndexError: no such hook)" in table.index


def test_who_gives_other_logits_is_left_out(tiny, monkeypatch):
    from talo_mini import load_benchmark

    monkeypatch.setattr(
        benchmark,
        "LIBRARIES",
        {"wrong 3.0": lambda model, inputs, chosen, last: [last(model, inputs)] * 5},
    )
    questions = load_benchmark("mini-worlds", tasks=["more"], per_task=2, form="choice").questions
    table = benchmark.compare(
        "tiny", tiny.model, lambda size: dict(tiny.inputs(questions[:size])), (2,), 1
    )
    assert table.contender[len(benchmark.CONTENDERS)].startswith(
        "wrong 3.0, left out (its logits differ by "
    )


def test_the_bound_counts_less_than_any_way_does(tiny):
    from talo_mini import load_benchmark

    inputs = dict(
        tiny.inputs(
            load_benchmark("mini-worlds", tasks=["more"], per_task=4, form="choice").questions
        )
    )
    base, least = benchmark.operations(tiny.model, tiny.anatomy, inputs)
    done = {}
    for name, run in benchmark.CONTENDERS.items():
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            run(tiny.model, tiny.anatomy, inputs)
        done[name] = counter.get_total_flops()
    assert base < least <= min(done.values())
    assert done["this engine"] == min(done.values()) and done["plain hooks"] == 5 * base
    assert done["this engine"] < 1.25 * least


def test_the_share_that_a_choice_leaves_out_is_told(monkeypatch, tiny):
    monkeypatch.setattr(benchmark, "load_vlm", lambda name: tiny)
    monkeypatch.setattr(
        benchmark,
        "load_benchmark",
        lambda name, per_task, form: benchmark_of(["more"], per_task, form),
    )
    assert (
        "on the 1 tasks of the mini worlds in the direct form, with 4 shots"
        in benchmark.selection("tiny", 4)
    )


def benchmark_of(tasks, per_task, form):
    from talo_mini import load_benchmark

    return load_benchmark("mini-worlds", tasks=tasks, per_task=per_task, form=form)


@pytest.mark.parametrize(
    "build",
    [
        partial(benchmark.qwen2vl_2b, 2, 1, 128, 256, 4),
        partial(benchmark.llava_next_8b, 2, 1, 512, 256),
    ],
)
def test_the_shapes_for_a_gpu_run_when_they_are_small(build, monkeypatch):
    monkeypatch.setattr(benchmark, "LIBRARIES", {})
    monkeypatch.setattr(
        benchmark,
        "CONTENDERS",
        {name: benchmark.CONTENDERS[name] for name in ("this engine", "plain hooks")},
    )
    table = benchmark.compare("small", *benchmark.on("cpu", *build()), (1,), 1)
    assert (
        list(table.contender) == ["this engine", "plain hooks", "floating-point bound"]
        and (table.memory[:2] > 0).all()
    )
    assert "| this engine | " in benchmark.line(next(table.itertuples()))
    tables = [table, table.assign(model="another", turns=3)]
    command = "python performance/sweep.py --quick"
    written = benchmark.page(tables, "half of it", command, "speed.png")
    assert "## small" in written and "One turn each." in written
    assert "best of 3 turns." in written and "full sweep: half of it" in written
    assert written.count("| plain hooks | ") == 2 and f"`{command}`" in written
    assert f"answers {table.times_plain_hooks[0]:.1f} (small), " in written
    assert "{" not in written.replace("```{figure} speed.png", "").replace("{doc}`sharing`", "")

    # on a GPU the choice of a layer is not timed again
    monkeypatch.setattr(benchmark, "GPU", "cuda")
    monkeypatch.setattr(benchmark, "machine", lambda: "a GPU")
    on_a_gpu = benchmark.page(tables, None, command, "speed.png")
    assert on_a_gpu.startswith("# Performance on a GPU\n") and "Choosing a layer" not in on_a_gpu
