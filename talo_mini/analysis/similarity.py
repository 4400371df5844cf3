"""Which tasks have similar vectors, and does a layer chosen on one task help another?"""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from ..errors import BadInput
from ..outcomes.table import correctness, pictures_of, with_part
from .rules import random_places
from .significance import LEVEL, mean_interval
from .vectors import matrix


def similarity(deltas: pd.DataFrame) -> pd.DataFrame:
    """Pearson correlation between the vectors of every two tasks, [tasks, tasks]; nan for a vector
    without variation.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.corrcoef(deltas.to_numpy())
    return pd.DataFrame(values, index=deltas.index, columns=deltas.index)


def similarity_ceiling(
    outcomes: pd.DataFrame,
    part: str = "self-attention",
    seed: int = 0,
    splits: int = 50,
    centred: bool = False,
    first: int = 0,
) -> pd.Series:
    """How well a task's vector would agree with one of as many new questions, by task: no two tasks
    can agree better on average.

    The mean correlation r between random halves of its pictures, stepped up to the full number: 2
    r / (1 + r) (Spearman-Brown). A negative r, which is luck, is stepped alike, so that the mean
    over tasks of vectors that hold nothing is 0. `centred`: after each layer's mean over tasks is
    removed; `first`: without the layers below it, as where vectors are compared so. It is no bound
    for two vectors of the same questions, which share their luck.
    """
    rng, tasks, values = np.random.default_rng(seed), with_part(outcomes, part)[0].task.unique(), []
    tables = {task: correctness(outcomes, task, part) for task in tasks}
    pictures = {task: pictures_of(outcomes, right.index) for task, (right, _) in tables.items()}
    changes = {
        task: knocked.loc[:, knocked.columns >= first].astype(int).sub(right.astype(int), axis=0)
        for task, (right, knocked) in tables.items()
    }
    for _ in range(splits):
        halves = {task: random_places(rng, own) % 2 for task, own in pictures.items()}
        one, other = (
            pd.DataFrame({task: changes[task][halves[task] == half].mean() for task in tasks}).T
            for half in (0, 1)
        )
        if centred:
            one, other = one - one.mean(), other - other.mean()
        with np.errstate(invalid="ignore", divide="ignore"):
            values.append(one.corrwith(other, axis=1))
    r = pd.DataFrame(values).mean()
    return 2 * r / (1 + r.abs())


def cluster_order(similar: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Average linkage on 1 - correlation with optimal leaf order (scipy): the linkage, and the
    tasks in leaf order.

    Tasks whose vector does not vary are left out. Raises BadInput where two are not left.
    """
    similar = _at_least_two(_varying(similar))
    distance = squareform(1 - similar.to_numpy(), checks=False)
    linkage = hierarchy.linkage(distance, "average", optimal_ordering=True)
    return linkage, [similar.index[i] for i in hierarchy.leaves_list(linkage)]


def _varying(similar):
    """Without the tasks that correlate with none, because their vector does not vary."""
    tasks = similar.index[similar.notna().any(axis=1)]
    return similar.loc[tasks, tasks]


def _at_least_two(similar):
    if len(similar) < 2:
        raise BadInput(
            f"{len(similar)} tasks have a vector that varies, and two are needed to compare them; "
            "ask more tasks, or more questions a task"
        )
    return similar


def varying_similarity(deltas: pd.DataFrame, centred: bool = False) -> pd.DataFrame:
    """`similarity` of the tasks whose vector varies.

    `deltas` [tasks, layers]. `centred`: after each layer's mean over these tasks is removed, and of
    those whose vector varies then.
    """
    similar = _varying(similarity(deltas))
    if not centred:
        return similar
    varying = deltas.loc[similar.index]
    return _varying(similarity(varying - varying.mean()))


def contrasting_tasks(abilities: pd.Series) -> list[str]:
    """The first two tasks of the first ability, and the last task of another; fewer where there are
    none. `abilities` by task.
    """
    alike = abilities.index[abilities == abilities.iloc[0]]
    others = abilities.index[abilities != abilities.iloc[0]]
    return [*alike[:2], *others[-1:]]


