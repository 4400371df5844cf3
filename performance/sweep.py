"""How fast is a sweep? Every way to run it, on the same model and questions, in one run: `python
performance/sweep.py --quick`.

Every contender answers the same questions with every self-attention knocked out once, at the batch
that suits it best. On a GPU, in bfloat16, the shapes of Qwen2-VL-2B and LLaVA-NeXT-8B join. `--page
FILE` writes the results as the book's performance page.
"""

import argparse
import copy
import ctypes
import platform
import shlex
import subprocess
import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from chart import save_chart
from libraries import LIBRARIES
from shapes import llava_30, llava_next_8b, mini, on, qwen2vl_2b, smolvlm
from torch.utils.flop_counter import FlopCounterMode

from talo_mini import Knockout, knockout, load_benchmark, load_vlm
from talo_mini.engine.ending import rounding
from talo_mini.engine.memory import out_of_memory
from talo_mini.engine.replay import one_pass
from talo_mini.interventions import zeroed_weights
from talo_mini.models.anatomy import find_anatomy
from talo_mini.models.eager import telling_weights
from talo_mini.models.temporary import replacement, temporarily
from talo_mini.studies import select_layer

TOLERANCE = 1e-3
GPU = "cuda" if torch.cuda.is_available() else None
PEAKS = {
    "H200": 989,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "L4": 121,
    "T4": 65,
}  # dense half-precision TFLOP/s, NVIDIA's data sheets


def knockouts(anatomy):
    """One for the self-attention of every decoder layer that has one."""
    return [
        Knockout("self-attention", i)
        for i, layer in enumerate(anatomy.stacks["decoder"])
        if "self-attention" in layer.parts
    ]


def last(model, inputs):
    """Logits of the next token, [questions, vocabulary]."""
    return model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]


def one_pass_engine(model, anatomy, inputs):
    """The engine of talo-mini."""
    return list(one_pass(model, anatomy, inputs, [(k,) for k in knockouts(anatomy)], check=False))


def one_by_one(model, anatomy, inputs, way=knockout):
    """A whole pass of the model for every knockout."""
    logits = [last(model, inputs)]
    for k in knockouts(anatomy):
        with way(anatomy, k):
            logits.append(last(model, inputs))
    return logits


def hooks_with_cached_pictures(model, anatomy, inputs):
    """The same, but the picture is encoded once."""
    encode, encoded = model.model.get_image_features, []

    def remembered(*args, **options):
        if not encoded:
            encoded.append(encode(*args, **options))
        return encoded[0]

    with temporarily([replacement(model.model, "get_image_features", remembered)]):
        return one_by_one(model, anatomy, inputs)


def all_in_one_batch(model, anatomy, inputs):
    """Every variant as a copy of the questions in one batch; a hook zeroes each one's rows (as a
    trace of many invokes does).
    """
    chosen, questions = knockouts(anatomy), len(inputs["input_ids"])
    many = {
        name: value.repeat(len(chosen) + 1, *[1] * (value.ndim - 1))
        for name, value in inputs.items()
    }
    hooks = []
    for number, k in enumerate(chosen, start=1):
        rows = slice(number * questions, (number + 1) * questions)

        def zero(module, args, output, rows=rows):
            first = (output[0] if isinstance(output, tuple) else output).clone()
            first[rows] = 0
            return (first, *output[1:]) if isinstance(output, tuple) else first

        hooks += [
            module.register_forward_hook(zero)
            for module in anatomy.part(k.part, k.layer).modules.values()
        ]
    try:
        return list(last(model, many).split(questions))
    finally:
        for hook in hooks:
            hook.remove()


CONTENDERS = {
    "plain hooks": one_by_one,
    "this engine": one_pass_engine,
    "hooks, pictures encoded once": hooks_with_cached_pictures,
    "weights zeroed and restored": partial(one_by_one, way=zeroed_weights),
    "all variants in one batch": all_in_one_batch,
}


