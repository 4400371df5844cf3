"""Fine-tune a VLM on a few questions: LoRA, OFT or all weights, and merging with what it was (needs
the extra `finetune`).
"""

import copy
import random
from dataclasses import replace

import torch

from ..benchmarks.questions import Benchmark, Question, parted
from ..errors import BadInput
from ..models.vlm import VLM
from ..progress import progress

RATES = {
    "lora": 2e-3,
    "oft": 4e-3,
    "full": 2e-4,
}  # learning rates of AdamW, chosen on training questions of the minis
AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of the tuned weights that merging tries
RANK = 8


def answer_loss(vlm: VLM, questions: list[Question], logits: torch.Tensor) -> torch.Tensor:
    """Mean negative log-probability of the right options, from logits of the next token [questions,
    vocabulary].
    """
    logs = torch.log_softmax(logits.float(), -1)
    return -torch.stack(
        [
            vlm.option_logs(question, row)[question.answer]
            for question, row in zip(questions, logs, strict=True)
        ]
    ).mean()


def adapted(vlm: VLM, method: str, layers=None, rank: int = RANK):
    """A copy of the model with a trainable adapter (peft) on the attentions and MLPs of the
    decoder, or all of it trainable.

    Raises BadInput for an unknown method and where the decoder has no linear maps of that kind.
    """
    if method not in RATES:
        raise BadInput(f"unknown method {method!r}; use one of {', '.join(RATES)}")
    model = copy.deepcopy(vlm.model)
    if method == "full":
        return model
    from peft import LoraConfig, OFTConfig, get_peft_model

    stack = vlm.anatomy.stacks["decoder"]
    chosen = stack if layers is None else [stack[i] for i in layers]
    parts = [
        path
        for layer in chosen
        for name, part in layer.parts.items()
        for path in part.modules
        if layers is None or "attention" in name
    ]
    targets = [
        path
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and any(path.startswith(f"{part}.") for part in parts)
    ]
    if not targets:
        raise BadInput(
            f"{vlm.name} has no linear maps in its decoder's attentions and MLPs to put an "
            "adapter on"
        )
    if method == "lora":
        return get_peft_model(
            model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets)
        )
    block = next(
        size
        for size in (32, 16, 8, 4, 2, 1)
        if all(model.get_submodule(path).in_features % size == 0 for path in targets)
    )
    return get_peft_model(model, OFTConfig(r=0, oft_block_size=block, target_modules=targets))


def fine_tune(
    vlm: VLM,
    benchmark: Benchmark,
    method: str = "lora",
    passes: int = 10,
    rate: float | None = None,
    batch: int = 16,
    seed: int = 0,
    steps: int | None = None,
) -> VLM:
    """A copy of the VLM, fine-tuned to answer these questions; the VLM itself is untouched.

    `method` is "lora", "oft" (peft adapters on the decoder, merged afterwards) or "full" (every
    weight). AdamW with a rate that falls linearly, over every question `passes` times, or for
    `steps` batches. The loss is what an answer is scored by: the right option's first token. Raises
    BadInput for an unknown method.
    """
    torch.manual_seed(seed)
    rng, model = random.Random(seed), adapted(vlm, method)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    batch = min(batch, len(benchmark.questions))
    steps = steps or -(-len(benchmark.questions) * passes // batch)
    rate = RATES[method] if rate is None else rate
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    waiting = []
    for step in progress(range(steps), desc=f"{method} on {vlm.name}", unit="step"):
        if len(waiting) < batch:
            waiting += rng.sample(benchmark.questions, len(benchmark.questions))
        questions, waiting = waiting[:batch], waiting[batch:]
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        for some in parted(sorted(questions, key=lambda q: len(q.more)), batch):
            logits = model(
                **vlm.inputs(some, benchmark.prompt), use_cache=False, logits_to_keep=1
            ).logits[:, -1]
            (answer_loss(vlm, some, logits) * len(some) / len(questions)).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model = model if method == "full" else model.merge_and_unload()
    return replace(vlm, name=f"{vlm.name} + {method}", model=model.eval().requires_grad_(True))


def merged(vlm: VLM, tuned: VLM, amount: float) -> VLM:
    """The weights of `vlm` plus `amount` times what fine-tuning changed (task arithmetic, Ilharco
    et al. 2023).
    """
    model = copy.deepcopy(vlm.model)
    with torch.no_grad():
        for weight, other in zip(model.parameters(), tuned.model.parameters(), strict=True):
            weight.add_(other - weight, alpha=amount)
    return replace(vlm, name=f"{vlm.name} + {amount:g} merged", model=model)
