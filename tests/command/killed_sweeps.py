"""Kill a sweep at random moments, again and again, until it is done: `python killed_sweeps.py
CHECKPOINT CACHE KILLS`.

Prints, as JSON, how often it was killed, and how many answers were kept, distinct ones and in the
uninterrupted run.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from talo_mini import load_benchmark, load_vlm, sweep
from talo_mini.engine.sweep import kept_outcomes
from talo_mini.outcomes.store import Keeper

checkpoint, cache, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
tqdm.set_lock(
    threading.RLock()
)  # its own lock is shared by forks: one killed inside would hold it for ever
Keeper.SECONDS = 0  # every batch is kept at once, so that there is much to interrupt
vlm = load_vlm(checkpoint, device="cpu")
benchmark = load_benchmark(
    "mini-worlds", tasks=["object_colour", "more"], per_task=100, form="choice"
)


def sweeping(folder):
    """A process that sweeps. This one never does: threads it had started could leave locks behind
    in a fork.
    """
    child = os.fork()
    if not child:
        sweep(vlm, benchmark, batch=4, cache=cache / folder)
        os._exit(0)
    return child


start = time.time()
os.waitpid(sweeping("whole"), 0)
usual = time.time() - start
rng = random.Random(0)
killed, status = 0, None
while status != 0:
    child = sweeping("killed")
    if killed < kills:
        time.sleep(rng.uniform(0, usual / kills))
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    killed += status == signal.SIGKILL
whole, table = (
    kept_outcomes(vlm, benchmark, cache=cache / folder)[0] for folder in ("whole", "killed")
)
tables = [pd.read_parquet(path) for path in (cache / "killed").rglob("*.parquet")]
held = [set(zip(table.digest, table.part, table.layer, strict=True)) for table in tables]
rows = pd.concat(
    [
        table
        for table, own in zip(tables, held, strict=True)
        if not any(own < other for other in held)
    ]
)  # not yet removed after merging
columns = ["question", "part", "layer", "answer", "correct"]
print(
    json.dumps(
        dict(
            killed=killed,
            kept=len(rows),
            distinct=len(rows.drop_duplicates(["digest", "part", "layer"])),
            whole=len(whole),
            same=table[columns].equals(whole[columns]),
            corrupt=len(list(cache.rglob("*.corrupt"))),
        )
    )
)
