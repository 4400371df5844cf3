"""Questions, tasks and benchmarks: plain frozen data that every other room reads."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from numbers import Integral

from PIL import Image

from ..errors import BadInput, whole_number
from .pictures import MOST_PIXELS, decoded, picture_size

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FORMS = ("choice", "direct", "open")


@dataclass(frozen=True)
class Question:
    """A picture or several, one question, its options and the index of the right one.

    `form` is "choice" (the options are shown as A, B, ...), "direct" (they are not shown, the
    answer is the option's own words) or "open" (there are none: `options` are the answers that are
    accepted). `image_bytes` holds an encoded picture (PNG, JPEG, ...), `more` those that are shown
    after it.
    `hint` is a text to read before the question, `written` the whole question as its benchmark
    wrote it, options and all, where it is one text. `seen` are the answers that a look at picture
    and question leaves to guess among, where the scene is known; empty elsewhere.
    """

    id: str
    task: str
    image_bytes: bytes
    text: str
    options: tuple[str, ...]
    answer: int
    form: str = "choice"
    hint: str = ""
    written: str = ""
    seen: tuple[str, ...] = ()
    more: tuple[bytes, ...] = ()

    def __post_init__(self):
        if isinstance(self.options, str) or not isinstance(self.options, Sequence):
            raise BadInput(f"question {self.id!r}: its options are a tuple of texts")
        texts = [(name, getattr(self, name)) for name in ("task", "text", "hint", "written")]
        for what, value in (*texts, *(("option", one) for one in self.options)):
            if not isinstance(value, str):
                raise BadInput(f"question {self.id!r}: its {what} {value!r} is no text; write one")
        for picture in self.encoded:
            if not isinstance(picture, bytes):
                raise BadInput(
                    f"question {self.id!r}: its picture is a {type(picture).__name__}; give the "
                    "bytes of a file (PNG, JPEG, ...)"
                )
        if isinstance(self.answer, bool) or not isinstance(self.answer, Integral):
            raise BadInput(
                f"question {self.id!r}: its answer {self.answer!r} is no option's place; write the "
                "number of the right option, from 0"
            )
        if not 0 <= self.answer < len(self.options):
            raise BadInput(
                f"question {self.id!r}: its answer (option {self.answer}) is not among its "
                f"{len(self.options)} options; correct the answer or the options"
            )
        if len(set(self.options)) < len(self.options):
            option_list = ", ".join(str(option)[:40] for option in self.options[:8])
            raise BadInput(
                f"question {self.id!r}: two options are the same ({option_list}); make them differ"
            )
        if len(self.options) < 2 and self.form != "open":
            raise BadInput(
                f"question {self.id!r} has a single option, so any answer is right; give it another"
            )
        if self.form not in FORMS:
            raise BadInput(f"question {self.id!r}: unknown form {self.form!r}; use one of {FORMS}")
        if self.form == "choice" and len(self.options) > len(LETTERS):
            raise BadInput(
                f"question {self.id!r}: {len(self.options)} options, but {len(LETTERS)} letters"
            )

    @property
    def encoded(self) -> tuple[bytes, ...]:
        """All its pictures, as they are encoded, in the order in which they are shown."""
        return (self.image_bytes, *self.more)

    @property
    def images(self) -> list[Image.Image]:
        """Its pictures in RGB, not kept: a benchmark of photographs would fill the memory.

        Raises BadInput if one cannot be decoded.
        """
        return [self._read(decoded, one) for one in self.encoded]

    @property
    def image(self) -> Image.Image:
        """The first of its `images`."""
        return self._read(decoded, self.image_bytes)

    @property
    def pixels(self) -> int:
        """How many pixels its pictures have. Raises BadInput if one cannot be decoded."""
        return sum(prod(self._read(picture_size, one)) for one in self.encoded)

    def _read(self, read, encoded):
        try:
            return read(encoded)
        except BadInput as error:
            raise BadInput(
                f"question {self.id!r}: its image cannot be used: {error}; replace the image or "
                "leave the question out"
            ) from error

    @cached_property
    def digest(self) -> str:
        """16 hex digits that change when the text, an option, the answer, the form or a pixel
        changes.
        """
        parts = (
            self.id,
            self.task,
            self.text,
            self.options,
            self.answer,
            self.form,
            *([self.hint] if self.hint else []),
            *([("written", self.written)] if self.written else []),
        )
        digest = hashlib.blake2b(repr(parts).encode(), digest_size=8)
        digest.update(self.image_bytes)
        if self.more:
            digest.update(" ".join(self.pictures).encode())
        return digest.hexdigest()

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """16 hex digits for each picture, that tell pictures apart byte by byte."""
        return tuple(hashlib.blake2b(one, digest_size=8).hexdigest() for one in self.encoded)

    @property
    def chance(self) -> float:
        """Accuracy of a blind guess, which knows the options only, in [0, 1]."""
        return 0.0 if self.form == "open" else 1 / len(self.options)

    @property
    def informed(self) -> float:
        """Accuracy of a guess among those options that picture and question show, in [0, 1].

        That of a blind guess where the scene is not known, or does not show the right answer.
        """
        if self.options[self.answer] not in self.seen:
            return self.chance
        return 1 / sum(option in self.seen for option in self.options)


def pictures_each(questions: Sequence[Question]) -> int:
    """How many pictures each question shows.

    Raises BadInput where that differs: to Mllama a question beside one of more pictures is another.
    """
    first, number = questions[0], len(questions[0].encoded)
    other = next((q for q in questions if len(q.encoded) != number), None)
    if other is not None:
        raise BadInput(
            f"question {first.id!r} shows {number} and question {other.id!r} {len(other.encoded)} "
            "pictures; ask them in two batches"
        )
    return number


def by_pictures(questions: Sequence[Question]) -> list[list[int]]:
    """The numbers of the questions that show the same, each picture in the same place."""
    rows: dict[tuple[bytes, ...], list[int]] = {}
    for number, question in enumerate(questions):
        rows.setdefault(question.encoded, []).append(number)
    return list(rows.values())


def picture_groups(questions: Sequence[Question]) -> dict[str, str]:
    """By the digest of a picture: the first of those that questions show together with it.

    Directly or through others; questions whose groups differ have no picture in common.
    """
    members: dict[str, list[str]] = {}
    for question in questions:
        joined: dict[str, None] = {}
        for picture in question.pictures:
            joined.update(dict.fromkeys(members.get(picture, [picture])))
        together = list(joined)
        members.update(dict.fromkeys(together, together))
    return {picture: together[0] for picture, together in members.items()}


def by_picture_group(questions: Sequence[Question]) -> list[list[int]]:
    """The numbers of the questions in each of their `picture_groups`."""
    groups = picture_groups(questions)
    rows: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        rows.setdefault(groups[question.pictures[0]], []).append(number)
    return list(rows.values())


def parted(questions: Sequence[Question], size: int) -> Iterator[list[Question]]:
    """The questions in their order, in lists of at most `size` that memory holds.

    Those of a list show equally many pictures, which have MOST_PIXELS together at most, as many as
    a single one may have.
    """
    batch: list[Question] = []
    pixels = 0
    for question in questions:
        question_pixels = question.pixels
        full = len(batch) == size or pixels + question_pixels > MOST_PIXELS
        if batch and (full or len(question.more) != len(batch[0].more)):
            yield batch
            batch, pixels = [], 0
        batch.append(question)
        pixels += question_pixels
    if batch:
        yield batch


@dataclass(frozen=True)
class Task:
    """A kind of question. `ability` is the skill it needs; `trained` is False for tasks held out of
    training.
    """

    name: str
    ability: str
    trained: bool = True


def task_names(names) -> list[str]:
    """Names of tasks, each once; one alone need not be in a list. Raises BadInput for others."""
    try:
        return list(dict.fromkeys([names] if isinstance(names, str) else names))
    except TypeError as error:
        raise BadInput(f"tasks= is {names!r}; it is a task's name or a list of them") from error


def find_task(tasks, name: str, benchmark: str) -> Task:
    """The task of that name among `tasks`. Raises BadInput if there is none."""
    for task in tasks:
        if task.name == name:
            return task
    raise BadInput(
        f"benchmark {benchmark!r} has no task {name!r}; it has: "
        f"{', '.join(task.name for task in tasks)}"
    )


@dataclass(frozen=True)
class Benchmark:
    """A named set of questions over tasks. `prompt` names the template that turns a question into
    text.

    `source` is where the questions were read. Rows that were not used and why: `left_out` those of
    another kind, as questions without a picture, `malformed` those that are wrong; `repaired` tells
    what was changed in others.
    """

    name: str
    tasks: tuple[Task, ...]
    questions: tuple[Question, ...]
    prompt: str = "bare"
    source: str = ""
    left_out: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()

    def __repr__(self):
        return (
            f"Benchmark({self.name!r}, {len(self.tasks)} tasks, {len(self.questions)} questions, "
            f"prompt {self.prompt!r}, {len(self.left_out)} rows left out, "
            f"{len(self.malformed)} malformed, {len(self.repaired)} repairs)"
        )

    def __post_init__(self):
        if not self.questions:
            raise BadInput(f"benchmark {self.name!r} has no questions; choose some tasks")
        doubled = [i for i, n in Counter(q.id for q in self.questions).items() if n > 1]
        if doubled:
            raise BadInput(
                f"benchmark {self.name!r}: question id {doubled[0]!r} occurs more than once; make "
                "ids unique"
            )
        asked, known = {q.task for q in self.questions}, {t.name for t in self.tasks}
        if asked - known:
            raise BadInput(
                f"benchmark {self.name!r}: questions of task {min(asked - known)!r}, which it "
                "does not list"
            )
        if known - asked:
            raise BadInput(
                f"benchmark {self.name!r}: task {min(known - asked)!r} has no questions; "
                "add some or remove the task"
            )

    def task(self, name: str) -> Task:
        """The task of that name. Raises BadInput if there is none."""
        return find_task(self.tasks, name, self.name)

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of its questions, in alphabetical order."""
        return tuple(sorted({question.form for question in self.questions}))

    def subset(
        self, tasks=None, per_task: int | None = None, form: str | None = None
    ) -> "Benchmark":
        """It with only these tasks, one form, and `per_task` questions a task and form at most.

        Raises BadInput for a task or form that it lacks.
        """
        if per_task is not None:
            per_task = whole_number("per_task", per_task)
        names = [task.name for task in self.tasks] if tasks is None else task_names(tasks)
        names = [self.task(name).name for name in names]
        of_tasks = [question for question in self.questions if question.task in names]
        forms = sorted({question.form for question in of_tasks})
        if form is not None and of_tasks and form not in forms:
            raise BadInput(f"{self.name!r} is asked in the form {' or '.join(forms)}, not {form!r}")
        questions, seen = [], Counter()
        for question in of_tasks:
            key = (question.task, question.form)
            if form in (None, question.form) and (per_task is None or seen[key] < per_task):
                seen[key] += 1
                questions.append(question)
        return replace(
            self, tasks=tuple(t for t in self.tasks if t.name in names), questions=tuple(questions)
        )

    def only(self, questions) -> "Benchmark":
        """The same benchmark with only these of its questions, and their tasks."""
        asked = {question.task for question in questions}
        return replace(
            self,
            tasks=tuple(task for task in self.tasks if task.name in asked),
            questions=tuple(questions),
        )

    def share(self, number: int, of: int) -> "Benchmark":
        """The questions of one of `of` processes, every one in exactly one share. Raises BadInput
        for an empty share.
        """
        of, number = whole_number("of", of), whole_number("number", number, 0)
        if number >= of:
            raise BadInput(f"there is no share {number} of {of}; shares are counted from 0")
        if number >= len(self.questions):
            raise BadInput(
                f"benchmark {self.name!r} has {len(self.questions)} questions, too few for {of} "
                "processes"
            )
        return self.only(self.questions[number::of])

    def split(self, shots: int, seed: int = 0) -> tuple["Benchmark", "Benchmark"]:
        """`shots` questions a task and form to choose by (the probe set), and others to measure on.

        No picture is on both sides: pictures are drawn in random order until every task has its
        shots, and what else is asked about a drawn picture is on neither. Raises BadInput where a
        task has too few questions, or none would be left of it.
        """
        shots = whole_number("shots", shots)
        pictures, count = by_picture_group(self.questions), Counter()
        random.Random(seed).shuffle(pictures)
        probe: list[int] = []
        rest: list[int] = []
        for picture in pictures:
            drawn = []
            for number in picture:
                kind = self.questions[number].task, self.questions[number].form
                if count[kind] < shots:
                    count[kind] += 1
                    drawn.append(number)
            probe += drawn
            rest += [] if drawn else picture
        left = {(self.questions[number].task, self.questions[number].form) for number in rest}
        for task, form in count:
            if count[task, form] < shots or (task, form) not in left:
                raise BadInput(
                    f"task {task!r} has too few questions or pictures in the {form} form to draw "
                    f"{shots} and keep others; use fewer shots, fewer tasks or more questions"
                )
        chosen, others = ([self.questions[i] for i in sorted(own)] for own in (probe, rest))
        return self.only(chosen), self.only(others)

    def with_prompt(self, prompt: str) -> "Benchmark":
        """The same questions under another prompt template."""
        return replace(self, prompt=prompt)

    @cached_property
    def digest(self) -> str:
        """16 hex digits that change when any question changes."""
        return hashlib.blake2b(
            "".join(q.digest for q in self.questions).encode(), digest_size=8
        ).hexdigest()