def measured(run, given, trim=False):
    """What a run gives, its seconds, and the most memory it took beyond what was held before, in
    GiB (of a GPU, else where Linux tells).

    On a CPU memory is true only after `trim`: what earlier runs freed goes back to the system,
    which costs the next run some speed.
    """
    watermark = Path("/proc/self/clear_refs")
    if GPU:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    elif trim and watermark.exists():
        getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)
        watermark.write_text("5", encoding="utf-8")
    before = torch.cuda.memory_allocated() / 2**30 if GPU else resident("VmRSS")
    start = time.perf_counter()
    result = run(given)
    if GPU:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return (
        result,
        seconds,
        (torch.cuda.max_memory_allocated() / 2**30 if GPU else resident("VmHWM")) - before,
    )


def resident(name):
    """Memory of this process as Linux calls it, in GiB; nan elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next(
        (int(line.split()[1]) / 2**20 for line in lines if line.startswith(name)), float("nan")
    )


def peak():
    """Floating-point operations a second that this GPU could do by its data sheet; nan without one
    that we know.
    """
    name = torch.cuda.get_device_name() if GPU else ""
    return next((1e12 * value for key, value in PEAKS.items() if key in name), float("nan"))


def operations(model, anatomy, inputs):
    """Counted floating-point operations: of the base run, and of the least that a sweep of all
    self-attentions needs.

    The least: the base run once; for a knockout at a layer that layer without its attention, and
    the layers above it; of the last layer the keys and values of all positions and the rest for one
    position; the output embeddings once each.
    """
    counter = FlopCounterMode(display=False)
    plain = telling_weights(model) if GPU else nullcontext()  # it cannot count all fused attention
    with plain, counter, torch.inference_mode():
        last(model, inputs)
    counts = {
        path.removeprefix(f"{type(model).__name__}."): sum(flops.values())
        for path, flops in counter.get_flop_counts().items()
    }
    stack, tokens = anatomy.stacks["decoder"], inputs["input_ids"].shape[1]
    whole = [counts[layer.path] for layer in stack]
    attentions = [
        sum(counts[path] for path in layer.parts["self-attention"].modules) for layer in stack
    ]
    ends = stack[-1].parts["self-attention"].modules
    projected = sum(
        counts.get(f"{path}.{name}", 0) for path in ends for name in ("k_proj", "v_proj")
    )
    short = projected + (whole[-1] - projected) / tokens
    least, layers = (
        counts["Global"] if "Global" in counts else counter.get_total_flops(),
        len(stack),
    )
    base = least
    for i in range(layers - 1):
        least += whole[i] - attentions[i] + sum(whole[i + 1 : -1]) + short
    least += (whole[-1] - attentions[-1]) / tokens + layers * counts.get("lm_head", 0)
    return base, least


@torch.inference_mode()
def compare(name, model, inputs, batches, repeats):
    """One row a contender: questions a second at its best batch, as a ratio to plain hooks."""
    anatomy, speeds, memories, plain = find_anatomy(model), {}, {}, {}
    ours = {contender: partial(run, model, anatomy) for contender, run in CONTENDERS.items()}
    # a copy each: pyvene takes away every hook of a model, also those that transformers needs
    chosen = [path for k in knockouts(anatomy) for path in anatomy.part(k.part, k.layer).modules]
    others = (
        {
            contender: partial(run, copy.deepcopy(model), chosen=chosen, last=last)
            for contender, run in LIBRARIES.items()
        }
        if sum(p.numel() for p in model.parameters()) < 4e9
        else {}
    )
    failed = {}
    for size in batches:
        given, exact = inputs(size), None
        last(model, given)  # the first pass of a shape takes longer
        for turn in range(
            repeats
        ):  # contenders take turns, so that whatever else the machine does meets all of them
            for contender, run in {**ours, **others}.items():
                try:
                    result, seconds, memory = measured(run, given, trim=turn == 0)
                except Exception as error:
                    if contender in ours and not out_of_memory(error):
                        raise
                    failed[contender] = (
                        f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
                    )
                    continue
                exact = result if exact is None else exact
                difference = max(
                    (a - b).abs().max().item() for a, b in zip(exact, result, strict=True)
                )
                if difference > max(
                    TOLERANCE,
                    rounding(model.dtype) * max(logits.abs().max().item() for logits in exact),
                ):
                    failed[contender] = f"its logits differ by {difference:.1e}"
                    continue
                speeds[contender] = max(speeds.get(contender, (0.0, 0)), (size / seconds, size))
                memories.setdefault((contender, size), memory)
            plain[size] = min(
                plain.get(size, float("inf")), measured(partial(last, model), given)[1]
            )
    rows = [
        dict(
            model=name,
            contender=contender,
            questions_per_second=speed,
            batch=size,
            memory=memories[contender, size],
        )
        for contender, (speed, size) in speeds.items()
    ]
    failed = {contender: why for contender, why in failed.items() if contender not in speeds}
    rows += [
        dict(
            model=name,
            contender=f"{contender}, left out ({why})",
            questions_per_second=float("nan"),
            batch=0,
            memory=float("nan"),
        )
        for contender, why in failed.items()
    ]
    size = min(plain, key=lambda size: plain[size] / size)
    base, least = operations(model, anatomy, inputs(size))
    bound = size / (plain[size] * least / base)
    rows.append(
        dict(
            model=name,
            contender="floating-point bound",
            questions_per_second=bound,
            batch=size,
            memory=float("nan"),
        )
    )
    table = pd.DataFrame(rows)
    hooks = table.set_index("contender").questions_per_second["plain hooks"]
    return table.assign(
        times_plain_hooks=table.questions_per_second / hooks,
        share_of_bound=table.questions_per_second / bound,
        turns=repeats,
        utilisation=table.questions_per_second * least / size / peak(),
    )


def selection(name, shots):
    """How much of a sweep TaLo's choice can leave out, on every task: mean share of answers under a
    knockout never asked, least and most.
    """
    vlm, benchmark = load_vlm(name), load_benchmark("mini-worlds", per_task=shots, form="direct")
    saved = [select_layer(vlm, benchmark.subset(tasks=[task.name]))[1] for task in benchmark.tasks]
    return (
        f"on the {len(saved)} tasks of the mini worlds in the direct form, with {shots} shots, "
        f"{100 * sum(saved) / len(saved):.0f}% of the answers "
        f"under a knockout are never asked on average (least {100 * min(saved):.0f}%, most "
        f"{100 * max(saved):.0f}% of a task's)"
    )


def machine():
    """What the figures were measured on, in words."""
    if GPU:
        cores = torch.cuda.get_device_name()
    else:
        threads = torch.get_num_threads()
        cores = (
            f"{threads} thread{'s' * (threads > 1)} of {platform.processor() or platform.machine()}"
        )
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip()
        for line in (info.read_text(encoding="utf-8").splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    commit = subprocess.run(
        ["git", "describe", "--always", "--abbrev=10", "--exclude=*", "--dirty=+"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    processor = names[0] if names else "unknown processor"
    return (
        f"{cores} ({processor}), PyTorch {torch.__version__}, commit {commit}, "
        f"{time.strftime('%Y-%m-%d')}"
    )


PAGE = Path(__file__).with_name("performance.template.md").read_text(encoding="utf-8")


COLUMNS = (
    "way",
    "questions a second",
    "batch",
    "times plain hooks",
    "share of the bound",
    "memory beside the model (GiB)",
    *(["model FLOP utilisation"] if GPU else []),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"


def line(row):
    """A row of the page's table."""
    cells = [
        f"{row.questions_per_second:.3g}",
        row.batch,
        f"{row.times_plain_hooks:.2f}",
        f"{100 * row.share_of_bound:.0f}%",
        "" if row.memory != row.memory else f"{row.memory:.3f}",
        *([f"{100 * row.utilisation:.0f}%"] if GPU else []),
    ]
    return (
        f"| {row.contender} | {' | '.join(map(str, cells if row.batch else [''] * len(cells)))} |"
    )


