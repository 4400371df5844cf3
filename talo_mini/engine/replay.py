"""Every layer's knockout in one pass: what lies below the knocked-out layer is computed once.

The base model runs once. Then the layers are walked once: all variants knocked out below a layer go
through it as one batch, and the variants knocked out at it start from the base model's own input.
"""

from collections.abc import Iterator
from functools import partial

import torch

from ..errors import BadInput
from ..interventions.effects import WHOLE
from ..interventions.hooks import first_of, with_first
from ..interventions.knockout import Knockout, knockout
from ..models.anatomy import Anatomy
from ..models.asked import Wanted, wanted_logits
from ..models.parts import Part
from ..models.temporary import held, replacement, temporarily
from .ending import Ending, rounding, same_logits
from .memory import free_memory, out_of_memory
from .pictures import Pictures
from .recording import CannotReplay, check_room, record

CHUNK = 1024  # tokens that go through a layer at once on a CPU: more fall out of its cache
# largest difference from the hooked model, relative to the largest logit, before replay is given
# up, in float32
TOLERANCE = 1e-3
Group = tuple[Knockout, ...]


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
        self.layers = [layer.module for layer in anatomy.stacks["decoder"]]
        ids = inputs["input_ids"]
        variant = ids.numel() * model.config.get_text_config().hidden_size * model.dtype.itemsize
        check_room(len(self.layers), variant, ids.device)
        recording = record(model, anatomy, inputs, pictures)
        self.calls, self.base, self.zeros = recording.calls, recording.logits, recording.zeros
        self.questions, tokens = self.calls[0][0][0].shape[:2]
        self.between = _between(recording)
        self.ending = Ending(model, anatomy, inputs, recording, pictures)
        self.wanted = self.ending.wanted
        variant = max(one.nbytes for one in recording.hidden)
        check_room(len(self.layers), variant, ids.device)
        self.filler = 0.0
        self.shortens = self._shortens(recording.hidden[-1])
        # of how many variants hidden states are held, how many go through a layer at once, and of
        # how many logits are made at once: a vocabulary is a hundred times a width
        free = free_memory(ids.device)
        self.variants = max(1, free // 4 // variant)
        self.headed = max(1, free // 8 // (4 * self.base.numel()))
        self.chunk = max(1, CHUNK // (self.questions * tokens))
        if ids.is_cuda:  # as many as half of the free memory holds, by what the base run took
            self.chunk = max(1, free // 2 // max(1, recording.taken))

    def _shortens(self, last):
        """Whether the last layer takes an MLP that sees some positions only; most do.

        Not where a router counts the tokens, or what follows the MLP mixes them: tried, with no
        number in their places.
        """
        self.shortens, self.filler = True, torch.nan
        try:
            with held(self._only_scored(len(self.layers) - 1)):
                hidden = self._run(len(self.layers) - 1, self.calls[-1][0][0], 1)
        except (RuntimeError, IndexError, ValueError) as error:
            if out_of_memory(error):
                raise
            return False
        finally:
            self.filler = 0.0
        hidden, base = self.wanted.read(hidden), self.wanted.read(last)
        return bool((hidden.isfinite() | ~base.isfinite()).all()) and same_logits(hidden, base)

    def logits(self, groups: list[Group]) -> Iterator[torch.Tensor]:
        """The wanted logits with each group of knockouts in turn, [places, vocabulary] each."""
        for start in range(0, len(groups), self.variants):
            some = groups[start : start + self.variants]
            last = self._walked(list(dict.fromkeys(some)))  # two names may mean the same
            for first in range(0, len(some), self.headed):
                chunk = some[first : first + self.headed]
                yield from self.ending.logits([last[group] for group in chunk])

    def _walked(self, groups):
        """What logits follow from, of each of these groups: the layers are walked once."""
        hidden = {}  # by group, from its lowest layer on: [questions, tokens, width]
        for i in range(len(self.layers)):
            here = {group: [k for k in group if k.layer == i] for group in groups}
            with held(self._only_scored(i)):
                hidden.update(
                    self._passed(i, [group for group in hidden if not here[group]], hidden)
                )
                for group, knockouts in here.items():
                    if knockouts:
                        own = hidden.get(group, self.calls[i][0][0])
                        hidden[group] = self._knocked(i, own, knockouts)
            self._add_between(i, hidden)
        return {group: self.ending.read(values) for group, values in hidden.items()}

    def _passed(self, i, groups, hidden):
        """What layer i makes of the groups that are knocked out below it, in chunks."""
        outputs = {}
        for start in range(0, len(groups), self.chunk):
            chunk = groups[start : start + self.chunk]
            joined = self._joined(i, [hidden[group] for group in chunk])
            out = self._run(i, joined, len(chunk))
            outputs.update(zip(chunk, out.split(self.questions), strict=True))
        return outputs

    def _add_between(self, i, hidden):
        """Add what the model adds between layer i and the next (Qwen3-VL's deepstack)."""
        gap = self.between[i]
        if gap is None:
            return
        for group, values in hidden.items():
            hidden[group] = values + gap.to(values.device)

    def _joined(self, i, values):
        """Hidden states of several variants as one batch, on the device of layer i."""
        device = self.calls[i][0][0].device
        values = [value.to(device) for value in values]
        return torch.cat(values) if len(values) > 1 else values[0]

    def _only_scored(self, i):
        """Hooks by which the last layer's MLP sees the positions only whose logits are wanted.

        Its sum with the others' inputs is never read.
        """
        if i < len(self.layers) - 1 or not self.shortens:
            return []
        part = self.anatomy.stacks["decoder"][i].parts.get("mlp", Part({}))
        hooks = []
        for module in part.modules.values():
            spread: list = []
            hooks.append((module.register_forward_pre_hook, partial(self._taken, spread)))
            hooks.append((module.register_forward_hook, partial(self._put_back, spread)))
        return hooks

    def _taken(self, spread, module, args):
        """The wanted positions of an MLP's input, a row each; where they stood is noted."""
        if args[0].ndim != 3:
            return args
        times = len(args[0]) // self.questions
        shift = torch.arange(times, device=args[0].device)[:, None] * self.questions
        rows = (self.wanted.rows + shift).flatten()
        columns = self.wanted.columns.repeat(times)
        spread[:] = [args[0], rows, columns]
        return (args[0][rows, columns][:, None], *args[1:])

    def _put_back(self, spread, module, args, output):
        """What the MLP made of them where they stood, and zeros (or the filler) elsewhere."""
        if not spread:
            return output
        given, rows, columns = spread
        made = first_of(output)
        if made.shape[:2] != (len(rows), 1):  # zeros in place of an MLP, for all
            return output
        whole = made.new_full((*given.shape[:2], *made.shape[2:]), self.filler)
        whole[rows, columns] = made[:, 0]
        return with_first(output, whole)

    def _knocked(self, i, hidden, knockouts):
        """What layer i makes of hidden states with these parts of it knocked out."""
        if any(k.part == "layer" for k in knockouts):
            return hidden
        zeros, hooked = [], []  # what adds nothing is not computed
        for k in knockouts:
            modules = self.anatomy.part(k.part, i).modules
            known = all(path in self.zeros for path in modules)
            if k.effect == "zero" and k.unit == WHOLE and known:
                zeros += modules.items()
            else:
                hooked.append(k)
        changes = [replacement(module, "forward", self._zero(path)) for path, module in zeros]
        with temporarily(changes), knockout(self.anatomy, *hooked, means=self.means):
            return self._run(i, hidden, 1)

    def _zero(self, path):
        return lambda *args, **kwargs: self.zeros[path]()

    def _run(self, i, hidden, times):
        """Layer i on the hidden states of `times` as many questions as the base run had."""
        args, kwargs = self.calls[i]
        if times == 1:
            return first_of(self.layers[i](hidden, *args[1:], **kwargs))
        rest = [self._repeat(value, times) for value in args[1:]]
        more = {key: self._repeat(value, times) for key, value in kwargs.items()}
        states = kwargs.get("cross_attention_states")
        if torch.is_tensor(states):  # Mllama: [questions * tiles, ...]
            more["cross_attention_states"] = states.repeat(times, *[1] * (states.ndim - 1))
        return first_of(self.layers[i](hidden, *rest, **more))

    def _repeat(self, value, times):
        """A layer's argument for `times` as many questions; what has no axis of questions stays."""
        if isinstance(value, tuple):
            return tuple(self._repeat(item, times) for item in value)
        if not torch.is_tensor(value) or value.ndim == 0:
            return value
        if value.ndim == 4 and value.shape[:2] == (3, self.questions):
            return value.repeat(1, times, 1, 1)  # rotary tables of time, height and width
        if value.shape[0] == self.questions:
            return value.repeat(times, *[1] * (value.ndim - 1))
        return value


def _between(recording):
    """What is added behind each layer before the next is given it, None where nothing is."""
    gaps = []
    for output, (args, _) in zip(recording.hidden, recording.calls[1:], strict=False):
        gap = None if args[0] is output else args[0] - output
        gaps.append(gap if gap is not None and gap.any() else None)
    return [*gaps, None]


@torch.inference_mode()
def one_pass(
    model,
    anatomy: Anatomy,
    inputs,
    groups: list[Group],
    check: bool,
    means=None,
    pictures: Pictures | None = None,
) -> Iterator[torch.Tensor]:
    """Logits of the base model, then under each group of knockouts, [questions, vocabulary] each.

    Of inputs that say what is wanted of them, [places, vocabulary]. They are made as they are asked
    for: of whole texts and a large vocabulary those of all groups would not fit. Those of
    `pictures` that were seen before are not encoded again. With `check`, for every part and effect
    the group of the lowest, the middle and the highest layer is also run with hooks, each question
    alone. Raises CannotReplay if they differ, or where a layer does not run alone.
    """
    compare = _comparison(model, anatomy, inputs, groups, means) if check else _nothing
    replayed = _replayed(model, anatomy, inputs, groups, check, means, pictures)
    for group, logits in zip([(), *groups], replayed, strict=True):
        compare(group, logits)
        yield logits


def _replayed(model, anatomy, inputs, groups, check, means, pictures):
    """The same, uncompared; with `check` all logits follow from the last hidden states."""
    try:
        replay = Replay(model, anatomy, inputs, means, pictures)
        if check:
            replay.ending.check()
        yield replay.base.float()
        yield from replay.logits(groups)
    except BadInput:
        raise
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
        if out_of_memory(error):
            raise
        raise CannotReplay(
            f"its decoder layers cannot be run alone ({' '.join(str(error).split())[:100]})"
        ) from error


def _nothing(group, logits):
    """No comparison."""


def _comparison(model, anatomy, inputs, groups, means):
    """What raises CannotReplay where a group's logits are not those under hooks, each question
    alone; of groups that are not to be checked it asks nothing.
    """
    alone, here, there = inputs, slice(None), slice(None)
    wanted = {groups[i] for i in _checked(groups)}
    if getattr(inputs, "alone", None):
        alone = inputs.alone()
        here, there = same_places(inputs.wanted, alone.wanted)
        wanted.add(())  # the base model

    def compare(group, logits):
        if group in wanted:
            with knockout(anatomy, *group, means=means):
                hooked = wanted_logits(model, alone)
            error = rounding(hooked.dtype)
            _compare(group or "the base model", hooked.float()[there], logits[here], error)

    return compare


def same_places(shared: Wanted, alone: Wanted) -> torch.Tensor:
    """The places of shared rows, and those where the same is predicted with questions alone."""
    shared_places, matches = _by_tokens(shared), {}
    for key, places in _by_tokens(alone).items():  # which may lack some
        matches.update(zip(shared_places[key], places, strict=True))
    return torch.tensor(list(matches.items())).T


def _by_tokens(wanted):
    """The places at which each spelling's tokens are predicted, by question, option and tokens."""
    return {
        (number, option, tuple(token for _, token in path)): [place for place, _ in path]
        for number, options in enumerate(wanted.options)
        for option, spellings in enumerate(options)
        for path in spellings
    }


def _checked(groups):
    """Of every kind of knockout the places of the lowest, the middle and the highest layer's."""
    kinds = {}
    for i in sorted(range(len(groups)), key=lambda i: groups[i][0].layer):
        first = groups[i][0]
        kinds.setdefault((first.part, first.effect, first.unit, len(groups[i])), []).append(i)
    chosen = set()
    for places in kinds.values():
        chosen |= {places[0], places[len(places) // 2], places[-1]}
    return sorted(chosen)


def _compare(group, hooked, replayed, error):
    """Raise CannotReplay where logits in one pass are not those under hooks, to rounding."""
    finite = hooked.isfinite() & replayed.isfinite()
    # what overflows in one must in the other
    same = torch.equal(finite, hooked.isfinite()) and torch.equal(finite, replayed.isfinite())
    difference, largest = 0.0, 1.0
    if finite.any():
        difference = (hooked - replayed)[finite].abs().max().item()
        largest = max(1.0, hooked[finite].abs().max().item())
    if difference > max(TOLERANCE, error) * largest or not same:
        raise CannotReplay(f"{group} differs by {difference:.1e} from the hooked model")
