"""What decides answers beside weights and configuration, and whether a model can be asked."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from ..benchmarks.questions import Question
from ..errors import BadInput
from .contents import OF_EVERY_MODULE, PLAIN, Contents, foreign_values, tensor_bytes
from .origins import written_by
from .strangers import attention_ways


def check_kinds(model, processor, name: str):
    """Raise BadInput where a VLM is made of something else than a model and its processor."""
    if not isinstance(model, nn.Module) or not hasattr(model, "get_input_embeddings"):
        inner = "; give the model inside it, its .module" if hasattr(model, "module") else ""
        raise BadInput(
            f"the model of {name!r} is of the type {type(model).__name__}, and no model of the "
            f"library{inner or '; load_vlm(...) gives one with its processor'}"
        )
    lacking = [tool for tool in ("tokenizer", "image_processor") if not hasattr(processor, tool)]
    if lacking:
        raise BadInput(
            f"the processor of {name!r} is of the type {type(processor).__name__}, and has no "
            f"{lacking[0]}; AutoProcessor.from_pretrained(...) gives a whole one"
        )


def check_ready(model: nn.Module, name: str):
    """Raise BadInput where a model's answers would be random, or not those of its own weights."""
    check_present(model, name)
    for path, module in model.named_modules():
        if module.training:
            raise BadInput(
                f"{name} is in training mode (its module {path or 'model'!r}), so its answers "
                "would be random where it has dropout; call vlm.model.eval() first"
            )


def check_present(model: nn.Module, name: str):
    """Raise BadInput where weights are on "meta", and no hook of accelerate's brings them."""
    empty = next((path for path, weight in model.named_parameters() if weight.is_meta), None)
    if empty and not any(hasattr(module, "_hf_hook") for module in model.modules()):
        raise BadInput(
            f"{name} has no weights: {empty!r} is on the device 'meta'; load it onto a device that "
            "holds them"
        )


def check_prompt(model: nn.Module, name: str):
    """Raise BadInput where an adapter puts tokens of its own before the prompt."""
    for config in getattr(model, "peft_config", {}).values():
        if getattr(config, "is_prompt_learning", False):
            raise BadInput(
                f"{name} has an adapter that learns a prompt ({type(config).__name__}), whose "
                "tokens stand before the question's; scores and knockouts are for models without"
            )


def check_length(model: nn.Module, name: str, question: Question, longest: int):
    """Raise BadInput where a question's prompt is longer than the positions that a model knows."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(most, int) and 0 < most < longest:
        raise BadInput(
            f"question {question.id!r}: its prompt is {longest} tokens long, and {name} knows "
            f"{most} positions; shorten the text or shrink the picture, or leave it out"
        )


@contextmanager
def mixed_types_told(model: nn.Module, name: str) -> Iterator[None]:
    """Inside the block torch's complaint about number types is a BadInput where weights have two.

    Some models run so, since they convert between them: none is refused before it fails.
    """
    try:
        yield
    except RuntimeError as error:
        dtypes = {weight.dtype for weight in model.parameters() if weight.is_floating_point()}
        if len(dtypes) < 2 or "type" not in str(error):
            raise
        kinds, reason = ", ".join(sorted(map(str, dtypes))), " ".join(str(error).split())[:200]
        raise BadInput(
            f"{name} cannot be run: its weights are of several number types ({kinds}), and torch "
            f"says: {reason}; bring them to one, for example vlm.model.float()"
        ) from error


@contextmanager
def refusals_named(questions: Sequence[Question]) -> Iterator[None]:
    """Inside the block what a processor says against its input is a BadInput that names the
    question, or says of how many it is one.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        message = " ".join(str(error).split())[:300]
        which = f"question {questions[0].id!r}"
        if len(questions) > 1:
            which = f"one of {len(questions)} questions, {questions[0].id!r} and those after it,"
        raise BadInput(
            f"{which} cannot be put to the model, the processor says: {message}; change the "
            "picture or the text, or leave it out"
        ) from error


def made_of(model: nn.Module) -> str:
    """16 hex digits of what decides answers and is no weight: classes, settings and small buffers.

    The way attention is computed, each module's plain attributes (an adapter's scale, whether it is
    off), and of a module that no library wrote its code and all that it holds.
    """
    contents, traits = Contents(model), attention_ways(model.config)
    foreign = [(path, name, contents.of(value)) for path, name, value in foreign_values(model)]
    foreign_paths = {path for path, *_ in foreign}
    for path, module in model.named_modules():
        kind = type(module)
        if path not in foreign_paths:
            traits.append((path, kind.__module__, kind.__qualname__, _plain_state(module)))
    digest = hashlib.blake2b(repr((traits, foreign)).encode(), digest_size=8)
    weight_names = set(model.state_dict())
    for name, tensor in model.named_buffers():
        if name not in weight_names and not tensor.is_meta:
            digest.update(name.encode())
            digest.update(tensor_bytes(tensor))
    return digest.hexdigest()


def _plain_state(module):
    """The attributes of a module that are numbers, words, or collections of these."""
    attributes = []
    for name, value in sorted(vars(module).items()):
        if name in OF_EVERY_MODULE:
            continue
        if callable(value) and not isinstance(value, nn.Module | type):
            attributes.append((name, written_by(value)))
        elif (plain := plain_words(value)) is not None:
            attributes.append((name, plain))
    return attributes


def plain_words(value):
    """A text of a plain value; None of another."""
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, dict):
        parts = [(str(key), plain_words(item)) for key, item in value.items()]
    elif isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        parts = [plain_words(item) for item in items]
    else:
        return None
    return repr(parts)