def ability_contrast(
    similar: pd.DataFrame, abilities: pd.Series, seed: int = 0, permutations: int = 5000
) -> dict:
    """Mean correlation of two tasks of one ability minus that of two abilities, and its permutation
    p value.

    Abilities are shuffled among tasks; p, two-sided, is twice the share of shuffles that differ at
    least as much to that side. low, high: 95% interval of the difference, by the jackknife over
    tasks. Tasks whose vector does not vary are left out. All are nan where no two tasks share an
    ability, or all do.
    """
    rng, similar = np.random.default_rng(seed), _varying(similar)
    labels = abilities.reindex(similar.index).to_numpy()
    values, all_tasks = similar.to_numpy(), np.arange(len(labels))
    if len(set(labels)) in (1, len(labels)):
        return dict.fromkeys(("within", "between", "difference", "low", "high", "p"), np.nan)
    within, between = _within_and_between(values, labels)
    observed = within - between
    jackknife = np.array(
        [
            np.subtract(*_within_and_between(values[np.ix_(tasks, tasks)], labels[tasks]))
            for tasks in (np.delete(all_tasks, task) for task in all_tasks)
        ]
    )
    half = stats.t.ppf(0.5 + LEVEL / 2, len(labels) - 1) * np.sqrt(
        (len(labels) - 1) * jackknife.var()
    )
    shuffled = np.array(
        [
            np.subtract(*_within_and_between(values, rng.permutation(labels)))
            for _ in range(permutations)
        ]
    )
    beyond = 1 + min((shuffled >= observed).sum(), (shuffled <= observed).sum())
    return dict(
        within=float(within),
        between=float(between),
        difference=float(observed),
        low=float(observed - half),
        high=float(observed + half),
        p=float(min(1, 2 * beyond / (1 + permutations))),
    )


def nearest_in_ability(
    similar: pd.DataFrame, abilities: pd.Series, seed: int = 0, permutations: int = 5000
) -> dict:
    """How many tasks have their nearest neighbour in their own ability.

    Keys: matched, tasks, expected (by luck), p (abilities shuffled among tasks). Raises BadInput
    where there are not two tasks whose vectors vary.
    """
    correlations = _at_least_two(_varying(similar))
    nearest = correlations.where(~np.eye(len(correlations), dtype=bool)).idxmax(axis=1)
    labels, at = abilities[correlations.index].to_numpy(), correlations.index.get_indexer(nearest)
    matched = int((labels == labels[at]).sum())
    sizes = pd.Series(labels).map(pd.Series(labels).value_counts())
    rng, luck = np.random.default_rng(seed), []
    for _ in range(permutations):
        shuffled = rng.permutation(labels)
        luck.append((shuffled == shuffled[at]).sum())
    return dict(
        matched=matched,
        tasks=len(correlations),
        expected=float((sizes - 1).sum() / (len(correlations) - 1)),
        p=float((1 + (np.array(luck) >= matched).sum()) / (1 + permutations)),
    )


def vector_agreement(one: pd.DataFrame, other: pd.DataFrame, *, first: int = 0) -> dict:
    """The correlation of each task's vector in two tables [tasks, layers], mean over tasks.

    Layers below `first` are left out, and tasks whose vector varies in neither. Keys: delta, low,
    high (95% interval over tasks), tasks, pooled (of all pairs of task and layer as one list).
    """
    varied = (one.std(axis=1) > 0) & (other.std(axis=1) > 0)
    layers = [layer for layer in other.columns if layer >= first]
    with np.errstate(invalid="ignore", divide="ignore"):
        r = one.loc[varied, layers].corrwith(other.loc[varied, layers], axis=1).dropna()
    low, high = mean_interval(r, most=1)
    both = one.index.intersection(other.index)
    ravelled = [table.loc[both, layers].to_numpy().ravel() for table in (one, other)]
    pooled = np.corrcoef(*ravelled)[0, 1]
    return dict(delta=float(r.mean()), low=low, high=high, tasks=len(r), pooled=float(pooled))


def _within_and_between(values, labels):
    """Mean of a symmetric table over pairs of one label, and over pairs of two; nan where there is
    no such pair.
    """
    upper = np.triu_indices(len(labels), 1)
    same = labels[upper[0]] == labels[upper[1]]
    return (values[upper][kind].mean() if kind.any() else np.nan for kind in (same, ~same))


