"""What TaLo chose for each task: a small file to keep, hand on and apply to the model it is of."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import pandas as pd

from ..benchmarks.prompts import prompt_key
from ..benchmarks.questions import Benchmark, Question, parted
from ..errors import BadInput, whole_number
from ..estimates import Estimate
from ..interventions.knockout import Knockout, knockout
from ..interventions.names import as_knockouts
from ..interventions.rows import knockout_by_row
from ..models.padding import in_batches
from ..models.vlm import VLM

SCHEMA = "talo-mini choice, version 1"
SHARES = ("base", "accuracy", "chance", "informed", "p", "q")
ROUNDED = 1e-6  # numbers closer than this are the same
_attached: set["Attached"] = set()  # an attached choice holds until it is detached


@dataclass(frozen=True)
class TaskChoice:
    """What is bypassed at one task, `part` of `layer` as a sweep names it, or nothing (both None).

    `probe_gain` is the change of accuracy on the questions that chose it; base, accuracy and gain
    are measured on others, `questions` about `pictures`, with the gain's 95% interval, p and, over
    the tasks at which something is bypassed, q. Fractions; None where nothing is bypassed.
    """

    task: str
    part: str | None
    layer: int | None
    probe_gain: float
    questions: int
    pictures: int
    chance: float
    informed: float
    base: float
    accuracy: float
    gain: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None

    @property
    def estimate(self) -> Estimate:
        """The gain on questions that did not choose."""
        low, high = (math.nan if end is None else end for end in (self.low, self.high))
        return Estimate(self.gain, low, high, self.q, self.questions)

    def __str__(self):
        if self.layer is None:
            return f"{self.task}: keep the whole model ({self.base:.0%})"
        return (
            f"{self.task}: leave out {self.part} of layer {self.layer}\n"
            f"  {self.base:.0%} to {self.accuracy:.0%} (a guess: "
            f"{max(self.chance, self.informed):.0%}), {self.estimate}, "
            f"{self.estimate.q_written}; {self.questions} questions"
        )


@dataclass(frozen=True)
class Choice:
    """What TaLo chose for each task of a benchmark, and what was asked of whom.

    `model` is told apart by `digest` (its weights and configuration, and what was changed about it
    since it was loaded) and `reading` (how its processor reads text and pictures). `probe_pictures`
    name the pictures that chose, so that they never measure. The rest is how it was chosen; see
    `choosing.talo`.
    """

    model: str
    digest: str
    reading: str
    benchmark: str
    benchmark_digest: str
    prompt: str
    prompt_words: str
    form: str
    parts: tuple[str, ...]
    effect: str
    asked: str
    shots: int
    rule: str
    level: float
    seed: int
    versions: dict[str, str]
    tasks: tuple[TaskChoice, ...]
    probe_pictures: tuple[str, ...]

    def __str__(self):
        head = (
            f"{self.model} on {self.benchmark} ({self.form} form)\n"
            f"chosen by {self.shots} questions a task (rule {self.rule!r}), measured on others"
        )
        return "\n".join([head, *map(str, self.tasks)])

    def __repr__(self):
        return f"Choice({self.model!r}, {self.benchmark!r}, {len(self.tasks)} tasks)"

    def __getitem__(self, task: str) -> TaskChoice:
        """What was chosen for a task. Raises BadInput where the choice has no such task."""
        for chosen in self.tasks:
            if chosen.task == task:
                return chosen
        raise BadInput(
            f"the choice has no task {task!r}; it has: {', '.join(one.task for one in self.tasks)} "
            "(questions of a file without a column 'category' are a task named after the file)"
        )

    def table(self) -> pd.DataFrame:
        """One row a task, with the columns of `TaskChoice`."""
        table = pd.DataFrame([asdict(task) for task in self.tasks])
        return table.astype({"layer": "Int64"})

    def knockouts(self, task: str) -> tuple[Knockout, ...]:
        """What is knocked out at a task; none where the whole model is kept."""
        chosen = self[task]
        if chosen.part is None or chosen.layer is None:
            return ()
        return as_knockouts(chosen.part, self.effect, chosen.layer)

    def check(self, vlm: VLM, prompt: str | None = None):
        """Raise BadInput where the choice is of another model, or of another prompt."""
        digest, _, changed = self.digest.partition("-")
        if vlm.digest != digest:
            raise BadInput(
                f"the choice is of {self.model} (digest {digest}), and this is {vlm.name} "
                f"(digest {vlm.digest}): its layers may do something else. Choose anew, or say "
                "strict=False"
            )
        if vlm.changed != changed:
            raise BadInput(
                f"the choice is of {self.model} in another state: an adapter was switched or "
                "scaled since, or an attribute or a buffer of a module or the way of attention was "
                "changed. Undo that, choose anew, or say strict=False"
            )
        if vlm.reading != self.reading:
            raise BadInput(
                f"the choice is of {self.model} with another processor (chat template, tokenizer "
                "or sizes of pictures). Choose anew, or say strict=False"
            )
        if prompt is not None and prompt_key(prompt) != self.prompt_words:
            raise BadInput(
                f"the choice was made under the prompt {self.prompt_words}, and these questions "
                f"are asked under {prompt_key(prompt)}. Choose anew, or say strict=False"
            )

    def check_forms(self, forms: Iterable[str]):
        """Raise BadInput where questions are of another form than those that chose."""
        other = min(set(forms) - {self.form}, default=None)
        if other is not None:
            raise BadInput(
                f"the choice was made on questions in the form {self.form!r}, and these are in the "
                f"form {other!r}. Load them with form={self.form!r}, choose anew, or say "
                "strict=False"
            )

    @contextmanager
    def __call__(self, vlm: VLM, task: str, strict: bool = True) -> Iterator[None]:
        """Inside the block the model answers as was chosen for a task.

        Raises BadInput as `check` does, unless not `strict`, and as `knockout` does.
        """
        chosen = self.knockouts(task)
        if strict:
            self.check(vlm)
        with knockout(vlm, *chosen):
            yield

    def attach(self, vlm: VLM, task: str, strict: bool = True) -> "Attached":
        """The choice for a task in force until `detach`, for servers.

        The thread that attaches owns the model until then, and detaches: run the model in it.
        """
        return Attached(self, vlm, task, strict)

    def generate(
        self,
        vlm: VLM,
        questions: Benchmark | Sequence[Question],
        max_new_tokens: int = 8,
        batch: int = 64,
        strict: bool = True,
    ) -> list[str]:
        """Greedy answers to questions of any of the tasks, each under its own task's choice.

        Batches mix tasks. Asked under the prompt of the choice. Raises BadInput for a question of
        another task, and as `check` and `check_forms` do, unless not `strict`.
        """
        asked = list(questions.questions if isinstance(questions, Benchmark) else questions)
        own = {task: self.knockouts(task) for task in {question.task for question in asked}}
        prompt = questions.prompt if isinstance(questions, Benchmark) else self.prompt
        if strict:
            self.check(vlm, prompt)
            self.check_forms(question.form for question in asked)
        parts, written = list(parted(asked, whole_number("batch", batch))), {}
        vlm.check_inputs(asked, prompt)  # else the texts of those before would be lost
        for part in parts:
            for some, _ in in_batches(vlm, part, prompt):  # before the block, which is for its rows
                with knockout_by_row(vlm, [own[question.task] for question in some]):
                    texts = vlm.generate(some, prompt, max_new_tokens, len(some))
                written |= zip(some, texts, strict=True)
        return [written[question] for question in asked]

    def save(self, path: str | Path) -> Path:
        """Write the choice as JSON. Raises BadInput where the file cannot be written."""
        record = {"schema": SCHEMA, **asdict(self)}
        for task in record["tasks"]:  # JSON knows no nan
            task |= {name: None for name, value in task.items() if value != value}
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        beside = Path(f"{path}.part")  # what stands there stays whole until the new one is
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise BadInput(f"{path} cannot be written ({error.strerror})") from error
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "Choice":
        """Read a choice. Raises BadInput where the file is none, or of another version."""
        try:
            written = Path(path).read_text(encoding="utf-8")
            record = json.loads(written, object_pairs_hook=_once)
        except OSError as error:
            raise BadInput(f"{path} cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise BadInput(f"{path} is no choice: {error}") from error
        schema = record.pop("schema", None) if isinstance(record, dict) else None
        if schema != SCHEMA:
            raise BadInput(
                f"{path} is {schema or 'no choice'!r}, and this version reads {SCHEMA!r}"
            )
        return _made(record, path)


class Attached:
    """A choice in force on a model; see `Choice.attach`."""

    def __init__(self, choice: Choice, vlm: VLM, task: str, strict: bool):
        self.task, self._open = task, ExitStack()
        self._open.enter_context(choice(vlm, task, strict))
        _attached.add(self)

    def detach(self):
        """Leave the model as it was before. Raises BadInput where it was not asked meanwhile."""
        _attached.discard(self)
        self._open.close()


def told_apart(vlm: VLM) -> str:
    """What a choice tells a model apart by: its digest, and what was changed since loading."""
    return "-".join(filter(None, [vlm.digest, vlm.changed]))


def _once(pairs):
    """A dictionary. Raises ValueError where a name is written twice: which is meant?"""
    names = [name for name, _ in pairs]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ValueError(f"{doubled!r} is written twice in one place; keep one of them")
    return dict(pairs)


def _made(record, path):
    """The choice that a file tells. Raises BadInput naming the field that is missing or wrong."""
    _check_fields(record, Choice, path)
    for task in record["tasks"]:
        _check_fields(task, TaskChoice, path)
        if (task["part"] is None) != (task["layer"] is None):
            raise BadInput(
                f"{path}: task {task['task']!r} names a part without a layer, or a layer without a "
                "part; write both, or null for both"
            )
    tasks = tuple(TaskChoice(**task) for task in record["tasks"])
    lists = {name: tuple(record[name]) for name in ("parts", "probe_pictures")}
    choice = Choice(**{**record, **lists, "tasks": tasks})
    if not choice.probe_pictures:
        raise BadInput(
            f"{path} names no picture that chose, so that these would measure; choose anew"
        )
    names = [task.task for task in tasks]
    for task in tasks:
        if names.count(task.task) > 1:
            raise BadInput(f"{path} names task {task.task!r} twice; keep one of them")
        impossible = _impossible(task)
        if impossible:
            raise BadInput(
                f"{path}: task {task.task!r} has {impossible}, which no measurement gives; write "
                "it as `choose` did"
            )
        try:
            choice.knockouts(task.task)
        except BadInput as error:
            raise BadInput(f"{path}: task {task.task!r}: {error}") from error
    return choice


def _impossible(task):
    """What of a task's numbers cannot be, in words; None where all can."""
    for name in SHARES:
        value = getattr(task, name)
        if value is not None and not 0 <= value <= 1:
            return f"{name} {value}"
    if not 1 <= task.pictures <= task.questions:
        return f"{task.questions} questions about {task.pictures} pictures"
    if abs(task.accuracy - task.base - task.gain) > ROUNDED:
        return f"a gain of {task.gain} from {task.base} to {task.accuracy}"
    if not -1 <= task.probe_gain <= 1:
        return f"probe_gain {task.probe_gain}"
    ends = task.low, task.high
    if None not in ends and not task.low - ROUNDED <= task.gain <= task.high + ROUNDED:
        return f"a gain of {task.gain} outside its interval from {task.low} to {task.high}"
    return None


