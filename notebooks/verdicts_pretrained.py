"""The verdicts about models with a pretrained language model.

Each function takes the numbers of a results file.
"""

import math
from itertools import groupby

from verdicts import FEWEST, judged, more_alike_at_most, some_layers_interfere, together

from talo_mini.estimates import Estimate
from talo_mini.prose import plural


def layers_of_a_pretrained_model(results: dict) -> str:
    """C1 on the models with a pretrained language model, together."""
    return some_layers_interfere(dict(room=together(results["room"].values())))


def vectors_of_a_pretrained_model(results: dict) -> str:
    """C2 on the trainings with a pretrained language model: these tasks, and tasks like these."""
    looks = looks_at_likeness(results)
    if not looks:
        return "could not be tested here: too few tasks share an ability"
    more = clearly_alike(looks)
    if not more:
        return more_alike_at_most(max(row["high"] for row in looks))
    status = "reproduced" if len(more) == len(looks) else "reproduced in part"
    several = f"{len(more)} of {plural(len(looks), 'look')} at {looks[0]['runs']} trainings"
    sentence = f"{status}: in {several} tasks of one ability are more alike than shuffled abilities"
    ends = sorted(row["delta"] for row in more)
    likely = sum(row["low"] > 0 for row in looks)
    return (
        f"{sentence} (by r = {ends[0]:.2f} to {ends[-1]:.2f}), over {looks[0]['tasks']} tasks; "
        f"over tasks like these the interval is above zero in {likely or 'none'}"
    )


def looks_at_likeness(results: dict) -> list[dict]:
    """C2: the rows of all layers; those without the first ones are the same vectors, cut."""
    return [row for row in results["alike"] if row["layers"] == "all" and row["high"] is not None]


def clearly_alike(looks: list[dict]) -> list[dict]:
    """C2: the looks in which tasks of one ability are clearly more alike, of these tasks."""
    return [row for row in looks if row["q"] is not None and row["q"] < 0.05 and row["delta"] > 0]


def gains_of_a_pretrained_model(results: dict) -> str:
    """C4 on the models with a pretrained language model: these tasks, and tasks like these."""
    rows = [row for row in results["these"] if row["tasks"] >= FEWEST]
    these, cells = list(map(Estimate.of, rows)), sum(row["tasks"] for row in rows)
    means = [row for row in results["means"] if row["method"] == "talo" and row["tasks"] >= FEWEST]
    if not these:
        return judged([])
    others = judged([Estimate.of(row) for row in means])
    listed = ", ".join(map(str, these))
    where = f"on these {cells} tasks and forms with room"
    return f"{judged(these)} ({listed}), {where}; of tasks like these, {others}"


def heads_of_a_pretrained_model(results: dict) -> str:
    """C1 for single heads on the model with a pretrained language model."""
    counts = results["pretrained"]
    if not counts["above_chance"]:
        return "bounded: no head or attention clearly helps on fresh questions to above chance"
    heads, several = results["pretrained_heads"], counts["above_chance"]
    tasks = len({(row["task"], row["form"]) for row in results["pretrained_best"]})
    return (
        f"reproduced in part: {heads} heads and {several - heads} attentions clearly help on "
        f"questions that did not find them, in {tasks} tasks and forms"
    )


def by_case(rows: list[dict]) -> dict[str, list[dict]]:
    """The rows of a table by model and form."""
    return {case: [*group] for case, group in groupby(rows, lambda row: row["case"])}


def kinds_on_a_pretrained_model(results: dict) -> str:
    """C3 in each model: zeroing beside other kinds of knockout; noise was not tried.

    Two vectors cannot be asked to agree better than each agrees with itself: the root of both
    ceilings is what noise leaves of a correlation of 1.
    """
    parts, agrees, differs = [], [], []
    for (case, effect), rows in groupby(results["agreement"], _case_and_effect):
        whole, deep = rows
        agreement, above = (Estimate.of(row, "r") for row in (whole, deep))
        ceilings = whole["ceiling"] or 0, whole["its_ceiling"] or 0  # None: no vector varies
        noise_leaves = math.sqrt(max(0, math.prod(ceilings)))
        agrees.append(agreement.low > 0.95)
        differs.append(agreement.high < min(0.95, noise_leaves))
        parts.append(
            f"{case}, {effect}, {whole['tasks']} tasks: r = {agreement}, with themselves "
            f"{noise_leaves:.2f}, above layer 1 {above}"
        )
    listed = "; ".join(parts)
    if all(agrees):
        return f"reproduced in part: zeroing and the other kinds agree ({listed})"
    if any(differs):
        return f"contradicted: vectors differ by more than their noise ({listed})"
    return (
        f"could not be tested here: r is below 0.95, and vectors agree no better with themselves "
        f"on new questions ({listed})"
    )


def _case_and_effect(row):
    return row["case"], row["effect"]


def shots_of_a_pretrained_model(results: dict) -> str:
    """C7 in each model: what 10 and 20 shots gain where there is room, and what more do."""
    gains, parts = [], []
    tasks = {row["case"]: row["tasks"] for row in results["these"]}
    for case, rows in by_case(results["shots_and_rules"]).items():
        if tasks.get(case, 0) < FEWEST:
            continue
        by_shots = {row["shots"]: Estimate.of(row) for row in rows if row["rule"] == "best"}
        few = {shots: by_shots[shots] for shots in by_shots if shots in (10, 20)}
        gains += few.values()
        means = [f"{shots} shots {gain}" for shots, gain in few.items()]
        means += (
            [f"{max(by_shots)} shots {by_shots[max(by_shots)]}"] if max(by_shots) not in few else []
        )
        parts.append(f"{case}, {plural(tasks[case], 'task')} with room: {', '.join(means)}")
    return f"{judged(gains)} ({'; '.join(parts)})" if gains else judged([])


def beats_fine_tuning_with_room(results: dict) -> str:
    """C6 on tasks of the half-trained model on which a layer interferes."""
    (row,) = (row for row in results["versus"] if row["where"] == "with room")
    difference = f"TaLo minus LoRA on {row['tasks']} tasks with room {Estimate.of(row)}"
    if row["tasks"] < FEWEST:
        return f"could not be tested here: too few tasks; {difference}"
    return f"{judged([Estimate.of(row)])}; {difference}"
