"""What answers are kept under: everything that decides them, or the refusal to keep them."""

import hashlib

import pandas as pd
import torch

from ..benchmarks.prompts import prompt_key
from ..benchmarks.questions import Benchmark
from ..errors import BadInput, check_kind
from ..interventions.knockout import is_knocked_out
from ..models.state import check_prompt, check_ready
from ..models.strangers import strange_code
from ..models.vlm import VLM
from ..outcomes.store import OutcomeStore
from ..outcomes.table import COLUMNS
from .written import Written

MEANING = 2  # raise it when a change of the code changes what a part or an effect does


def answers_key(vlm: VLM, benchmark: Benchmark, written: Written | None = None) -> str:
    """The folder of a model, what is done to pictures and text, the prompt, and how it answers."""
    live = _live_state(vlm)
    state = f"-{_short(live)}" if live else ""
    scored = "-bare" if vlm.spelling.bare else ""  # once scored with a space alone
    answering = written.folder if written else scored
    return f"{vlm.digest}-{vlm.reading}-{MEANING}{state}/{prompt_key(benchmark.prompt)}{answering}"


def kept_rows(
    store: OutcomeStore | None,
    key: str,
    vlm: VLM,
    benchmark: Benchmark,
    written: Written | None = None,
) -> pd.DataFrame:
    """The rows that a store holds of these questions, as they are scored now."""
    if store is None:
        return pd.DataFrame(columns=[*COLUMNS, "digest"])
    rows = store.read(key, {question.digest for question in benchmark.questions})
    if written is not None:
        return rows
    spaced = {question.digest for question in benchmark.questions if vlm.spaced(question)}
    # others were kept when a token was scored that is not the next one
    whole = rows.reindex(columns=["scoring"]).scoring == "whole text"
    return rows[whole | ~rows.digest.isin(spaced)]


def check_asked(vlm: VLM, benchmark: Benchmark, written: Written | None = None):
    """Raise BadInput where a model, its questions or the way it writes are a name, or another kind
    of thing.
    """
    check_kind("vlm", vlm, VLM, "load_vlm(...)")
    check_kind("benchmark", benchmark, Benchmark, "load_benchmark(...)")
    if written is not None:
        check_kind("written", written, Written, "Written('exact')")


def check_can_answer(vlm: VLM, kept: bool):
    """Raise BadInput where a model's answers would be random, or would be kept as another's."""
    check_ready(vlm.model, vlm.name)
    check_prompt(vlm.model, vlm.name)
    if kept and is_knocked_out(vlm.anatomy):
        raise BadInput(
            "a knockout is in force here: its answers would be kept as those of the whole model; "
            "sweep outside the block, or without cache="
        )
    strange = strange_code(vlm.model) if kept else None
    if strange:
        raise BadInput(
            f"{strange}, which may change its answers and is no part of what they are kept under; "
            "remove it, or sweep without cache="
        )


def _live_state(vlm) -> list:
    """What decides answers and is neither a weight nor in a file; none as it was loaded."""
    state = []
    device = next(vlm.model.parameters()).device.type
    if device != "meta" and torch.is_autocast_enabled(device):
        state.append(("autocast", str(torch.get_autocast_dtype(device))))
    if vlm.ends != (vlm.processor.tokenizer.eos_token_id,):
        state.append(("answers end with", vlm.ends))
    if len(vlm.start) > 1:
        state.append(("answers begin with", vlm.start))
    changed = vlm.changed
    if changed:
        state.append(("made of", changed))
    if "strftime_now" in (vlm.processor.chat_template or ""):
        state.append(("written today", vlm.chat("?")))
    return state


def _short(state) -> str:
    return hashlib.blake2b(repr(state).encode(), digest_size=4).hexdigest()
