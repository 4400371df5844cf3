"""Train a mini VLM from scratch: `python -m talo_mini.minis.train llava-mini`."""

import argparse
import copy
import json
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from tqdm import tqdm

from .architectures import ARCHITECTURES
from .lessons import Packer

SEED = 0
STEPS = 3000
STAGES = {0: "look", 23: "answer", 31: "practise", 44: "finish"}  # when each stage of lessons begins, in sixtieths of all steps
PICTURES, TOKENS = 112, 112  # a batch: pictures, tokens in each sequence
MUON_RATE, ADAMW_RATE = 4e-3, 3e-3  # matrices; embeddings and vectors
VISION = 0.25  # the vision side's share of these rates; at the full rates it collapses to a constant
WARMUP, DECAY = 50, 0.3  # steps, for the drill and again for pictures; share of a run with a falling rate
DRILLED = 0.98  # letter drill accuracy at which pictures are first shown
CHECKPOINT = 50  # steps


def learning_rate(step: int, steps: int, begun: int, pictures: int) -> float:
    """Share of the full rates at a step of a run that began at `begun`, saw its first picture at `pictures` and ends at `steps`.

    It warms up at both, stays, and falls to zero over the last 30% of the run: mending begins at the full rates again, since
    at small ones a task that was not learned stays so.
    """
    return min(1, (step - max(begun, pictures) + 1) / WARMUP, (steps - step) / (DECAY * (steps - begun)))


