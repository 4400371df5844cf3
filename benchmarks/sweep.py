"""How fast is a sweep? Every way to run it, on the same model and questions, in one run: `python benchmarks/sweep.py --quick`.

Every contender answers the same questions with every self-attention knocked out once, at the batch that suits it best.
`--page FILE` writes the results as the book's performance page.
"""

import argparse
import copy
import platform
import subprocess
import time
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (CLIPVisionConfig, Idefics3Config, Idefics3ForConditionalGeneration, LlamaConfig, LlavaConfig,
                          LlavaForConditionalGeneration)

from libraries import LIBRARIES
from talo_mini import Knockout, knockout, load_benchmark, load_vlm, select_layer, zeroed_weights
from talo_mini.anatomy import find_anatomy
from talo_mini.pictures import replaced
from talo_mini.replay import one_pass

TOLERANCE = 1e-3


def knockouts(anatomy):
    return [Knockout("self-attention", i) for i, layer in enumerate(anatomy.stacks["decoder"]) if "self-attention" in layer.parts]


def last(model, inputs):
    return model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]


def one_pass_engine(model, anatomy, inputs):
    return one_pass(model, anatomy, inputs, [(k,) for k in knockouts(anatomy)], check=False)


def one_by_one(model, anatomy, inputs, way=knockout):
    found = [last(model, inputs)]
    for k in knockouts(anatomy):
        with way(anatomy, k):
            found.append(last(model, inputs))
    return found


def hooks_with_cached_pictures(model, anatomy, inputs):
    own, kept = model.model.get_image_features, []

    def remembered(*args, **options):
        if not kept:
            kept.append(own(*args, **options))
        return kept[0]

    with replaced(model.model, "get_image_features", remembered):
        return one_by_one(model, anatomy, inputs)


def all_in_one_batch(model, anatomy, inputs):
    """Every variant as a copy of the questions in one batch; a hook zeroes each one's rows (as a trace of many invokes does)."""
    chosen, questions = knockouts(anatomy), len(inputs["input_ids"])
    many = {name: value.repeat(len(chosen) + 1, *[1] * (value.ndim - 1)) for name, value in inputs.items()}
    hooks = []
    for number, k in enumerate(chosen, start=1):
        rows = slice(number * questions, (number + 1) * questions)

        def zero(module, args, output, rows=rows):
            first = (output[0] if isinstance(output, tuple) else output).clone()
            first[rows] = 0
            return (first, *output[1:]) if isinstance(output, tuple) else first
        hooks += [module.register_forward_hook(zero) for module in anatomy.part(k.part, k.layer).modules.values()]
    try:
        return list(last(model, many).split(questions))
    finally:
        for hook in hooks:
            hook.remove()


CONTENDERS = {"this engine": one_pass_engine, "plain hooks": one_by_one, "hooks, pictures encoded once": hooks_with_cached_pictures,
              "weights zeroed and restored": partial(one_by_one, way=zeroed_weights),
              "all variants in one batch": all_in_one_batch}


def mini(name):
    """A shipped mini and its own questions."""
    vlm = load_vlm(name)
    benchmark = load_benchmark("mini-worlds", tasks=["count_colour", "table_read", "map_name"], per_task=22, form="choice")
    return vlm.model, lambda size: dict(vlm.inputs(benchmark.questions[:size]))


def _noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def llava_30():
    """LLaVA in the decoder shape of SmolVLM-256M: 30 layers, 576 wide; 12 small vision layers, 104 tokens; random weights."""
    vision = CLIPVisionConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=12, num_attention_heads=3, image_size=128, patch_size=16)
    text = LlamaConfig(vocab_size=4096, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3)
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_seq_length=64, image_token_id=4095))

    def inputs(size):
        ids = torch.randint(0, 4000, (size, 104), generator=torch.Generator().manual_seed(0))
        ids[:, 4:68] = 4095
        return dict(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=_noise(size, 3, 128, 128))
    return model.eval(), inputs