def bars_of(table):
    """The chart's bars of a model: this engine, the next best idea, and other libraries."""
    speeds = table.set_index("contender").times_plain_hooks.dropna()
    shown = ["this engine", "hooks, pictures encoded once", *(set(LIBRARIES) & set(speeds.index))]
    bound = speeds["floating-point bound"]
    return [
        dict(
            label=f"{table.model[0]}: {name}",
            times=speeds[name],
            bound=bound if name == shown[0] else None,
            ours=name == shown[0],
        )
        for name in shown
    ]


UTILISATION = """ *Model FLOP utilisation* is what the sweep
needs, at least, beside what the GPU's data sheet promises in that time (dense, half precision)."""

CHOOSING = """Choosing a layer for TaLo needs even less. The base model answers the probe questions
first; only where it errs can a layer gain, and a layer that can no longer win is asked no more
(`select_layer`). The choice is that of a full sweep: {saved}.

"""


def page(tables, saved, command, figure):
    """The book's page of these tables, made by a command; `saved`: what `selection` tells, None on
    a GPU.
    """
    turns = [int(table.turns[0]) for table in tables]
    shown = [
        f"## {table.model[0]}\n\n"
        + HEAD
        + "\n".join(map(line, table.itertuples()))
        + ("\n\nOne turn each." if number == 1 else f"\n\nOf each way the best of {number} turns.")
        for table, number in zip(tables, turns, strict=True)
    ]
    ours = [next(table[table.contender == "this engine"].itertuples()) for table in tables]
    speeds = [f"{row.times_plain_hooks:.1f} ({row.model})" for row in ours]
    return PAGE.format(
        speeds=", ".join(speeds),
        tables="\n\n".join(shown),
        where=" on a GPU" if GPU else "",
        figure=figure,
        choosing=CHOOSING.format(saved=saved) if saved else "",
        utilisation=UTILISATION if GPU else "",
        command=command,
        machine=machine(),
        kind="bfloat16" if GPU else "float32",
        tolerance="rounding" if GPU else f"{TOLERANCE:g}",
    )


