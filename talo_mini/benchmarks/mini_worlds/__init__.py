"""The mini worlds: 42 tasks over pictures drawn from a seed, and the lessons a mini VLM is trained
on.
"""

import itertools
import random
from collections.abc import Iterator

from PIL import Image

from ...errors import BadInput
from ...progress import progress
from ..pictures import encoded_png
from ..questions import LETTERS, Benchmark, Question, Task, find_task
from . import charts, composed, digits, maps, objects, shifted
from .difficulty import harder
from .world import Asked, World, is_test_picture

NAME = "mini-worlds"
WORLDS = (objects.WORLD, charts.WORLD, digits.PAIRS, digits.TABLES, maps.WORLD)
TEST_QUESTIONS = 400  # a task and form
TRIES = 300  # scenes that are drawn for a wanted answer before another is taken
PATIENT = 5000  # where two things must be rare at once, of many objects
CAPTION = "what is in the image?"  # the answer is a description of the whole scene
SLOW = (
    "count_colour",
    "count_shape",
    "left_or_right",
    "above_or_below",
    "nearest_corner",
    "same_colour",
    "same_shape",
    "exists",
    "table_read",
    "table_row",
    "table_largest",
    "map_name",
)  # to learn
# Training stages: the share of pictures with a caption (as in the first stage of LLaVA's training),
# the power of a
# world's weight by which it is drawn, and how often some tasks are asked for each time another is.
STAGES = {
    "look": (1.0, 0.5, {}),
    "answer": (0.2, 1.0, {}),
    "practise": (0.1, 1.0, dict.fromkeys(SLOW, 4)),
    "finish": (
        0.1,
        1.0,
        {**dict.fromkeys(SLOW, 2), "count_colour": 4, "count_shape": 4, "same_colour": 16},
    ),
}
# In a run that mends tasks which were not learned: the share of pictures drawn so that one of them
# can be asked, each
# possible answer as often as any other, and how often such a task is asked for each time another
# is.
MENDED, MENDING = 0.5, 24


def _askers(worlds):
    """By the name of its task, each asker with its world."""
    return {
        asker.__name__: (world, asker)
        for world in worlds
        for askers in world.abilities.values()
        for asker in askers
    }


ASKERS = _askers(WORLDS)


def _tasks(worlds, taught=True):
    """The tasks of some worlds, in order; those held out, or all if none is taught, are marked."""
    return tuple(
        Task(asker.__name__, ability, taught and asker not in world.held_out)
        for world in worlds
        for ability, askers in world.abilities.items()
        for asker in askers
    )


TASKS = _tasks(WORLDS)


def picture(world: World, rng: random.Random, split: str) -> tuple[object, Image.Image]:
    """A scene of this world and its 64 x 64 picture, from the "train" or the "test" half of all
    pictures.
    """
    while True:
        scene = world.sample(rng, split)
        image = world.draw(scene)
        if is_test_picture(image) == (split == "test"):
            return scene, image


def choices(asked: Asked, rng: random.Random, position: int) -> tuple[tuple[str, ...], int]:
    """Up to four options, the right one at `position` (taken modulo their number)."""
    others = [
        candidate for candidate in asked.shown or asked.candidates if candidate != asked.answer
    ]
    options = rng.sample(others, min(3, len(others)))
    position %= len(options) + 1
    options.insert(position, asked.answer)
    return tuple(options), position


def drawn_questions(task: str, count: int = TEST_QUESTIONS, split: str = "test") -> list[Question]:
    """The first `count` questions of a task about pictures of the "test" or the "train" half, each
    in both forms.

    Answers are balanced by asking for each possible answer in turn, answer positions by cycling
    through the letters.
    """
    world, asker = ASKERS[task]
    return _drawn_questions(world, asker, count, split)


def _drawn_questions(world, asker, count, split, tries=TRIES, level=0.0):
    task, questions, brush = asker.__name__, [], shifted.BRUSHES[world.name]
    for i in range(count):
        rng = random.Random(f"{split}/{task}/{i}")
        scene, asked = _wanted(world, asker, rng, i, split, tries)
        options, position = choices(asked, rng, i)
        seen = tuple(sorted(set(asked.seen or asked.shown or asked.candidates)))
        name = f"{task}/{i}" if split == "test" else f"{split}/{task}/{i}"
        drawn = (
            brush(scene, level, random.Random(f"shifted/{name}")) if level else world.draw(scene)
        )
        shared = dict(task=task, image_bytes=encoded_png(drawn), text=asked.text, seen=seen)
        questions.append(
            Question(f"{name}/choice", options=options, answer=position, form="choice", **shared)
        )
        questions.append(
            Question(
                f"{name}/direct",
                options=asked.candidates,
                answer=asked.candidates.index(asked.answer),
                form="direct",
                **shared,
            )
        )
    return questions


def _wanted(world, asker, rng, i, split, tries=TRIES):
    """A scene and question whose answer is the i-th candidate in turn (any answer after so many
    tries).
    """
    for attempt in range(tries + 700):
        scene = world.sample(rng, split)
        asked = asker(scene, rng)
        if asked is None:
            continue
        wanted = sorted(asked.candidates)[i % len(asked.candidates)]
        if (asked.answer == wanted or attempt > tries) and is_test_picture(world.draw(scene)) == (
            split == "test"
        ):
            return scene, asked
    raise RuntimeError(f"no scene for {asker.__name__}")