class Trainer:
    """A model in training: bfloat16 for the passes, float32 for embeddings and the optimisers' own weights."""

    def __init__(self, name: str, folder: Path, device: str, seed: int = SEED):
        torch.manual_seed(seed)
        self.folder, self.device, self.seed = folder, device, seed
        self.model, self.processor = ARCHITECTURES[name]()
        self.model.to(device)
        self.net = copy.deepcopy(self.model).to(torch.bfloat16)
        self.net.set_attn_implementation("eager")  # faster than sdpa at these sizes on a CPU
        self.net.set_input_embeddings(self.model.get_input_embeddings())
        self.net.lm_head = self.model.lm_head
        self.net.get_input_embeddings().register_forward_hook(lambda module, args, output: output.to(torch.bfloat16))
        for layer in self.net.get_decoder().layers:
            layer.compile()
        shared = {id(p) for p in self.net.parameters()}
        self.pairs = [(p, q) for p, q in zip(self.model.parameters(), self.net.parameters()) if id(p) not in shared]
        groups = {}
        for name, parameter in self.model.named_parameters():
            key = parameter.ndim == 2 and "embed" not in name, "language_model" in name
            groups.setdefault(key, []).append(parameter)
        self.optimizers = [
            optimizer([dict(params=groups[matrix, text], full_rate=rate * (1 if text else VISION)) for text in (True, False)],
                      **options)
            for optimizer, matrix, rate, options in (
                (torch.optim.Muon, True, MUON_RATE, dict(adjust_lr_fn="match_rms_adamw")),
                (torch.optim.AdamW, False, ADAMW_RATE, dict(betas=(0.9, 0.98), weight_decay=0.0)))]
        self.step, self.drilled = 0, None  # drilled: the step from which pictures are shown
        self.runs, self.begun = [], 0  # the options of each finished run; the step at which this one began

    def logits(self, batch):
        """Logits of every supervised position, and their targets."""
        pictures = {name: value.to(torch.bfloat16) if value.is_floating_point() else value
                    for name, value in batch.pictures.items()}
        hidden = self.net.model(input_ids=batch.input_ids, attention_mask=batch.mask(torch.bfloat16),
                                position_ids=batch.position_ids, use_cache=False, **pictures).last_hidden_state
        asked = batch.targets >= 0
        return self.net.lm_head(hidden[asked].float()), batch.targets[asked]

    def learn(self, batch, rate: float) -> float:
        """One optimiser step at `rate` times the full learning rates; gives the accuracy of the answers."""
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

    def save(self):
        """Write the checkpoint, so that a stopped run goes on from here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = dict(model=self.model.state_dict(), optimizers=[o.state_dict() for o in self.optimizers],
                     step=self.step, drilled=self.drilled, runs=self.runs, begun=self.begun)
        torch.save(state, self.folder / "checkpoint.new")
        (self.folder / "checkpoint.new").replace(self.folder / "checkpoint.pt")

    def load(self):
        """Go on from the checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.step, self.drilled, self.runs = state["step"], state["drilled"], state.get("runs", [])
        self.begun = state.get("begun", 0)
        with torch.no_grad():
            for full, half in self.pairs:
                half.copy_(full)

    def export(self, target: Path):
        """Write the trained model and its processor in bfloat16, as `from_pretrained` reads them, and how it was made."""
        model = copy.deepcopy(self.model).to(torch.bfloat16)
        model.save_pretrained(target)
        self.processor.save_pretrained(target)
        seconds = sum(json.loads(line)["seconds"] for line in (self.folder / "log.jsonl").read_text().splitlines())
        device = torch.cuda.get_device_name() if self.device == "cuda" else f"{torch.get_num_threads()} CPU core" + "s" * (torch.get_num_threads() > 1)
        record = dict(seed=self.seed, runs=self.runs, drilled=self.drilled, pictures=self.step - self.drilled, batch=PICTURES,
                      hours=round(seconds / 3600, 2), device=device)
        (target / "training.json").write_text(json.dumps(record, indent=1) + "\n")

    def run(self, steps: int, log, mend: tuple[str, ...] = ()):
        """Letter drill first, then pictures, the tasks of `mend` most often; a checkpoint at every 50th step."""
        recent = 0.0
        bar = tqdm(total=steps, initial=self.step, unit="step", mininterval=10)
        while self.step < steps:
            if self.step % CHECKPOINT == 0 or bar.n == bar.initial:
                packer = Packer(self.model, self.processor, self.seed * 1000 + self.step // CHECKPOINT, PICTURES, TOKENS,
                                STAGES[max(start for start in STAGES if start * steps <= 60 * self.step)], mend)
            pictures = self.drilled is not None
            start = time.time()
            accuracy = self.learn(packer.batch(pictures), learning_rate(self.step, steps, self.begun, self.drilled or 0))
            recent = 0.95 * recent + 0.05 * accuracy
            self.step += 1
            if not pictures and recent >= DRILLED:
                self.drilled = self.step
            bar.update()
            bar.set_postfix(accuracy=f"{recent:.3f}", pictures=pictures)
            log(step=self.step, accuracy=accuracy, recent=recent, drilled=self.drilled, seconds=time.time() - start)
            if self.step % CHECKPOINT == 0:
                self.save()
        self.runs.append(" ".join([f"--steps {steps}", *(["--mend", *mend] if mend else [])]))
        self.begun = self.step
        self.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(ARCHITECTURES))
    parser.add_argument("--steps", type=int, default=STEPS, help="optimiser steps in all (default %(default)s)")
    parser.add_argument("--mend", nargs="+", default=(), help="tasks that were not learned: go on to more steps with these most often")
    parser.add_argument("--folder", type=Path, help="checkpoints and log (default runs/NAME)")
    parser.add_argument("--export", type=Path, help="where the trained model goes (default: the package's own folder)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path("runs") / arguments.name
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(arguments.name, folder, "cuda" if torch.cuda.is_available() else "cpu")
    trainer.load()
    with open(folder / "log.jsonl", "a", buffering=1) as log:
        trainer.run(arguments.steps, lambda **row: log.write(json.dumps(row) + "\n"), tuple(arguments.mend))
    trainer.export(arguments.export or Path(__file__).parent / arguments.name)


if __name__ == "__main__":
    main()
