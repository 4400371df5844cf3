"""Train a mini VLM from scratch: `python -m talo_mini.minis.train llava-mini`."""

import argparse
import json
from pathlib import Path

import torch

from ..errors import BadInput
from .adapting import ADAPTED, AdapterTrainer
from .architectures import ARCHITECTURES
from .trainer import SEED, STEPS, Trainer

TRAINERS = {**dict.fromkeys(ARCHITECTURES, Trainer), **dict.fromkeys(ADAPTED, AdapterTrainer)}


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(TRAINERS))
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="optimiser steps in all (default %(default)s)"
    )
    parser.add_argument(
        "--mend",
        nargs="+",
        default=(),
        help="tasks that were not learned: go on to more steps with these most often",
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, help="of weights and lessons (default %(default)s)"
    )
    parser.add_argument(
        "--batch", type=int, help="pictures in a batch (default: as the shipped mini was trained)"
    )
    parser.add_argument("--folder", type=Path, help="checkpoints and log (default runs/NAME)")
    parser.add_argument(
        "--take-up",
        type=Path,
        help="an export to go on from, where its checkpoint is gone (of an adapted mini)",
    )
    parser.add_argument(
        "--export",
        type=Path,
        help="where the trained model goes (default: the package; other seeds: FOLDER/trained)",
    )
    arguments = parser.parse_args()
    name = arguments.name if arguments.seed == SEED else f"{arguments.name}-seed-{arguments.seed}"
    folder = arguments.folder or Path("runs") / name
    folder.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = TRAINERS[arguments.name](arguments.name, folder, device, arguments.seed)
    if arguments.take_up and arguments.name not in ADAPTED:
        parser.error("--take-up takes up adapted minis only; others go on from their checkpoint")
    if arguments.take_up and (folder / "checkpoint.pt").exists():
        parser.error(f"{folder} has a checkpoint, from which the run goes on; leave out --take-up")
    trainer.pictures = arguments.batch or trainer.pictures
    try:
        trainer.load()
        if arguments.take_up:
            trainer.take_up(arguments.take_up)
    except BadInput as error:
        parser.error(str(error))
    with open(folder / "log.jsonl", "a", encoding="utf-8", buffering=1) as log:
        trainer.run(
            arguments.steps, lambda **row: log.write(json.dumps(row) + "\n"), tuple(arguments.mend)
        )
    own = Path(__file__).parent / arguments.name if arguments.seed == SEED else folder / "trained"
    trainer.export(arguments.export or own)


if __name__ == "__main__":
    main()