def benchmark(tasks=None, per_task: int | None = None) -> Benchmark:
    """The test benchmark: every task or those named, 400 or fewer questions each, in both forms.

    Raises BadInput for an unknown task.
    """
    return _drawn(NAME, WORLDS, TASKS, tasks, per_task, "test")


def train_benchmark(tasks=None, per_task: int | None = None) -> Benchmark:
    """The same tasks about pictures of the training half, as many questions as wanted: for probe
    sets and fine-tuning.
    """
    return _drawn(NAME, WORLDS, TASKS, tasks, per_task, "train")


def composed_benchmark(
    tasks=None, per_task: int | None = None, split: str = "test", most: int = composed.MOST
) -> Benchmark:
    """Questions of two steps, and of one step about more objects than were taught; see `composed`.

    `most`: the largest number of objects in a picture, 7 to 16. Raises BadInput for another.
    """
    if not composed.FEWEST <= most <= composed.CELLS:
        raise BadInput(
            f"most= is the largest number of objects in a picture, {composed.FEWEST} to "
            f"{composed.CELLS}, not {most}"
        )
    worlds = composed.worlds(most)
    known = _tasks(worlds, taught=False)
    return _drawn(f"{NAME}-composed", worlds, known, tasks, per_task, split, tries=PATIENT)


def shifted_benchmark(
    tasks=None, per_task: int | None = None, split: str = "test", level: float = shifted.LEVEL
) -> Benchmark:
    """The same questions about the same scenes, drawn as training never drew them; see `shifted`.

    `level`: the share of things that are drawn so, above 0 and at most 1. Raises BadInput for
    another.
    """
    if not 0 < level <= 1:
        raise BadInput(f"level= is the share of things drawn otherwise, above 0 to 1, not {level}")
    return _drawn(f"{NAME}-shifted", WORLDS, TASKS, tasks, per_task, split, level=level)


def harder_benchmark(name: str, tasks=None, per_task: int | None = None) -> Benchmark:
    """The test benchmark with pictures that are harder to see; `name` is one of `DIFFICULTIES`.

    Raises BadInput for an unknown task.
    """
    for task in tasks or ():
        find_task(TASKS, task, f"{NAME}-{name}")
    return harder(benchmark(tasks, per_task), name)


def _drawn(name, worlds, known, tasks, per_task, split, **how):
    """A benchmark of the known tasks of some worlds, or those of them that are named.

    Of the test half at most `TEST_QUESTIONS` a task and form, of the training half as many as
    wanted; `how` they are drawn is told to `_drawn_questions`.
    """
    count = TEST_QUESTIONS if per_task is None else per_task
    if split == "test":
        count = min(count, TEST_QUESTIONS)
    else:
        name = f"{name}-train"
    chosen = known if tasks is None else tuple(find_task(known, task, name) for task in tasks)
    askers = _askers(worlds)
    questions = []
    for task in progress(chosen, desc=f"drawing {name}", unit="task"):
        questions += _drawn_questions(*askers[task.name], count, split, **how)
    return Benchmark(name, chosen, tuple(questions))


def lessons(
    seed: int, stage: str, mend: tuple[str, ...] = ()
) -> Iterator[tuple[Image.Image, Iterator[tuple[str, tuple[str, ...], str]]]]:
    """Endless training material: a picture and an endless supply of (question, options or (),
    answer) about it.

    Options are shown every other time, and the answer is then a letter. Held-out tasks are never
    asked. `stage` is one of `STAGES`; every other picture is drawn for one of the tasks of `mend`,
    and they are asked more often than any.
    """
    captions, evenness, practice = STAGES[stage]
    practice = {**practice, **dict.fromkeys(mend, MENDING)}
    rng = random.Random(f"train/{seed}")
    taught = {
        world.name: {
            task.name: practice.get(task.name, 1)
            for task in TASKS
            if task.trained and ASKERS[task.name][0] is world
        }
        for world in WORLDS
    }
    while True:
        first = []
        if mend and rng.random() < MENDED:
            world, asker = ASKERS[rng.choice(mend)]
            scene, asked = _wanted(world, asker, rng, rng.randrange(1000), "train")
            image, first = world.draw(scene), [_lesson(asked, rng)]
        else:
            world = rng.choices(
                WORLDS, [sum(weights.values()) ** evenness for weights in taught.values()]
            )[0]
            scene, image = picture(world, rng, "train")
        if rng.random() < captions:
            first = [(CAPTION, (), world.describe(scene)), *first]
        yield image, itertools.chain(first, _questions(scene, taught[world.name], rng))


def _questions(scene, weights, rng):
    askers = [ASKERS[name][1] for name in weights]
    while True:
        asked = rng.choices(askers, weights.values())[0](scene, rng)
        if asked:
            yield _lesson(asked, rng)


def _lesson(asked, rng):
    if rng.random() < 0.5:
        options, position = choices(asked, rng, rng.randrange(4))
        return asked.text, options, LETTERS[position]
    return asked.text, (), asked.answer


def words() -> list[str]:
    """Every answer a mini-world question can have, sorted."""
    answers = {
        *objects.COLOURS,
        *objects.SHAPES,
        *objects.CORNERS,
        *objects.YES_NO,
        *digits.SUMS,
        *maps.names(),
        "small",
        "large",
        "left",
        "right",
        "above",
        "below",
        "even",
        "odd",
        "north",
        "south",
        "east",
        "west",
    }
    return sorted(answers)