def smolvlm():
    """The true shape of SmolVLM-256M: vision encoder of 12 layers, 768 wide, 512 x 512 pixels, 64 picture tokens; random weights."""
    config = Idefics3Config(
        image_token_id=49190, scale_factor=4, pad_token_id=2,
        vision_config=dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, image_size=512, patch_size=16),
        text_config=LlamaConfig(vocab_size=49280, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
                                num_key_value_heads=3, pad_token_id=2).to_dict())
    model = Idefics3ForConditionalGeneration(config)

    def inputs(size):
        ids = torch.randint(10, 4000, (size, 104), generator=torch.Generator().manual_seed(0))
        ids[:, 4:68] = 49190
        return dict(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=_noise(size, 1, 3, 512, 512))
    return model.eval(), inputs


def operations(model, anatomy, inputs):
    """Counted floating-point operations: of the base run, and of the least that a sweep of all self-attentions needs.

    The least: the base run once; for a knockout at a layer that layer without its attention, and the layers above it; of the
    last layer the keys and values of all positions and the rest for one position; the output embeddings once each.
    """
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        last(model, inputs)
    counts = {path.removeprefix(f"{type(model).__name__}."): sum(found.values()) for path, found in counter.get_flop_counts().items()}
    stack, tokens = anatomy.stacks["decoder"], inputs["input_ids"].shape[1]
    whole = [counts[layer.path] for layer in stack]
    attention = [sum(counts[path] for path in layer.parts["self-attention"].modules) for layer in stack]
    ends = stack[-1].parts["self-attention"].modules
    kept = sum(counts.get(f"{path}.{name}", 0) for path in ends for name in ("k_proj", "v_proj"))
    short = kept + (whole[-1] - kept) / tokens
    least, layers = counts["Global"] if "Global" in counts else counter.get_total_flops(), len(stack)
    base = least
    for i in range(layers - 1):
        least += whole[i] - attention[i] + sum(whole[i + 1:-1]) + short
    least += (whole[-1] - attention[-1]) / tokens + layers * counts.get("lm_head", 0)
    return base, least


@torch.inference_mode()
def compare(name, model, inputs, batches, repeats):
    """One row a contender: questions a second at its best batch, as a ratio to plain hooks."""
    anatomy, speeds, plain = find_anatomy(model), {}, {}
    ours = {contender: partial(run, model, anatomy) for contender, run in CONTENDERS.items()}
    # a copy each: pyvene takes away every hook of a model, also those that transformers needs
    chosen = [path for k in knockouts(anatomy) for path in anatomy.part(k.part, k.layer).modules]
    others = {contender: partial(run, copy.deepcopy(model), chosen=chosen, last=last) for contender, run in LIBRARIES.items()}
    failed = {}
    for size in batches:
        given, exact = inputs(size), None
        last(model, given)  # the first pass of a shape takes longer
        for _ in range(repeats):  # contenders take turns, so that whatever else the machine does meets all of them
            for contender, run in {**ours, **others}.items():
                start = time.perf_counter()
                try:
                    found = run(given)
                except Exception as error:
                    if contender in ours:
                        raise
                    failed[contender] = f"{type(error).__name__}: {error}"
                    continue
                speed = size / (time.perf_counter() - start)
                speeds[contender] = max(speeds.get(contender, (0.0, 0)), (speed, size))
                exact = found if exact is None else exact
                difference = max((a - b).abs().max().item() for a, b in zip(exact, found, strict=True))
                assert difference < TOLERANCE, f"{contender} differs by {difference}"
            start = time.perf_counter()
            last(model, given)
            plain[size] = min(plain.get(size, float("inf")), time.perf_counter() - start)
    rows = [dict(model=name, contender=contender, questions_per_second=speed, batch=size) for contender, (speed, size) in speeds.items()]
    rows += [dict(model=name, contender=f"{contender}, which stops ({why})", questions_per_second=float("nan"), batch=0) for contender, why in failed.items()]
    size = min(plain, key=lambda size: plain[size] / size)
    base, least = operations(model, anatomy, inputs(size))
    bound = size / (plain[size] * least / base)
    rows.append(dict(model=name, contender="floating-point bound", questions_per_second=bound, batch=size))
    table = pd.DataFrame(rows)
    hooks = table.set_index("contender").questions_per_second["plain hooks"]
    return table.assign(times_plain_hooks=table.questions_per_second / hooks, share_of_bound=table.questions_per_second / bound)


