"""Several trainings side by side: which knockouts help in every run, and which are luck of one."""

import pandas as pd

from ..benchmarks.questions import Benchmark
from ..errors import BadInput
from ..outcomes.table import asked_in
from .groups import stacked
from .room import room_to_gain, roomy_gains
from .significance import accuracy_interval, false_discovery
from .similarity import ability_contrast, similarity, similarity_ceiling
from .summaries import mean_value
from .talo import mean_gain
from .vectors import gain_kind, task_accuracy, vectors_of_parts

MEAN = ("delta", "low", "high", "p")
ABOVE = ["across chance", "above chance"]  # kinds of gain that end above a guess
PLACE = ["task", "form", "layer", "what"]  # what returns: heads have no order, so any of a layer
KNOWN = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0)  # accuracies of the whole model, cut into ranges


def all_vectors(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The vectors of every part and form of one run, q over all of them together.

    Columns: those of `interaction_vectors`, form, part, kind (of `gain_kind`). Raises BadInput
    where the outcomes are empty, or of the base model alone.
    """
    if outcomes.empty:
        raise BadInput("the outcomes are empty; run a sweep first")
    tables = []
    for form, form_outcomes in outcomes.groupby("form", sort=False):
        parts = sorted(set(form_outcomes.part) - {"base"})
        tables.append(vectors_of_parts(form_outcomes, parts).assign(form=form))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(q=false_discovery(table.p, table.delta), kind=gain_kind(table))


def vectors_of_models(outcomes: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """`all_vectors` of several models by name, with the column model, q over all of them."""
    vectors = {name: all_vectors(answers) for name, answers in outcomes.items()}
    table = stacked(vectors, ["model"])
    return table.assign(q=false_discovery(table.p, table.delta))


def vectors_of_halves(
    outcomes: pd.DataFrame, halves: tuple[Benchmark, Benchmark]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`all_vectors` of one run on each of two halves of its questions."""
    first, second = (all_vectors(asked_in(outcomes, half)) for half in halves)
    return first, second


def attention_vectors(outcomes: pd.DataFrame) -> pd.DataFrame:
    """`all_vectors` of the attentions and their single heads, q over these alone."""
    return all_vectors(outcomes[outcomes.part.str.match("base|self-attention|head ")])


def helps_to_above_chance(vectors: pd.DataFrame) -> pd.Series:
    """Which knockouts clearly help (5% false discoveries among these) and end above a guess that
    has looked.

    `vectors` are all that competed. One that ends no higher cannot do both, whatever its p: counted
    as clear, many rises towards chance would let lucky ones above it pass.
    """
    above = vectors.kind.isin(ABOVE)
    return above & (false_discovery(vectors.p.where(above, 1.0), vectors.delta) < 0.05)


def with_what(vectors: pd.DataFrame) -> pd.DataFrame:
    """The same rows with the column `what`: "a head", or the part."""
    is_head = vectors.part.astype(str).str.startswith("head")
    return vectors.assign(what=vectors.part.where(~is_head, "a head"))


def asked_again(vectors: dict[str, pd.DataFrame], places: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Of `all_vectors` by run the rows of some places (task, form, layer and what, of `with_what`),
    q over these rows of all runs together.

    For places that were found elsewhere, so that nothing else competed.
    """
    wanted = places[PLACE].drop_duplicates()
    own = [
        with_what(table).merge(wanted, on=PLACE).assign(run=run) for run, table in vectors.items()
    ]
    rows = pd.concat(own, ignore_index=True)
    rows = rows.assign(q=false_discovery(rows.p, rows.delta))
    return {run: rows[rows.run == run].drop(columns=["run", "what"]) for run in vectors}


def returning(vectors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Clear gains that end above chance, by task, form and layer, and in how many runs they are.

    `vectors` are `all_vectors` by run. Heads have no order, so that a head of a layer in one run is
    like any head of it in another. Columns: task, form, layer, what ("a head" or the part), runs
    (how many), base, accuracy, delta (means over these runs of the best such part).
    """
    rows = []
    for run, table in vectors.items():
        clear = with_what(table[helps_to_above_chance(table)])
        best = clear.assign(run=run).sort_values("delta", ascending=False)
        rows.append(best.drop_duplicates(PLACE))
    grouped = pd.concat(rows).groupby(PLACE, as_index=False)
    places = grouped.agg(
        runs=("run", "nunique"),
        base=("base", "mean"),
        accuracy=("accuracy", "mean"),
        delta=("delta", "mean"),
    )
    return places.sort_values(["runs", "delta"], ascending=False).reset_index(drop=True)


def carried_to_other_runs(
    halves: dict[str, tuple[pd.DataFrame, pd.DataFrame]], most: int = 10
) -> pd.DataFrame:
    """What the largest gains of each run come to on fresh questions, there and in the other runs.

    `halves` are two `all_vectors` by run, of questions about different pictures. The first picks
    for each place (task, form, layer; "a head" or the part) the best part, and of these the `most`
    that gain most, to above a guess that has looked; the second measures. Columns: run, task, form,
    layer, what, found (the gain that was picked, flattered), own (in this run), elsewhere (mean of
    the other runs at this place), beside (mean of theirs in other layers).
    """
    best = {run: _best_parts(*pair) for run, pair in halves.items()}
    rows = []
    for run, own in best.items():
        others = pd.concat([table for name, table in best.items() if name != run])
        for row in own[own.kind.isin(ABOVE)].head(most)[[*PLACE, "found", "own"]].itertuples():
            same = others[(others.task == row.task) & (others.form == row.form)]
            same = same[same.what == row.what]
            here = same.layer == row.layer
            means = dict(elsewhere=same.own[here].mean(), beside=same.own[~here].mean())
            rows.append(dict(run=run) | row._asdict() | means)
    columns = ["run", *PLACE, "found", "own", "elsewhere", "beside"]
    return pd.DataFrame(rows, columns=columns)


def carried_means(carried: pd.DataFrame) -> pd.DataFrame:
    """The means over tasks of the gains of `carried_to_other_runs`, one row a place of measuring.

    Columns: where ("found", "own", "elsewhere", "beside", and "lost": own - elsewhere), delta, low,
    high (95% interval over tasks), tasks; fractions.
    """
    by_task = carried.groupby("task")[["found", "own", "elsewhere", "beside"]].mean()
    by_task = by_task.assign(lost=by_task.own - by_task.elsewhere)
    return pd.DataFrame([dict(where=name) | mean_value(by_task[name], most=1) for name in by_task])


def _best_parts(finding, measuring):
    """Of each place the part that gains most where it is found, and what it changes elsewhere."""
    key = ["task", "form", "part", "layer"]
    finding_gains = finding[[*key, "delta", "kind"]].rename(columns=dict(delta="found"))
    measuring_gains = measuring[[*key, "delta"]].rename(columns=dict(delta="own"))
    parts = with_what(finding_gains.merge(measuring_gains, on=key, validate="one_to_one"))
    return parts.sort_values("found", ascending=False, kind="stable").drop_duplicates(PLACE)


def dose(outcomes: pd.DataFrame, vectors: pd.DataFrame) -> dict:
    """One checkpoint: the base model's accuracy, its cells with room, and in how many of them some
    knockout clearly helps.

    Keys: accuracy, cells, helped_cells, power (of `room_to_gain`), delta (the share of cells; nan
    without cells, as power), low, high (95% Wilson interval of the share).
    """
    room = room_to_gain(vectors)
    cells, helped = room["cells"], room["helped_cells"]
    accuracy = task_accuracy(outcomes).accuracy.mean()
    record = dict(accuracy=float(accuracy), cells=cells, helped_cells=helped)
    if not cells:
        return record | dict.fromkeys(("power", "delta", "low", "high"), float("nan"))
    low, high = accuracy_interval(helped, cells)
    return record | dict(
        power=room["power"], delta=helped / cells, low=float(low), high=float(high)
    )


def by_accuracy(vectors: list[pd.DataFrame]) -> pd.DataFrame:
    """In what share of cells (task and form) some knockout clearly helps, to above chance, by how
    well the whole model answers there.

    `vectors` are several `all_vectors`, each with its own q. Columns: known (the range of accuracy,
    in percent), accuracy (its middle), cells, helped_cells, delta (their share), low, high (95%
    Wilson interval, as if cells were independent); ranges without cells are left out.
    """
    cells = []
    for table in vectors:
        grouped = table.assign(helped=helps_to_above_chance(table)).groupby(["task", "form"])
        cells.append(grouped.agg(base=("base", "first"), helped=("helped", "any")))
    every, rows = pd.concat(cells), []
    ranges = pd.cut(every.base, KNOWN, include_lowest=True)
    for span, own in every.groupby(ranges, observed=True):
        low, high = accuracy_interval(own.helped.sum(), len(own))
        bottom = max(0.0, span.left)  # the lowest range begins a little below
        counts = dict(cells=len(own), helped_cells=int(own.helped.sum()))
        share = dict(delta=own.helped.mean(), low=float(low), high=float(high))
        known = dict(known=f"{100 * bottom:.0f} to {100 * span.right:.0f}")
        rows.append(known | dict(accuracy=(bottom + span.right) / 2) | counts | share)
    return pd.DataFrame(rows)


def accuracy_over_runs(outcomes: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How well the runs of each model answer, one row a task and model.

    `outcomes` of one form by run, whose model is named before "-seed-". Columns: task, model,
    chance, informed (of guesses, means over runs), runs (how many), lowest, highest (of the base
    models' accuracies); fractions.
    """
    accuracies = {run: task_accuracy(answers) for run, answers in outcomes.items()}
    table = stacked(accuracies, ["run"])
    table = table.assign(model=table.run.str.partition("-seed-")[0])
    return table.groupby(["task", "model"], as_index=False).agg(
        chance=("chance", "mean"),
        informed=("informed", "mean"),
        runs=("accuracy", "size"),
        lowest=("accuracy", "min"),
        highest=("accuracy", "max"),
    )


def along_training(tables: dict, vectors: dict) -> pd.DataFrame:
    """The doses of all checkpoints, one row each; both are by (run, step) of the training.

    Columns: run, step, and those of `dose`; by run and step.
    """
    rows = []
    for (run, step), outcomes in tables.items():
        rows.append(dict(run=run, step=step) | dose(outcomes, vectors[run, step]))
    counts = dict(cells=int, helped_cells=int)
    return pd.DataFrame(rows).astype(counts).sort_values(["run", "step"], ignore_index=True)


def talo_along(
    tables: dict, part: str, shots: int = 10, draws: int = 50, seed: int = 0
) -> pd.DataFrame:
    """What TaLo gains at each checkpoint on the tasks and forms with room to gain there.

    `tables` by (run, step). Pooled over cells, so that few questions of each suffice; whether a
    cell has room is told by one half of the pictures, and its gain measured on the other
    (`roomy_gains`). Columns: run, step, accuracy (mean of all cells), cells (with room, one that
    has it on both halves counting twice), delta, low, high, p (`mean_gain`: these very cells, new
    questions; nan without cells), q (over the rows), by run and step.
    """
    rows = []
    for (run, step), outcomes in tables.items():
        part_outcomes = outcomes[outcomes.part.isin(["base", part])]
        forms = [form for _, form in part_outcomes.groupby("form")]
        gains = pd.concat([roomy_gains(form, part, shots, draws, seed) for form in forms])
        row = dict(run=run, step=step, accuracy=task_accuracy(part_outcomes).accuracy.mean())
        row |= dict(cells=len(gains))
        mean = mean_gain(gains) if len(gains) else {}
        rows.append(row | mean)
    table = pd.DataFrame(rows, columns=["run", "step", "accuracy", "cells", *MEAN])
    ordered = table.sort_values(["run", "step"], ignore_index=True)
    return ordered.assign(q=false_discovery(ordered.p, ordered.delta))


def agreement(vectors: dict[str, pd.DataFrame], part: str, first: int = 0) -> pd.DataFrame:
    """How alike two runs' vectors of the same task and form are, one row a pair of runs.

    Layers from `first` on. Columns: one, other, tasks (cells whose vectors vary in both), r (mean
    correlation).
    """
    wide = {}
    for run, table in vectors.items():
        own = table[(table.part == part) & (table.layer >= first)]
        wide[run] = own.pivot(index=["task", "form"], columns="layer", values="delta")
    rows = []
    for number, one in enumerate(wide):
        for other in list(wide)[number + 1 :]:
            r = wide[one].corrwith(wide[other], axis=1).dropna()
            rows.append(dict(one=one, other=other, tasks=len(r), r=float(r.mean())))
    return pd.DataFrame(rows, columns=["one", "other", "tasks", "r"])


def own_agreement(outcomes: pd.DataFrame, part: str, first: int = 0, seed: int = 0) -> float:
    """How alike a run's vectors are to themselves on as many new questions, mean over forms.

    Beside `agreement`, which is higher where runs were asked the same questions and share their
    luck. Layers from `first` on; see `similarity_ceiling`.
    """
    forms = [own for _, own in outcomes.groupby("form")]
    ceilings = [similarity_ceiling(own, part, seed, 20, first=first).mean() for own in forms]
    return float(sum(ceilings) / len(ceilings))


def alike_by_ability(
    vectors: dict[tuple[str, int], pd.DataFrame], part: str, first: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Whether tasks of one ability are more alike than others, in the mean vectors of all runs.

    `vectors` are `all_vectors` by (run, step), layers from `first` on; each layer's mean over tasks
    is taken out. Columns: step, form, runs, tasks, within, between (mean correlations), delta
    (their difference), low, high (95%, tasks like these: the jackknife over tasks), p (these tasks:
    abilities shuffled among them), of `ability_contrast`, q (over the rows); by step and form.
    """
    table = pd.concat(
        [step_vectors.assign(run=run, step=step) for (run, step), step_vectors in vectors.items()]
    )
    part_rows = table[(table.part == part) & (table.layer >= first)]
    abilities = part_rows.drop_duplicates("task").set_index("task").ability
    rows = []
    for (step, form), step_vectors in part_rows.groupby(["step", "form"]):
        mean = step_vectors.pivot_table(index="task", columns="layer", values="delta")
        contrast = ability_contrast(similarity(mean - mean.mean()), abilities, seed)
        row = dict(step=step, form=form, runs=step_vectors.run.nunique(), tasks=len(mean))
        rows.append(row | dict(delta=contrast.pop("difference")) | contrast)
    columns = ["step", "form", "runs", "tasks", "within", "between", "delta", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(q=false_discovery(table.p))
