"""A mini VLM in training: batches of lessons, two optimisers, checkpoints."""

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from ..errors import BadInput
from .architectures import ARCHITECTURES
from .lessons import Batch, Packer

SEED = 0
STEPS = 3000
STAGES = {
    0: "look",
    23: "answer",
    31: "practise",
    44: "finish",
}  # when each stage of lessons begins, in sixtieths of all steps
PICTURES, TOKENS = 112, 112  # a batch: pictures, tokens in each sequence
MUON_RATE, ADAMW_RATE = 4e-3, 3e-3  # matrices; embeddings and vectors
VISION = (
    0.25  # the vision side's share of these rates; at the full rates it collapses to a constant
)
WARMUP, DECAY = (
    50,
    0.3,
)  # steps, for the drill and again for pictures; share of a run with a falling rate
DRILLED = 0.98  # letter drill accuracy at which pictures are first shown
CHECKPOINT = 50  # steps
SNAPSHOTS = (0.1, 0.25, 0.5, 0.75)  # shares of a run after which the model is kept as it is then


def learning_rate(step: int, steps: int, begun: int, pictures: int) -> float:
    """Share of the full rates at a step of a run that began at `begun`, saw its first picture at
    `pictures` and ends at `steps`.

    It warms up at both, stays, and falls to zero over the last 30% of the run: mending begins at
    the full rates again, since at small ones a task that was not learned stays so.
    """
    return min(
        1, (step - max(begun, pictures) + 1) / WARMUP, (steps - step) / (DECAY * (steps - begun))
    )