def selection(name, shots):
    """How much of a sweep TaLo's choice can leave out, on every task: mean share of answers never asked, least and most."""
    vlm, benchmark = load_vlm(name), load_benchmark("mini-worlds", per_task=shots, form="direct")
    saved = [select_layer(vlm, benchmark.subset(tasks=[task.name]))[1] for task in benchmark.tasks]
    return f"on the {len(saved)} tasks of the mini worlds, with {shots} shots, {100 * sum(saved) / len(saved):.0f}% of the answers are never asked " \
           f"(from {100 * min(saved):.0f}% to {100 * max(saved):.0f}%)"


def machine():
    cores = f"{torch.get_num_threads()} threads of {platform.processor() or platform.machine()}"
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in (info.read_text().splitlines() if info.exists() else ()) if line.startswith("model name")]
    commit = subprocess.run(["git", "describe", "--always", "--abbrev=10", "--exclude=*", "--dirty=+"], capture_output=True, text=True).stdout.strip()
    return f"{cores} ({names[0] if names else 'unknown processor'}), PyTorch {torch.__version__}, commit {commit}, {time.strftime('%Y-%m-%d')}"


PAGE = """# Performance

A sweep knocks out every layer once. Run plainly, that is one whole pass of the model for every layer. But only the layers above
the knocked-out one change, and the picture is encoded the same each time. The engine of talo-mini runs the base model once and
walks its layers once: all variants knocked out below go through a layer together. What a knockout silences is not computed, and of
the last layer's MLP only the position that is scored.

Each row is one way to answer the same questions with every self-attention knocked out, at the batch size that suits it best, in
float32. All ways give the same logits (to {tolerance:g}), checked in the same run. The *bound* counts the floating-point operations
that a layer-by-layer sweep needs, at the speed this machine reaches in a plain forward pass; a contender can pass it where its
matrices are of a better size than the plain pass has.

{tables}

Choosing a layer for TaLo needs even less. The base model answers the probe questions first; only where it errs can a layer gain, and
a layer that can no longer win is asked no more (`select_layer`). The choice is that of a full sweep: {saved}.

Made by `python benchmarks/sweep.py{quick} --page book/performance.md` on {machine}.

nnsight and pyvene take part where they are installed (`pip install nnsight pyvene`); they are not among the packages of this
project.
"""


HEAD = "| way | questions a second | batch | times plain hooks | share of the bound |\n| --- | --- | --- | --- | --- |\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats and questions: under 2 minutes on two cores")
    parser.add_argument("--page", help="write the book's page here")
    chosen = parser.parse_args()
    torch.manual_seed(0)
    repeats = 1 if chosen.quick else 2
    cases = {"llava-mini": (mini("llava-mini"), (8, 32) if chosen.quick else (1, 8, 16, 32, 64)),
             "LLaVA, 30 layers, 576 wide": (llava_30(), (2,) if chosen.quick else (2, 4))}
    if not chosen.quick:
        cases["SmolVLM-256M's shape"] = (smolvlm(), (1,))
    tables = []
    for name, ((model, inputs), batches) in cases.items():
        tables.append(compare(name, model, inputs, batches, repeats))
        print(tables[-1].round(2).to_string(index=False), flush=True)
    if chosen.page:
        shown = [f"## {table.model[0]}\n\n" + HEAD + "\n".join(
            f"| {r.contender} | {r.questions_per_second:.3g} | {r.batch} | {r.times_plain_hooks:.2f} | {100 * r.share_of_bound:.0f}% |" if r.batch
            else f"| {r.contender} | | | | |" for r in table.itertuples()) for table in tables]
        with open(chosen.page, "w") as file:
            file.write(PAGE.format(tables="\n\n".join(shown), machine=machine(), saved=selection("llava-mini", 20),
                                   quick=" --quick" * chosen.quick, tolerance=TOLERANCE))


if __name__ == "__main__":
    main()
