"""TaLo from end to end: choose what to bypass on probe questions, measure it on others."""

from importlib.metadata import version

from ..analysis.rules import NONE, Probing, choose_cautiously, choose_layer
from ..analysis.significance import change_interval, change_p, false_discovery
from ..benchmarks.prompts import prompt_key
from ..benchmarks.questions import Benchmark, picture_groups
from ..engine.key import check_asked
from ..engine.sweep import sweep
from ..engine.written import Written
from ..errors import BadInput, check_kind
from ..interventions.effects import find_effect
from ..interventions.names import BASE_CELL, all_cells, listed
from ..models.vlm import VLM
from ..outcomes.table import aligned, pictures_of
from .choice import Choice, TaskChoice, told_apart


def talo(
    vlm: VLM,
    benchmark: Benchmark,
    parts=("self-attention",),
    shots: int = 10,
    rule: str = "best",
    level: float = 0.05,
    seed: int = 0,
    effect: str = "zero",
    cache=None,
    batch: int = 32,
    written: Written | None = None,
) -> Choice:
    """For each task what to bypass, chosen on `shots` probe questions and measured on others.

    `parts` compete, in every layer, as `sweep` names them. `rule` is "best" (the most right probe
    answers, nothing where none beats the base model; the paper's) or "cautious" (only where that is
    significant at `level`, corrected for all that competed). No picture is in both probe and rest
    (`Benchmark.split`). With `written` the model writes its answers, as in `sweep`. Raises BadInput
    where questions are of both forms, for an effect that a file cannot hold, and as `sweep` and
    `split` do.
    """
    check_asked(vlm, benchmark, written)
    form = _only_form(benchmark)
    parts, probing = listed(parts), Probing(shots, 1, seed, rule, level)
    if not parts:
        raise BadInput("parts= is empty; name what may be left out, such as 'self-attention'")
    if rule == "released":
        raise BadInput(
            "the rule 'released' draws several probe sets of a task; use 'best' or 'cautious', or "
            "talo_gains to judge it"
        )
    if find_effect(effect.partition(" ")[0]).needs:
        raise BadInput(f"a choice cannot hold the effect {effect!r}; use 'zero' or 'scale 0.5'")
    probe, rest = benchmark.split(probing.shots, seed)
    options = dict(effect=effect, cache=cache, batch=batch, written=written)
    cells = all_cells(vlm.anatomy, parts, None, effect)[1:]
    outcomes = sweep(vlm, probe, parts=parts, **options)
    chosen = {task.name: _chosen(outcomes, task.name, cells, probing) for task in probe.tasks}
    measured = measure(vlm, rest, {task: cell for task, (cell, _) in chosen.items()}, **options)
    gains = {task: gain for task, (_, gain) in chosen.items()}
    return Choice(
        model=vlm.name,
        digest=told_apart(vlm),
        reading=vlm.reading,
        benchmark=benchmark.name,
        benchmark_digest=benchmark.digest,
        prompt=benchmark.prompt,
        prompt_words=prompt_key(benchmark.prompt),
        form=form,
        parts=tuple(map(_part_name, parts)),
        effect=effect,
        asked=_asked(written),
        shots=probing.shots,
        rule=rule,
        level=level,
        seed=seed,
        versions={name: version(name) for name in ("talo-mini", "torch", "transformers")},
        tasks=tuple(TaskChoice(probe_gain=gains[row["task"]], **row) for row in measured),
        probe_pictures=tuple(sorted(picture_groups(probe.questions))),
    )