def _check_fields(record, kind, path):
    kinds = get_type_hints(kind)
    if not isinstance(record, dict) or set(record) != set(kinds):
        odd = sorted(set(kinds) ^ set(record)) if isinstance(record, dict) else [str(record)[:40]]
        raise BadInput(f"{path} is no whole choice: look at {odd[0]!r} in its {kind.__name__}")
    for name, value in record.items():
        if not _is_of(value, kinds[name]):
            raise BadInput(
                f"{path}: {name!r} in its {kind.__name__} is {str(value)[:60]!r}, and a choice has "
                f"{_in_words(kinds[name])} there; write it as `choose` did"
            )


def _is_of(value, kind) -> bool:
    """Whether what JSON tells is of the kind of a field."""
    inner = get_args(kind)
    if isinstance(kind, UnionType):
        return any(_is_of(value, one) for one in inner)
    if get_origin(kind) is tuple:
        return isinstance(value, list) and all(_is_of(one, inner[0]) for one in value)
    if get_origin(kind) is dict:
        return isinstance(value, dict) and all(_is_of(one, inner[1]) for one in value.values())
    if kind is TaskChoice:
        return isinstance(value, dict)
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind


def _in_words(kind) -> str:
    """A field's kind as JSON's reader knows it."""
    words = {str: "a text", int: "a whole number", float: "a number", type(None): "null"}
    if isinstance(kind, UnionType):
        return " or ".join(map(_in_words, get_args(kind)))
    return words.get(kind, "a list" if get_origin(kind) is tuple else "an object")