def transfer(source: pd.DataFrame, target: pd.DataFrame) -> pd.DataFrame:
    """What a layer chosen on one task gains on another, one row a pair of tasks.

    Columns: from, to, layer, delta, low, high (95% interval over questions), kin (same ability).
    `source` and `target` are tables of vectors, a task goes with itself only where they are
    different tables. The layer is the best of the source task, NONE (-1) and delta 0 where none
    helps; of models with other numbers of layers the one at the same relative depth is taken.
    """
    ours, measured = (
        matrix(source),
        {name: matrix(target, name) for name in ("delta", "low", "high")},
    )
    abilities = pd.concat([source, target]).drop_duplicates("task").set_index("task").ability
    layers = measured["delta"].columns
    rows = []
    for task, deltas in ours.iterrows():
        helps = deltas.max() > 0
        layer = _same_depth(deltas.idxmax(), ours.columns, layers)
        for other in measured["delta"].index:
            if other == task and source is target:
                continue
            row = {"from": task, "to": other, "layer": int(layer) if helps else -1}
            for name, table in measured.items():
                row[name] = table.loc[other, layer] if helps else 0.0
            rows.append(row | {"kin": abilities[task] == abilities[other]})
    return pd.DataFrame(rows)


def _same_depth(layer, layers, others):
    """Of other layers the one at the same relative depth, by the middle of each layer."""
    own = (layer + 0.5) / (layers.max() + 1)
    depth = (others.to_numpy() + 0.5) / (others.max() + 1)
    return others[np.abs(depth - own).argmin()]


def shared_structure(
    one: pd.DataFrame, other: pd.DataFrame, seed: int = 0, permutations: int = 5000
) -> dict:
    """Do two models agree on which tasks are alike? Correlation of two similarity tables over the
    same tasks, and its p value.

    Vectors of models with different layers cannot be compared entry by entry, but their
    similarities can. Tasks are shuffled in one table (Mantel test); p counts shuffles with at least
    the observed correlation. Tasks without variation in either are left out; with fewer than four
    left, both are nan.
    """
    tasks = [
        task
        for task in one.index
        if task in other.index and one.loc[task].notna().any() and other.loc[task].notna().any()
    ]
    a, b = one.loc[tasks, tasks].to_numpy(), other.loc[tasks, tasks].to_numpy()
    upper, rng = np.triu_indices(len(tasks), 1), np.random.default_rng(seed)

    def agreement(order):
        return np.corrcoef(a[upper], b[np.ix_(order, order)][upper])[0, 1]

    if len(tasks) < 4 or not a[upper].std() * b[upper].std() > 0:
        return dict(tasks=len(tasks), r=np.nan, p=np.nan)
    observed = agreement(np.arange(len(tasks)))
    shuffled = np.array([agreement(rng.permutation(len(tasks))) for _ in range(permutations)])
    return dict(
        tasks=len(tasks),
        r=float(observed),
        p=float((1 + (shuffled >= observed).sum()) / (1 + permutations)),
    )


def carried_over(ways: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What layers chosen on some tasks change on others, by the way they are carried.

    `ways` holds rows of `transfer` by name. Columns: way, sources (tasks that a layer comes from),
    targets, delta, low, high. The 95% interval is over the tasks that layers come from, where these
    chose more than two layers in any way; else over those they are taken to, nan for two; of a
    single pair over its questions.
    """
    chosen = {way: table[table.layer >= 0] for way, table in ways.items()}
    # tasks that choose the same layer are one source
    many = max(table.layer.nunique() for table in chosen.values()) > 2
    rows = []
    for way, table in chosen.items():
        values = table.groupby("from" if many else "to").delta.mean()
        low, high = table.low.mean(), table.high.mean()
        if len(values) > 1:
            low, high = mean_interval(values) if len(values) > 2 else (np.nan, np.nan)
        row = dict(way=way, sources=table["from"].nunique(), targets=table.to.nunique())
        rows.append(row | dict(delta=values.mean(), low=low, high=high))
    return pd.DataFrame(rows)
