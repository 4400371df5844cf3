"""Every layer's knockout in one pass: what lies below the knocked-out layer is computed once.

The base model runs once. Then the layers are walked once: all variants knocked out below a layer go
through it as one batch, and the variants knocked out at it start from the base model's own input.
"""

from collections.abc import Mapping
from contextlib import ExitStack, contextmanager, nullcontext

import torch

from ..interventions.knockout import Knockout, knockout
from ..models.anatomy import Anatomy, Part
from .memory import free_memory, out_of_memory
from .pictures import Pictures, replaced

CHUNK = 1024  # tokens that go through a layer at once on a CPU: more fall out of its cache
# largest difference from the hooked model, relative to the largest logit, before replay is given
# up, in float32
TOLERANCE = 1e-3


def rounding(dtype) -> float:
    """How far two kernels may differ by rounding, relative to the largest logit."""
    return 4 * torch.finfo(dtype).eps


class CannotReplay(Exception):
    """Why a model's decoder cannot be replayed layer by layer; hooks still work."""


class Replay:
    """The base run of a model on a batch of inputs, ready to be gone on from any decoder layer.

    Raises CannotReplay where the decoder's layers do not lead to its logits in a way that can be
    followed, and torch.OutOfMemoryError where what each layer is given would not fit into half of
    the free memory.
    """

    def __init__(
        self, model, anatomy: Anatomy, inputs, means=None, pictures: Pictures | None = None
    ):
        self.model, self.anatomy, self.means = model, anatomy, means
        device, on_gpu = inputs["input_ids"].device, inputs["input_ids"].is_cuda
        before = torch.cuda.memory_allocated(device) if on_gpu else 0
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        self.layers = [layer.module for layer in anatomy.stacks["decoder"]]
        variant = (
            inputs["input_ids"].numel()
            * model.config.get_text_config().hidden_size
            * model.dtype.itemsize
        )  # hidden states, bytes
        if (
            len(self.layers) * variant > free_memory(device) // 2
        ):  # Linux grants a CPU more than there is, and then kills
            raise torch.OutOfMemoryError(
                f"what {len(self.layers)} layers are given takes "
                f"{len(self.layers) * variant / 2**30:.1f} GiB"
            )
        calls, outputs, self.zeros = {}, {}, {}
        parts = {
            path: module
            for layer in anatomy.stacks["decoder"]
            for part in layer.parts.values()
            for path, module in part.modules.items()
        }
        with ExitStack() as hooks:
            for path, module in parts.items():
                hooks.callback(
                    module.register_forward_hook(
                        lambda module, args, output, path=path: self._note_zeros(path, output),
                        prepend=True,
                    ).remove
                )
            for i, layer in enumerate(self.layers):
                hooks.callback(
                    layer.register_forward_pre_hook(
                        lambda module, args, kwargs, i=i: calls.update({i: (args, kwargs)}),
                        with_kwargs=True,
                    ).remove
                )
                hooks.callback(
                    layer.register_forward_hook(
                        lambda module, args, output, i=i: outputs.update({i: output}), prepend=True
                    ).remove
                )
            hooks.enter_context(pictures.shared() if pictures else nullcontext())
            self.base = model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1]
        if len(calls) < len(self.layers) or not all(
            torch.is_tensor(output) for output in outputs.values()
        ):
            raise CannotReplay(
                "some decoder layers did not run, or hand on more than their hidden states"
            )
        if any(
            not args or not torch.is_tensor(args[0]) or args[0].ndim != 3
            for args, _ in calls.values()
        ):
            raise CannotReplay(
                "decoder layers do not take [questions, tokens, width] hidden states first"
            )
        if any(
            isinstance(value, Mapping) and len(value)
            for _, kwargs in calls.values()
            for value in kwargs.values()
        ):
            raise CannotReplay(
                "decoder layers hand something to later ones beside their hidden states"
            )  # Gemma 4's keys and values
        self.calls = [calls[i] for i in range(len(self.layers))]
        self.questions, self.tokens, _ = self.calls[0][0][0].shape
        # what is added between two layers (Qwen3-VL's deepstack), None where nothing is
        self.between = []
        for i in range(len(self.layers) - 1):
            gap = None if calls[i + 1][0][0] is outputs[i] else calls[i + 1][0][0] - outputs[i]
            self.between.append(gap if gap is not None and gap.any() else None)
        self.norm = self._final_norm(outputs[len(self.layers) - 1])
        tokens = self.questions * self.tokens
        free = free_memory(device)
        self.variants = max(1, free // 4 // variant)  # whose hidden states are held at once
        # as many variants go through a layer at once as half of the free memory holds, by what the
        # base run took
        if on_gpu:
            self.chunk = max(
                1, free // 2 // max(1, torch.cuda.max_memory_allocated(device) - before)
            )
        else:
            self.chunk = max(1, CHUNK // tokens)

    def _note_zeros(self, path, output):
        """Remember how a part's output looks when it is zero, where it is a tensor alone or beside
        Nones.
        """
        first, *rest = output if isinstance(output, tuple) else (output,)
        if torch.is_tensor(first) and all(item is None for item in rest):
            alone, like = (
                not isinstance(output, tuple),
                dict(size=first.shape, dtype=first.dtype, device=first.device),
            )
            self.zeros[path] = lambda: (
                torch.zeros(**like) if alone else (torch.zeros(**like), *rest)
            )  # `first` is not kept alive

    def _final_norm(self, last):
        path = self.anatomy.stacks["decoder"][0].path.rsplit(".", 2)[0]
        parent = self.model.get_submodule(path)
        for norm in [child for child in parent.children() if "Norm" in type(child).__name__] + [
            torch.nn.Identity()
        ]:
            self.norm = norm
            if torch.allclose(
                self.head(last),
                self.base.float(),
                atol=1e-4,
                rtol=max(1e-4, rounding(self.base.dtype)),
                equal_nan=True,
            ):
                return norm
        raise CannotReplay(
            "the final norm and the output embeddings do not give the model's logits"
        )

    def head(self, hidden):
        """Logits of the next token, float32 [rows, vocabulary]."""
        logits = (
            self.model.get_output_embeddings()(self.norm(hidden[:, -1]))
            .float()
            .to(self.base.device)
        )
        cap = getattr(self.model.config.get_text_config(), "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def logits(self, groups: list[tuple[Knockout, ...]]) -> list[torch.Tensor]:
        """Logits of the next token with each group of knockouts, [questions, vocabulary] each, in
        the order given.
        """
        different = sorted(
            dict.fromkeys(groups), key=lambda group: group[0].layer
        )  # two names may mean the same
        found = {}
        for start in range(0, len(different), self.variants):
            some = different[start : start + self.variants]
            found.update(zip(some, self._walked(some), strict=True))
        return [found[group] for group in groups]

    def _walked(self, groups):
        """Walk the layers once with all these groups."""
        hidden, knockouts = (
            {},
            {group: {} for group in groups},
        )  # hidden by group, from its lowest layer on: [questions, tokens, width]
        for group in groups:
            for k in group:
                knockouts[group].setdefault(k.layer, []).append(k)
        for i in range(len(self.layers)):
            passing = [group for group in hidden if i not in knockouts[group]]
            for start in range(0, len(passing), self.chunk):
                chunk = passing[start : start + self.chunk]
                with self._only_scored(i):
                    out = self._run(
                        i, self._joined(i, [hidden[group] for group in chunk]), len(chunk)
                    )
                hidden.update(zip(chunk, out.split(self.questions), strict=True))
            for group in groups:
                if i in knockouts[group]:
                    with self._only_scored(i):
                        hidden[group] = self._knocked(
                            i, hidden.get(group, self.calls[i][0][0]), knockouts[group][i]
                        )
            if i < len(self.between) and self.between[i] is not None:
                hidden = {
                    group: values + self.between[i].to(values.device)
                    for group, values in hidden.items()
                }
        return self.head(self._joined(-1, [hidden[group][:, -1:] for group in groups])).split(
            self.questions
        )

    def _joined(self, i, values):
        """Hidden states of several variants as one batch, where layer i takes its own; devices may
        differ between layers.
        """
        values = [value.to(self.calls[i][0][0].device) for value in values]
        return torch.cat(values) if len(values) > 1 else values[0]

    @contextmanager
    def _only_scored(self, i):
        """In the last layer the MLP sees the last position only; its sum with the others' inputs is
        never read.
        """

        def shortened(module, args):
            return (args[0][:, -1:], *args[1:]) if args[0].ndim == 3 else args

        last = i == len(self.layers) - 1
        modules = (
            self.anatomy.stacks["decoder"][i].parts.get("mlp", Part({})).modules.values()
            if last
            else ()
        )
        with ExitStack() as hooks:
            for module in modules:
                hooks.callback(module.register_forward_pre_hook(shortened).remove)
            yield

    def _knocked(self, i, hidden, knockouts):
        if any(k.part == "layer" for k in knockouts):
            return hidden
        with ExitStack() as stack:
            for k in knockouts:
                modules = self.anatomy.part(k.part, i).modules
                if (
                    k.effect == "zero"
                    and k.head is None
                    and k.neuron is None
                    and all(path in self.zeros for path in modules)
                ):
                    for path, module in modules.items():  # what adds nothing need not be computed
                        stack.enter_context(
                            replaced(
                                module,
                                "forward",
                                lambda *args, path=path, **kwargs: self.zeros[path](),
                            )
                        )
                else:
                    stack.enter_context(knockout(self.anatomy, k, means=self.means))
            return self._run(i, hidden, 1)

    def _run(self, i, hidden, times):
        args, kwargs = self.calls[i]
        if times == 1:
            return self.layers[i](hidden, *args[1:], **kwargs)
        rest = [self._repeat(value, times) for value in args[1:]]
        more = {key: self._repeat(value, times) for key, value in kwargs.items()}
        if torch.is_tensor(
            kwargs.get("cross_attention_states")
        ):  # Mllama: [questions * tiles, ...]
            states = kwargs["cross_attention_states"]
            more["cross_attention_states"] = states.repeat(times, *[1] * (states.ndim - 1))
        return self.layers[i](hidden, *rest, **more)

    def _repeat(self, value, times):
        """A layer's argument for `times` as many questions; what has no axis of questions stays."""
        if isinstance(value, tuple):
            return tuple(self._repeat(item, times) for item in value)
        if not torch.is_tensor(value) or value.ndim == 0:
            return value
        if value.ndim == 4 and value.shape[:2] == (
            3,
            self.questions,
        ):  # rotary tables of time, height and width
            return value.repeat(1, times, 1, 1)
        return (
            value.repeat(times, *[1] * (value.ndim - 1))
            if value.shape[0] == self.questions
            else value
        )


@torch.inference_mode()
def one_pass(
    model,
    anatomy: Anatomy,
    inputs,
    groups: list[tuple[Knockout, ...]],
    check: bool,
    means=None,
    pictures: Pictures | None = None,
) -> list[torch.Tensor]:
    """Logits of the base model and under each group of knockouts, [questions, vocabulary] each.

    Those of `pictures` that were seen before are not encoded again. With `check`, for every part
    and effect the group of the lowest, the middle and the highest layer is also run with hooks.
    Raises CannotReplay if they differ, or where a layer does not run alone.
    """
    try:
        replay = Replay(model, anatomy, inputs, means, pictures)
        logits = replay.logits(groups)
    except (RuntimeError, TypeError, IndexError, AttributeError, KeyError) as error:
        if out_of_memory(error):
            raise
        raise CannotReplay(
            f"its decoder layers cannot be run alone ({' '.join(str(error).split())[:100]})"
        ) from error
    kinds = {}
    for i in sorted(range(len(groups)), key=lambda i: groups[i][0].layer):
        first = groups[i][0]
        kinds.setdefault(
            (first.part, first.effect, first.head is None, first.neuron is None, len(groups[i])), []
        ).append(i)
    for i in (
        sorted(
            {
                one
                for found in kinds.values()
                for one in (found[0], found[len(found) // 2], found[-1])
            }
        )
        if check
        else ()
    ):
        with knockout(anatomy, *groups[i], means=means):
            hooked = model(**inputs, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        finite = hooked.isfinite() & logits[i].isfinite()  # what overflows in one must in the other
        difference = (hooked - logits[i])[finite].abs().max().item() if finite.any() else 0.0
        allowed = max(TOLERANCE, rounding(replay.base.dtype)) * max(
            1.0, hooked[finite].abs().max().item() if finite.any() else 0.0
        )
        if (
            difference > allowed
            or not torch.equal(finite, hooked.isfinite())
            or not torch.equal(finite, logits[i].isfinite())
        ):
            raise CannotReplay(f"{groups[i]} differs by {difference:.1e} from the hooked model")
    return [replay.base.float(), *logits]