def evaluate(
    vlm: VLM,
    benchmark: Benchmark,
    choice: Choice,
    cache=None,
    batch: int = 32,
    strict: bool = True,
    written: Written | None = None,
) -> tuple[TaskChoice, ...]:
    """The base model and the choice on a benchmark's questions about pictures that did not choose.

    One record for each task of the benchmark. Raises BadInput where no question is left, and as
    `Choice.check` and `Choice.check_forms` do, unless not `strict`.
    """
    check_asked(vlm, benchmark, written)
    check_kind("choice", choice, Choice, "talo(...) or Choice.load(...)")
    _only_form(benchmark)
    if strict:
        choice.check(vlm, benchmark.prompt)
        choice.check_forms(benchmark.forms)
        if choice.asked != _asked(written):
            raise BadInput(
                f"the choice was made where answers were {choice.asked}, and here they are "
                f"{_asked(written)}. Choose anew, or say strict=False"
            )
        if written is not None and ">" in written.name:
            raise BadInput(
                f"the score {written.name.partition(' ')[2]} has no name that tells it from "
                "others, so that the choice may have been made by another; define it as a function "
                "of its own and choose anew, or say strict=False"
            )
    own = {task.name: choice[task.name] for task in benchmark.tasks}
    seen = set(choice.probe_pictures)
    fresh = [q for q in benchmark.questions if not seen.intersection(q.pictures)]
    lost = own.keys() - {question.task for question in fresh}
    if lost:
        raise BadInput(
            f"task {min(lost)!r}: all its questions are about pictures that chose; use others"
        )
    cells = {task: _cell(choice, chosen) for task, chosen in own.items()}
    options = dict(effect=choice.effect, cache=cache, batch=batch, written=written)
    measured = measure(vlm, benchmark.only(fresh), cells, **options)
    return tuple(TaskChoice(probe_gain=own[row["task"]].probe_gain, **row) for row in measured)


def measure(vlm: VLM, benchmark: Benchmark, cells: dict, effect: str, **options) -> list[dict]:
    """What bypassing one cell a task, or none, changes on a benchmark: one record a task.

    `cells` maps a task's name to (part, layer) or None. The records have the fields of `TaskChoice`
    but probe_gain; q is over the tasks at which something is bypassed.
    """
    rows = []
    for cell in dict.fromkeys(cells.values()):
        tasks = [task for task, own in cells.items() if own == cell]
        parts = [] if cell is None else [cell]
        outcomes = sweep(vlm, benchmark.subset(tasks), parts=parts, effect=effect, **options)
        rows += [_measured(outcomes[outcomes.task == task], task, cell) for task in tasks]
    order = [task.name for task in benchmark.tasks]
    rows.sort(key=lambda row: order.index(row["task"]))
    bypassed = [row for row in rows if row["layer"] is not None]
    tests = ([row[name] for row in bypassed] for name in ("p", "gain"))
    for row, q in zip(bypassed, false_discovery(*tests), strict=True):
        row["q"] = float(q)
    return rows


def _only_form(benchmark):
    forms = benchmark.forms
    if len(forms) > 1:
        raise BadInput(
            f"the questions are of {len(forms)} forms ({', '.join(forms)}); choose for one at a "
            f"time: benchmark.subset(form={forms[0]!r})"
        )
    return forms[0]


def _asked(written):
    """How answers were asked for, in words."""
    if written is None:
        return "scored by their options"
    return f"{written.name}, at most {written.max_new_tokens} tokens"


def _part_name(part):
    return part if isinstance(part, str) else f"{part[0]} of layer {part[1]}"


def _cell(choice, chosen):
    return None if chosen.layer is None else (chosen.part, chosen.layer)


def _chosen(outcomes, task, cells, probing):
    """The (part, layer) that TaLo bypasses at a task, or None, and what it gains on the probe."""
    wide = aligned(outcomes[outcomes.task == task])
    right = wide[BASE_CELL[0], BASE_CELL[2]].to_numpy(bool)
    places = [(part, layer) for part, _, layer in cells]
    knocked = wide[places].to_numpy(bool)
    if probing.rule == "cautious":
        pictures = pictures_of(outcomes, wide.index)
        best = choose_cautiously(right, knocked, pictures, probing.level)
    else:
        best = choose_layer(right, knocked)
    if best == NONE:
        return None, 0.0
    return places[best], float(knocked[:, best].mean() - right.mean())


def _measured(outcomes, task, cell):
    wide = aligned(outcomes)
    right = wide[BASE_CELL[0], BASE_CELL[2]].to_numpy(int)
    own = outcomes[outcomes.question.isin(wide.index)]
    pictures = pictures_of(outcomes, wide.index)
    row = dict(
        task=task,
        part=cell and cell[0],
        layer=cell and int(cell[1]),
        questions=len(right),
        pictures=len(set(pictures)),
        chance=float(own.chance.mean()),
        informed=float(own.informed.mean()),
        base=float(right.mean()),
        accuracy=float(right.mean()),
        gain=0.0,
    )
    if cell is None:
        return row
    change = (wide[cell].to_numpy(int) - right)[:, None]
    (low,), (high,) = change_interval(change, pictures)
    row |= dict(accuracy=float(right.mean() + change.mean()), gain=float(change.mean()))
    return row | dict(low=float(low), high=float(high), p=float(change_p(change, pictures)[0]))
