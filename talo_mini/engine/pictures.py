"""Questions about one picture share its encoding: what the vision side made of it is kept for the
next question.
"""

import hashlib
import inspect
from contextlib import contextmanager
from dataclasses import fields

import torch

from ..models.temporary import replacement, temporarily
from .memory import free_memory

ENCODED = {
    "last_hidden_state",
    "pooler_output",
    "hidden_states",
    "attentions",
}  # of which models read pooler_output


class Pictures:
    """The features of pictures a model has seen, told apart by their pixels; an eighth of the free
    memory holds them, those not used for longest go first.

    A model whose features cannot be taken apart by picture (a Q-Former's, Qwen3-VL's deepstack)
    encodes each every time.
    """

    def __init__(self, model):
        self.core = getattr(model, "model", None)
        self.able = hasattr(self.core, "get_image_features")
        self.encodings, self.bytes = {}, 0
        self.limit = free_memory(next(model.parameters()).device) // 8

    @contextmanager
    def shared(self):
        """Inside the block, which must not change what the vision side does, a picture seen before
        is not encoded again.
        """
        if not self.able:
            yield
            return
        encode = self.core.get_image_features
        change = replacement(
            self.core,
            "get_image_features",
            lambda *args, **options: self._features(encode, args, options),
        )
        with temporarily([change]):
            yield

    def _features(self, encode, args, options):
        """What the model's own method gives; pictures seen before are not encoded again."""
        named = zip(inspect.signature(encode).parameters, args, strict=False)
        options = {**dict(named), **options}
        pictures = _by_picture(options) if self.able else None
        if pictures is None:
            self.able = False
            return encode(**options)
        keys = [_digest(tensors) for tensors in pictures]
        new = {}
        for key, tensors in zip(keys, pictures, strict=True):
            if key not in self.encodings:
                new[key] = tensors
        encoded = self._encoded(encode, options, new)
        if encoded is None:
            self.able = False
            return encode(**options)
        used = {key: encoded[key] if key in new else self.encodings[key] for key in keys}
        self._keep(used, sum(_bytes(features) for _, features in encoded.values()))
        kinds, shares = zip(*(used[key] for key in keys), strict=True)
        return _output(kinds[0], shares)

    @staticmethod
    def _encoded(encode, options, new):
        """The features of new pictures by key; None where they cannot be told apart by picture."""
        together = [list(new)] if new else []
        if options["pixel_values"].ndim == 5:
            # several tiles a picture: how many features are whose is known one by one only
            together = [[key] for key in new]
        features = {}
        for keys in together:
            names = new[keys[0]]
            joined = {name: torch.cat([new[key][name] for key in keys]) for name in names}
            shares = _shares(encode(**{**options, **joined}), len(keys))
            if shares is None:
                return None
            features.update(zip(keys, shares, strict=True))
        return features

    def _keep(self, used, new_bytes):
        older = {key: share for key, share in self.encodings.items() if key not in used}
        self.encodings = older | used
        self.bytes += new_bytes
        while self.bytes > self.limit:
            _, features = self.encodings.pop(next(iter(self.encodings)))
            self.bytes -= _bytes(features)


def _by_picture(options):
    """Each picture's share of the tensors, or None where they do not come by picture."""
    tensors = {name: value for name, value in options.items() if torch.is_tensor(value)}
    pixels, grid = tensors["pixel_values"], tensors.get("image_grid_thw")
    if grid is None and pixels.ndim < 4:
        return None
    rows = pixels.split(1) if grid is None else pixels.split(grid.prod(-1).tolist())
    if any(len(value) != len(rows) for name, value in tensors.items() if name != "pixel_values"):
        return None
    return [
        {
            name: row if name == "pixel_values" else value[i : i + 1]
            for name, value in tensors.items()
        }
        for i, row in enumerate(rows)
    ]


def _digest(tensors):
    hasher = hashlib.blake2b(digest_size=16)
    for value in tensors.values():
        hasher.update(str(value.shape).encode())
        hasher.update(value.contiguous().cpu().view(torch.uint8).numpy())
    return hasher.digest()


def _shares(output, pictures):
    """The kind of output and each picture's features, or None where they cannot be taken apart."""
    features = getattr(output, "pooler_output", None)
    if (
        features is None
        or not set(output) <= ENCODED
        or (len(features) != pictures and pictures > 1)
    ):
        return None
    whole = (
        [features]
        if pictures == 1
        else features.split(1)
        if torch.is_tensor(features)
        else [type(features)([item]) for item in features]
    )
    return [(type(output), share) for share in whole]


def _output(kind, shares):
    joined = (
        torch.cat(shares)
        if torch.is_tensor(shares[0])
        else type(shares[0])(item for share in shares for item in share)
    )
    if any(field.name == "pooler_output" for field in fields(kind)):
        return kind(pooler_output=joined)
    output = kind()  # of an older version of the library, which adds the name afterwards
    output.pooler_output = joined
    return output


def _bytes(features):
    return sum(item.nbytes for item in ([features] if torch.is_tensor(features) else features))
