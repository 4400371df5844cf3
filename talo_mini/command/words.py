"""Words that several commands share: which model, which questions, how they are asked."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path

from ..benchmarks import load_benchmark
from ..benchmarks.judging import RULES
from ..benchmarks.questions import FORMS, Benchmark
from ..engine.written import MOST_TOKENS, Written
from ..errors import BadInput
from ..interventions.effects import EFFECTS
from ..models.loading import load_vlm
from ..models.vlm import VLM
from .processes import own_device, process

# what needs a reference set cannot be asked for in words
EXAMPLES = ", ".join(e.example for e in EFFECTS.values() if e.needs != "reference")


def add_model(command: ArgumentParser):
    """The model, and how it is loaded."""
    command.add_argument("model", help="a shipped mini, a folder, or a Hub id")
    command.add_argument(
        "--device", help='"cpu", "cuda:1", ... (default: a GPU where there is one)'
    )
    command.add_argument("--dtype", help='"float32", "bfloat16", ... (default: by the device)')
    command.add_argument("--model-revision", help="the model's commit on the Hub")
    command.add_argument(
        "--trust-remote-code", action="store_true", help="run code of the model's repository"
    )
    command.add_argument("--device-map", help='spread a large model over devices ("auto")')
    command.add_argument("--four-bit", action="store_true", help="4-bit weights (bitsandbytes)")
    command.add_argument("--max-pixels", type=int, help="shrink larger pictures to so many pixels")


def loaded_model(chosen: Namespace) -> VLM:
    """The model that was asked for; each of several processes has a GPU of its own."""
    _, _, local = process()
    return load_vlm(
        chosen.model,
        chosen.device or own_device(local),
        chosen.device_map,
        chosen.four_bit,
        chosen.max_pixels,
        chosen.model_revision,
        chosen.trust_remote_code,
        chosen.dtype,
    )


def add_benchmark(command: ArgumentParser):
    """The questions, and which of them."""
    command.add_argument(
        "benchmark", help="a benchmark's name, a .tsv, .csv, .jsonl or .parquet, or a folder"
    )
    command.add_argument("--tasks", nargs="+", help="only these tasks")
    command.add_argument("--per-task", type=int, help="at most so many questions a task and form")
    command.add_argument(
        "--form", choices=FORMS, help="only questions of one form; open: without options"
    )
    command.add_argument("--source", help="a folder of parquet files to read in place of the Hub")
    command.add_argument("--revision", help="the benchmark's commit on the Hub")
    command.add_argument(
        "--prompt",
        help="the prompt: a name (default: vlmevalkit; bare for shipped benchmarks), or a .txt "
        "with {question} and {options} in it; a line of --- ends a system prompt",
    )
    command.add_argument(
        "--skip-malformed", action="store_true", help="leave out rows that cannot be used"
    )


def loaded_benchmark(chosen: Namespace) -> Benchmark:
    """The questions that were asked for."""
    return load_benchmark(
        chosen.benchmark,
        chosen.tasks,
        chosen.per_task,
        chosen.form,
        chosen.source,
        chosen.revision,
        _prompt(chosen.prompt),
        chosen.skip_malformed,
    )


def loaded_reference(chosen: Namespace) -> Benchmark | None:
    """The benchmark whose mean is held, read and asked as the questions are; None without one."""
    if chosen.reference is None:
        return None
    prompt, skip = _prompt(chosen.prompt), chosen.skip_malformed
    return load_benchmark(chosen.reference, prompt=prompt, skip_malformed=skip)


def _prompt(written):
    """A prompt's name, or the text of a file."""
    if written is None or not written.endswith(".txt"):
        return written
    try:
        template = Path(written).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--prompt {written} cannot be read ({error})") from error
    if "{question}" not in template:
        raise BadInput(f"--prompt {written}: write {{question}} where the question stands in it")
    return template


def add_asking(command: ArgumentParser):
    """How many questions at once, and where answers are kept."""
    command.add_argument(
        "--batch", type=int, default=32, help="questions at once (default %(default)s)"
    )
    command.add_argument(
        "--cache", default="runs/sweeps", help="folder of kept answers (default %(default)s)"
    )


def add_written(command: ArgumentParser):
    """Whether the model writes its answers, and how these are scored."""
    command.add_argument(
        "--written",
        choices=tuple(RULES),
        help="the model writes its answers, which are scored so (default: options are scored)",
    )
    command.add_argument(
        "--max-new-tokens",
        type=int,
        help=f"of a written answer (default {MOST_TOKENS})",
    )


def written_of(chosen: Namespace) -> Written | None:
    """How written answers were asked for; None where options are scored."""
    if chosen.written is None:
        check_unused(chosen, ["max_new_tokens"], "is of written answers; say --written too")
        return None
    most = MOST_TOKENS if chosen.max_new_tokens is None else chosen.max_new_tokens
    return Written(chosen.written, most)


def check_unused(chosen: Namespace, options: Iterable[str], why: str):
    """Raise BadInput where one of these options was given, though it would change nothing."""
    for name in options:
        if getattr(chosen, name) is not None:
            raise BadInput(f"--{name.replace('_', '-')} {why}, or leave it out")


def add_parts(command: ArgumentParser):
    """What is knocked out, and how."""
    command.add_argument(
        "--parts",
        nargs="+",
        default=["self-attention"],
        help="what is knocked out (default %(default)s)",
    )
    command.add_argument("--effect", default="zero", help=f"how: {EXAMPLES} (default %(default)s)")


def check_out(out: str, endings, source: str | None = None):
    """Raise BadInput where a file could not be written, or would take that of the questions.

    `endings` are those it may have.
    """
    path = Path(out)
    if path.suffix not in endings:
        raise BadInput(f"--out {out}: end it in {' or '.join(endings)}, which tells the format")
    if not path.parent.is_dir():
        raise BadInput(
            f"--out {out}: there is no folder {path.parent}; make it, or write elsewhere"
        )
    if path.is_dir():
        raise BadInput(f"--out {out} is a folder; name a file in it")
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise BadInput(f"--out {out} is the file of the questions; write elsewhere")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput(f"--out {out} cannot be written; write elsewhere")