def made_there(shape):
    """A shape with random weights, made on the GPU in bfloat16: too large to be made elsewhere
    first.
    """
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(GPU):
            return shape()
    finally:
        torch.set_default_dtype(torch.float32)


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer repeats and questions: under 2 minutes on two cores",
    )
    parser.add_argument("--page", help="write the book's page here")
    parser.add_argument("--only", default="", help="cases whose name has these words")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    turns = 1 if chosen.quick else 3  # on a CPU fewer where one takes minutes
    cases = {
        "llava-mini": (
            partial(mini, "llava-mini"),
            (8, 32) if chosen.quick else (1, 8, 16, 32, 64),
            turns,
        ),
        "smollm-mini": (
            partial(mini, "smollm-mini"),
            (2,) if chosen.quick else (2, 4, 8),
            1 if chosen.quick else 2,
        ),
        "LLaVA, 30 layers, 576 wide": (llava_30, (2,) if chosen.quick else (2, 4), turns),
    }
    if not chosen.quick:
        cases["SmolVLM-256M's shape"] = (smolvlm, (1, 8) if GPU else (1,), turns if GPU else 1)
    if GPU:
        cases["Qwen2-VL-2B's shape"] = (partial(made_there, qwen2vl_2b), (4, 16), 2)
        cases["LLaVA-NeXT-8B's shape"] = (partial(made_there, llava_next_8b), (1, 2), 1)
    cases = {name: case for name, case in cases.items() if chosen.only in name}
    tables = []
    for name, (make, batches, repeats) in cases.items():  # one model at a time is held
        try:
            tables.append(compare(name, *on(GPU or "cpu", *make()), batches, repeats))
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            print(f"{name} is left out: it does not fit here ({error})")
            continue
        print(tables[-1].round(2).to_string(index=False), flush=True)
    if chosen.page:
        path = Path(chosen.page)
        saved = None if GPU else selection("llava-mini", 20)
        command = shlex.join(["python", "performance/sweep.py", *sys.argv[1:]])
        figure = path.with_suffix(".png")
        path.write_text(page(tables, saved, command, figure.name), encoding="utf-8")
        bars = [bar for table in tables for bar in bars_of(table)]
        save_chart(bars, "A sweep of every layer, beside plain hooks", figure)


if __name__ == "__main__":
    main()
