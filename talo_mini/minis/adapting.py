"""A mini VLM with a pretrained language model in training: only an adapter is learned."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ..models.assembled import weights_digest
from .lessons import ChatPacker, Packer
from .smollm import smollm_mini
from .trainer import Trainer

ADAPTED = {"smollm-mini": smollm_mini}  # minis with a pretrained language model
RANK, ADAPTER_RATE, PROJECTOR_RATE = 16, 5e-4, 2e-3


class AdapterTrainer(Trainer):
    """A pretrained language model stays as it is; a projector and low-rank changes of its linear
    maps are learned.

    Everything is float32: a CPU without bfloat16 units is faster at it.
    """

    pictures, tokens = 10, 144

    def prepare(self, name: str):
        """Build the model, its adapter, and the optimiser of what is learned."""
        from peft import LoraConfig, inject_adapter_in_model

        self.model, self.processor = ADAPTED[name]()
        self.model.requires_grad_(False)
        config = LoraConfig(
            r=RANK, lora_alpha=RANK, target_modules=r".*language_model\.layers\..*_proj"
        )
        inject_adapter_in_model(config, self.model)
        self.model.model.multi_modal_projector.requires_grad_(True)
        self.model.to(self.device).set_attn_implementation("eager")
        self.net, self.pairs = self.model, []
        for layer in self.net.get_decoder().layers:
            layer.compile()
        self.learned = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        projector = [p for name, p in self.learned.items() if "projector" in name]
        adapters = [p for name, p in self.learned.items() if "projector" not in name]
        groups = [
            dict(params=projector, full_rate=PROJECTOR_RATE),
            dict(params=adapters, full_rate=ADAPTER_RATE),
        ]
        self.optimizers = [torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)]

    def packer(self, number: int, stage: str, mend: tuple[str, ...]) -> Packer:
        """The same lessons, written as a chat."""
        return ChatPacker(
            self.model, self.processor, number, self.pictures, self.tokens, stage, mend
        )

    def state(self):
        """What is learned, without the pretrained weights."""
        return {name: p.detach() for name, p in self.learned.items()}

    def restore(self, saved):
        """Take up what was learned."""
        with torch.no_grad():
            for name, parameter in self.learned.items():
                parameter.copy_(saved[name])

    def take_up(self, export: Path):
        """Go on from an export, whose optimiser is gone: from its weights, with its record.

        Raises BadInput where it has another seed.
        """
        record = json.loads((export / "training.json").read_text(encoding="utf-8"))
        self.check_seed(export, record)
        weights = load_file(export / "learned.safetensors")
        self.restore({name: weights[name.replace(".default.weight", "")] for name in self.learned})
        self.drilled, self.runs, self.devices = (
            record["drilled"],
            record["runs"],
            record["device"].split(", then "),
        )
        self.step, self.seconds = (
            (record["drilled"] or 0) + record["pictures"],
            record["hours"] * 3600,
        )

    def export(self, target: Path):
        """Write what was learned in bfloat16, and how."""
        target.mkdir(parents=True, exist_ok=True)
        weights = {
            name.replace(".default.weight", ""): p.detach().to(torch.bfloat16).contiguous()
            for name, p in self.learned.items()
        }
        save_file(weights, target / "learned.safetensors", metadata={"rank": str(RANK)})
        record = self.record() | dict(weights=weights_digest(target / "learned.safetensors"))
        (target / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
