"""What tells a model and its processor apart: the words of their own files, whatever the library's
version makes of them.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType

import torch
from transformers.utils import cached_file

from .contents import foreign_code, source_of, tensor_bytes
from .origins import is_known, of_a_library, written_by
from .state import check_present, made_of, plain_words

PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
)
CHANGING = "padding", "truncation"
# in files that a tokenizer wrote itself: who wrote them, and how it had been loaded
OF_THE_LOADING = "transformers_version", "local_files_only", "is_local"
WRITTEN_BY_SAVING = "transformers_version", "architectures", "dtype"


@dataclass(frozen=True)
class Files:
    """What the files of a model and of its processor say, and what the library made of them.

    As long as what was made is still as it was when it was loaded, the files' words stand for it.
    """

    config: str | None
    config_made: str
    processor: str
    processor_made: str
    model_made: str


def files_of(source, model, processor, revision: str, limits: dict) -> Files:
    """The files of a loaded model; `limits` of pictures were given beside them."""
    file_words = [(name, _words(source, name, revision)) for name in PROCESSOR_FILES]
    processor_words = [limits, *((name, words) for name, words in file_words if words is not None)]
    processor_words += _strange_code(processor)
    return Files(
        _words(source, "config.json", revision),
        model.config.to_json_string(),
        hashlib.blake2b(repr(processor_words).encode(), digest_size=8).hexdigest(),
        _made(processor),
        made_of(model),
    )


def settings(model, files: Files | None) -> str:
    """The configuration of a model: its file's own words where nothing was changed since."""
    as_loaded = files is not None and files.config_made == model.config.to_json_string()
    if files is not None and files.config is not None and as_loaded:
        return files.config
    config_values = model.config.to_diff_dict()
    identifying_values = {
        key: value for key, value in config_values.items() if key not in WRITTEN_BY_SAVING
    }
    return json.dumps(identifying_values, sort_keys=True, default=str)


def reading(processor, files: Files | None) -> str:
    """8 hex digits that change with the chat template, a tokenizer or how pictures are read."""
    current_digest = _made(processor)
    digest = (
        files.processor
        if files is not None and files.processor_made == current_digest
        else current_digest
    )
    # with torchvision pictures are resized by other code, to other values
    by_torchvision = any(map(_uses_torchvision, vars(processor).values()))
    return hashlib.blake2b(repr((digest, by_torchvision)).encode(), digest_size=4).hexdigest()


def _words(source, name, revision):
    """A file's text, without what names the library's version; None where there is no such file."""
    path = cached_file(
        source,
        name,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if path is None:
        return None
    if not name.endswith("config.json"):
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    file = json.loads(Path(path).read_text(encoding="utf-8"))
    entries = {key: value for key, value in file.items() if key not in OF_THE_LOADING}
    return json.dumps(entries, sort_keys=True)


def _made(processor) -> str:
    """What decides how a processor reads text and pictures."""
    traits = [processor.chat_template]
    for name, tool in sorted(vars(processor).items()):
        if hasattr(tool, "backend_tokenizer"):
            state = json.loads(tool.backend_tokenizer.to_str())
            # padding and truncation change with use
            traits.append((name, [state[key] for key in sorted(state) if key not in CHANGING]))
        elif hasattr(tool, "get_vocab"):  # a tokenizer without a fast one behind it
            traits.append((name, type(tool).__name__, sorted(tool.get_vocab().items())))
        elif hasattr(tool, "to_dict"):
            state = json.dumps(tool.to_dict(), sort_keys=True, default=str)
            traits.append((name, type(tool).__name__, state))
    own = [(name, plain_words(value)) for name, value in sorted(vars(processor).items())]
    traits += [own, *_strange_code(processor)]
    return hashlib.blake2b(repr(traits).encode(), digest_size=8).hexdigest()


def _strange_code(processor) -> list[str]:
    """The code in a processor and its tools that no library wrote: classes, replaced methods."""
    code = []
    for tool in (processor, *vars(processor).values()):
        for kind in type(tool).__mro__[:-1]:
            if of_a_library(kind.__module__):
                code += _replaced(vars(kind))
            elif not is_known(kind.__module__):
                # a notebook's has no source
                code += [source_of(kind.__module__) or kind.__qualname__, *_replaced(vars(kind))]
        code += _replaced(getattr(tool, "__dict__", {}))
    return code


def _replaced(attributes) -> list[str]:
    """The functions among attributes that no library wrote, by what they do."""
    return [
        f"{name} {_words_of(value)}"
        for name, value in sorted(attributes.items())
        if isinstance(value, partial)
        or (isinstance(value, FunctionType | MethodType) and not is_known(written_by(value)))
    ]


def _words_of(value):
    """What a function does, whatever file it stands in: its code, and the plain values it holds."""
    if isinstance(value, partial):
        return _words_of(value.func), plain_words(value.args), plain_words(value.keywords)
    if isinstance(value, MethodType):
        return _words_of(value.__func__)
    if isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        own = [value.__defaults__, value.__kwdefaults__, *held]
        return _words_of(value.__code__), [plain_words(one) for one in own]
    if isinstance(value, CodeType):
        consts = [_words_of(one) for one in value.co_consts]
        return value.co_code.hex(), value.co_names, consts
    return plain_words(value)


def _uses_torchvision(tool) -> bool:
    named = type(tool).__name__.endswith("Fast") and hasattr(tool, "resample")
    return named or getattr(tool, "backend", None) == "torchvision"


def model_digest(model, files) -> str:
    """16 hex digits that change when a weight, the configuration or a checkpoint's code does."""
    digest = hashlib.blake2b(settings(model, files).encode(), digest_size=8)
    for name, value in sorted(_weights(model).items()):
        digest.update(name.encode())
        digest.update(_bytes(value))
    for code in foreign_code(model):
        digest.update(code.encode())
    return digest.hexdigest()


def _weights(model):
    weights = model.state_dict()
    if any(torch.is_tensor(value) and value.is_meta for value in weights.values()):
        check_present(model, type(model).__name__)
        from accelerate.utils.modeling import get_state_dict_offloaded_model

        weights = get_state_dict_offloaded_model(model)
    return weights


def _bytes(value):
    """What a weight holds; packed linear maps (torch's own quantisation) keep other things too."""
    if isinstance(value, tuple):
        return b"".join(bytes(_bytes(item)) for item in value)
    if not torch.is_tensor(value):
        return repr(value).encode()
    return tensor_bytes(value)
