"""Which of several processes this one is, as launchers tell it."""

import os

import torch

from ..errors import BadInput

# Under sbatch without srun Slurm tells the number of tasks it could start, but one process runs:
# SLURM_STEP_NUM_TASKS is srun's
LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
)


def process() -> tuple[int, int, int]:
    """The number of this process, how many there are, and its number on this machine."""
    for rank, size, local in LAUNCHERS:
        if rank in os.environ and size in os.environ:
            of = _launched(size, 1)
            return _launched(rank, 0, of), of, _launched(local, 0) if local in os.environ else 0
    return 0, 1, 0


def _launched(name, least, below=None):
    """A number that a launcher set. Raises BadInput where it is none that can be."""
    written = os.environ[name]
    number = int(written) if written.strip().isdecimal() else -1
    if number < least or (below is not None and number >= below):
        raise BadInput(f"the environment variable {name} is {written!r}; unset it, or start anew")
    return number


def check_single(what: str):
    """Raise BadInput where a launcher started several processes of what one process does."""
    _, of, _ = process()
    if of > 1:
        raise BadInput(f"{what} runs in one process; start it once, or sweep first: all is kept")


def own_device(local: int) -> str:
    """A GPU for each process; Slurm may show each task its own only."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{local % torch.cuda.device_count()}"