class Trainer:
    """A model in training: bfloat16 for the passes, float32 for embeddings and the optimisers' own
    weights.
    """

    pictures, tokens = PICTURES, TOKENS

    def __init__(self, name: str, folder: Path, device: str, seed: int = SEED):
        torch.manual_seed(seed)
        torch.set_float32_matmul_precision("high")  # a GPU multiplies in TF32
        self.folder, self.device, self.seed = folder, device, seed
        self.seconds = 0.0
        self.step = 0
        self.recent = 0.0  # moving accuracy of the answers, which ends the letter drill
        self.drilled: int | None = None  # the step from which pictures are shown
        self.runs: list[str] = []  # the options of each run
        self.devices: list[str] = []  # where they ran
        self.begun = 0  # the step at which the last of them began
        self.prepare(name)

    def prepare(self, name: str):
        """Build the model, the copy that is run, and the optimisers."""
        device = self.device
        self.model, self.processor = ARCHITECTURES[name]()
        self.model.to(device)
        self.net = copy.deepcopy(self.model).to(torch.bfloat16)
        self.net.set_attn_implementation("eager")  # faster than sdpa at these sizes on a CPU
        self.net.set_input_embeddings(self.model.get_input_embeddings())
        self.net.lm_head = self.model.lm_head
        self.net.get_input_embeddings().register_forward_hook(
            lambda module, args, output: output.to(torch.bfloat16)
        )
        for layer in self.net.get_decoder().layers:
            layer.compile()
        shared = {id(p) for p in self.net.parameters()}
        self.pairs = [
            (p, q)
            for p, q in zip(self.model.parameters(), self.net.parameters(), strict=True)
            if id(p) not in shared
        ]
        groups = {}
        for name, parameter in self.model.named_parameters():
            key = parameter.ndim == 2 and "embed" not in name, "language_model" in name
            groups.setdefault(key, []).append(parameter)

        def rated(matrix, rate):
            """The language model's parameters of a kind at this rate, those of pictures slower."""
            return [
                dict(params=groups[matrix, True], full_rate=rate),
                dict(params=groups[matrix, False], full_rate=rate * VISION),
            ]

        self.optimizers = [
            torch.optim.Muon(rated(True, MUON_RATE), adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rated(False, ADAMW_RATE), betas=(0.9, 0.98), weight_decay=0.0),
        ]

    def packer(self, number: int, stage: str, mend: tuple[str, ...]) -> Packer:
        """The lessons of the `number`-th stretch of training."""
        return Packer(self.model, self.processor, number, self.pictures, self.tokens, stage, mend)

    def logits(self, batch):
        """Logits of every supervised position, and their targets."""
        dtype = self.net.dtype
        pictures = {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in batch.pictures.items()
        }
        hidden = self.net.model(
            input_ids=batch.input_ids,
            attention_mask=batch.mask(dtype),
            position_ids=batch.position_ids,
            use_cache=False,
            **pictures,
        ).last_hidden_state
        asked = batch.targets >= 0
        return self.net.lm_head(hidden[asked].float()), batch.targets[asked]

    def learn(self, batch, rate: float) -> float:
        """One optimiser step at `rate` times the full learning rates; gives the accuracy of the
        answers.
        """
        logits, targets = self.logits(batch.to(self.device))
        F.cross_entropy(logits, targets).backward()
        for full, half in self.pairs:
            full.grad = None if half.grad is None else half.grad.float()
            half.grad = None
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * rate
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            for full, half in self.pairs:
                half.copy_(full)
        answers = targets != self.processor.tokenizer.eos_token_id
        return (logits.argmax(-1) == targets)[answers].float().mean().item()

    def state(self) -> dict:
        """The weights a stopped run needs to go on."""
        return self.model.state_dict()

    def restore(self, saved: dict):
        """Take up saved weights."""
        self.model.load_state_dict(saved)

    def save(self):
        """Write the checkpoint, so that a stopped run goes on from here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = dict(
            model=self.state(),
            optimizers=[o.state_dict() for o in self.optimizers],
            seed=self.seed,
            step=self.step,
            recent=self.recent,
            drilled=self.drilled,
            runs=self.runs,
            devices=self.devices,
            begun=self.begun,
            seconds=self.seconds,
        )
        torch.save(state, self.folder / "checkpoint.new")
        (self.folder / "checkpoint.new").replace(self.folder / "checkpoint.pt")

    def load(self):
        """Go on from the checkpoint, if there is one. Raises BadInput where it has another seed."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device)
        self.check_seed(path, state)
        self.restore(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for name in ("step", "drilled", "runs", "devices", "begun", "seconds"):
            setattr(self, name, state[name])
        self.recent = state.get("recent", 0.0)  # older checkpoints have none
        with torch.no_grad():
            for full, half in self.pairs:
                half.copy_(full)

    def check_seed(self, path: Path, kept: dict):
        """Raise BadInput where what is kept there was trained with another seed."""
        seed = kept.get("seed", self.seed)  # older checkpoints have none
        if seed != self.seed:
            raise BadInput(
                f"{path} was trained with seed {seed}, and cannot go on with seed {self.seed}; say "
                f"--seed {seed}, or train in another folder from the start"
            )

    def export(self, target: Path):
        """Write the trained model and its processor in bfloat16, as `from_pretrained` reads them,
        and how it was made.
        """
        model = copy.deepcopy(self.model).to(torch.bfloat16)
        model.save_pretrained(target)
        self.processor.save_pretrained(target)
        (target / "training.json").write_text(
            json.dumps(self.record(), indent=1) + "\n", encoding="utf-8"
        )

    def record(self) -> dict:
        """How the model was made, for its card."""
        return dict(
            seed=self.seed,
            runs=self.runs,
            drilled=self.drilled,
            pictures=self.step - (self.drilled or self.step),
            batch=self.pictures,
            hours=round(self.seconds / 3600, 2),
            device=", then ".join(self.devices),
        )

    def begin(self, options: str):
        """Note a run that begins; one that was stopped and is called again with the same options
        goes on.
        """
        cores = torch.get_num_threads()
        device = f"{cores} CPU core" + "s" * (cores > 1)
        if self.device == "cuda":
            device = torch.cuda.get_device_name()
        if not self.runs or self.runs[-1] != options:
            self.runs.append(options)
            self.begun = self.step
        if not self.devices or self.devices[-1] != device:
            self.devices.append(device)

    def batches(self, steps: int, mend: tuple[str, ...]) -> Iterator[Batch]:
        """Lessons from here to the end; beside a GPU another process packs them ahead."""
        ahead = dict(num_workers=1, prefetch_factor=16, multiprocessing_context="fork")
        options = ahead if self.device == "cuda" else {}
        return iter(DataLoader(Lessons(self, steps, mend), batch_size=None, **options))

    def run(self, steps: int, log, mend: tuple[str, ...] = ()):
        """Letter drill first, then pictures, the tasks of `mend` most often; a checkpoint at every
        50th step.
        """
        if self.step >= steps:
            return
        batch = [f"--batch {self.pictures}"] * (self.pictures != type(self).pictures)
        self.begin(" ".join([f"--steps {steps}", *batch, *(["--mend", *mend] if mend else [])]))
        batches = self.batches(steps, mend)
        bar = tqdm(total=steps, initial=self.step, unit="step", mininterval=10)
        while self.step < steps:
            start = time.time()
            accuracy = self.learn(
                next(batches),
                learning_rate(self.step, steps, self.begun, self.drilled or 0),
            )
            self.recent = 0.95 * self.recent + 0.05 * accuracy
            self.step += 1
            self.seconds += time.time() - start
            if self.drilled is None and self.recent >= DRILLED:
                self.drilled = self.step
                batches = self.batches(steps, mend)
            bar.update()
            bar.set_postfix(accuracy=f"{self.recent:.3f}", pictures=self.drilled is not None)
            log(
                step=self.step,
                accuracy=accuracy,
                recent=self.recent,
                drilled=self.drilled,
                seconds=time.time() - start,
            )
            if self.step % CHECKPOINT == 0 or self.step == steps:
                self.save()
            if self.step in {round(share * steps) for share in SNAPSHOTS}:
                self.export(self.folder / f"step-{self.step}")


class Lessons(IterableDataset):
    """Batches of a trainer from its present step on, drill or pictures as it stands now."""

    def __init__(self, trainer: Trainer, steps: int, mend: tuple[str, ...]):
        self.trainer, self.first, self.steps, self.mend = trainer, trainer.step, steps, mend
        self.pictures = trainer.drilled is not None

    def __iter__(self):
        """A packer of its own for every stretch between two checkpoints."""
        for step in range(self.first, self.steps):
            if step % CHECKPOINT == 0 or step == self.first:
                stage = STAGES[max(start for start in STAGES if start * self.steps <= 60 * step)]
                number = self.trainer.seed * 1000 + step // CHECKPOINT
                packer = self.trainer.packer(number, stage, self.mend)
            yield packer.batch(self.pictures)
