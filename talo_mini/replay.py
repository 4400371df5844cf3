"""Every layer's knockout in one pass: what lies below the knocked-out layer is computed once.

The base model runs once. Then the layers are walked once: all variants knocked out below a layer go through it as one
batch, and the variants knocked out at it start from the base model's own input.
"""

from contextlib import ExitStack

import torch

from .anatomy import Anatomy
from .knockout import Knockout, knockout

TOLERANCE = 1e-3  # largest difference of a logit from the hooked model before replay is given up


class CannotReplay(Exception):
    """Why a model's decoder cannot be replayed layer by layer; hooks on the whole model still work."""


class Replay:
    """The base run of a model on a batch of inputs, ready to be gone on from any decoder layer.

    Raises CannotReplay where the decoder's layers do not lead to its logits in a way that can be followed.
    """

    def __init__(self, model, anatomy: Anatomy, inputs, means=None):
        self.model, self.anatomy, self.means = model, anatomy, means
        self.layers = [layer.module for layer in anatomy.stacks["decoder"]]
        calls, outputs = {}, {}
        with ExitStack() as hooks:
            for i, layer in enumerate(self.layers):
                hooks.callback(layer.register_forward_pre_hook(
                    lambda module, args, kwargs, i=i: calls.update({i: (args, kwargs)}), with_kwargs=True).remove)
                hooks.callback(layer.register_forward_hook(
                    lambda module, args, output, i=i: outputs.update({i: output}), prepend=True).remove)
            self.base = model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]
        if len(calls) < len(self.layers) or not all(torch.is_tensor(output) for output in outputs.values()):
            raise CannotReplay("some decoder layers did not run, or hand on more than their hidden states")
        if any(not args or not torch.is_tensor(args[0]) or args[0].ndim != 3 for args, _ in calls.values()):
            raise CannotReplay("decoder layers do not take [questions, tokens, width] hidden states first")
        self.calls = [calls[i] for i in range(len(self.layers))]
        self.questions, self.tokens, _ = self.calls[0][0][0].shape
        # what is added between two layers (Qwen3-VL's deepstack), None where nothing is
        self.between = []
        for i in range(len(self.layers) - 1):
            gap = calls[i + 1][0][0] - outputs[i]
            self.between.append(gap if gap.any() else None)
        self.norm = self._final_norm(outputs[len(self.layers) - 1])

    def _final_norm(self, last):
        path = self.anatomy.stacks["decoder"][0].path.rsplit(".", 2)[0]
        parent = self.model.get_submodule(path)
        for norm in [child for child in parent.children() if "Norm" in type(child).__name__] + [torch.nn.Identity()]:
            self.norm = norm
            if torch.allclose(self.head(last), self.base.float(), atol=1e-4, rtol=1e-4):
                return norm
        raise CannotReplay("the final norm and the output embeddings do not give the model's logits")

    def head(self, hidden):
        """Logits of the next token, float32 [rows, vocabulary]."""
        logits = self.model.get_output_embeddings()(self.norm(hidden[:, -1])).float()
        cap = getattr(self.model.config.get_text_config(), "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def logits(self, knockouts: list[Knockout]) -> list[torch.Tensor]:
        """Logits of the next token under each knockout alone, [questions, vocabulary] each, in the order given."""
        order, carried = [], None
        for i, layer in enumerate(self.layers):
            if carried is not None:
                carried = self._run(i, carried, len(order))
            started = [k for k in knockouts if k.layer == i]
            fresh = [self._knocked(i, k) for k in started]
            parts = ([] if carried is None else [carried]) + fresh
            order += started
            if parts:
                carried = torch.cat(parts)
                if i < len(self.between) and self.between[i] is not None:
                    carried = carried + self.between[i].repeat(len(order), 1, 1)
        if not order:
            return []
        found = dict(zip(order, self.head(carried).split(self.questions)))
        return [found[k] for k in knockouts]

    def _knocked(self, i, k):
        args, kwargs = self.calls[i]
        if k.part == "layer":
            return args[0]
        with knockout(self.anatomy, k, means=self.means):
            return self.layers[i](*args, **kwargs)

    def _run(self, i, hidden, times):
        args, kwargs = self.calls[i]
        rest = [self._repeat(value, times) for value in args[1:]]
        more = {key: self._repeat(value, times) for key, value in kwargs.items()}
        if torch.is_tensor(kwargs.get("cross_attention_states")):  # Mllama: [questions * tiles, ...]
            states = kwargs["cross_attention_states"]
            more["cross_attention_states"] = states.repeat(times, *[1] * (states.ndim - 1))
        return self.layers[i](hidden, *rest, **more)

    def _repeat(self, value, times):
        """A layer's argument for `times` as many questions; what has no axis of questions stays."""
        if isinstance(value, tuple):
            return tuple(self._repeat(item, times) for item in value)
        if not torch.is_tensor(value) or value.ndim == 0:
            return value
        if value.ndim == 4 and value.shape[:2] == (3, self.questions):  # rotary tables of time, height and width
            return value.repeat(1, times, 1, 1)
        return value.repeat(times, *[1] * (value.ndim - 1)) if value.shape[0] == self.questions else value


@torch.inference_mode()
def one_pass(model, anatomy: Anatomy, inputs, knockouts: list[Knockout], check: bool, means=None) -> list[torch.Tensor]:
    """Logits of the base model and under each knockout alone, [questions, vocabulary] each.

    With `check`, the lowest and the highest knockout are also run with hooks. Raises CannotReplay if they differ.
    """
    replay = Replay(model, anatomy, inputs, means)
    logits = replay.logits(knockouts)
    for k in {min(knockouts, key=lambda k: k.layer), max(knockouts, key=lambda k: k.layer)} if check and knockouts else ():
        with knockout(anatomy, k, means=means):
            hooked = model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        difference = (hooked - logits[knockouts.index(k)]).abs().max().item()
        if not difference <= TOLERANCE * max(1.0, hooked.abs().max().item()):
            raise CannotReplay(f"{k} differs by {difference:.1e} from the hooked model")
    return [replay.base.float(), *logits]
