"""The paper-vs-ours page: a verdict for each claim, from the numbers that the notebooks saved.

No figure of ours is typed by hand. What is said of a claim stands in `claims/`, a template each.
`python notebooks/claims.py` prints the verdicts.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import jinja2
import sent_runs

from talo_mini import prose
from talo_mini.estimates import Estimate
from talo_mini.prose import plural

PROSE = Path(__file__).with_name("claims")
PRETRAINED = "19_a_pretrained_language_model"
SEEDS = "22_seeds_and_training"
OFTEN = 4  # of seven trainings, in which a head returns: most of them
WIDE = 0.5  # a difference of correlations that says nothing of likeness
FEWEST = 3  # tasks with room, below which their mean says nothing of TaLo
MANY = 4  # means that a verdict still names one by one
QUESTIONS = (
    ("Why do some benchmarks need every layer?", "03_do_all_layers_help"),
    ("Would more training data of the domain remove it?", "13_fine_tuned_models"),
    ("Does more training remove it?", "19_a_pretrained_language_model"),
    ("Does it come back in another training run?", "22_seeds_and_training"),
    ("Does it happen in a pretrained language model?", "19_a_pretrained_language_model"),
    ("Which part of a layer interferes, and with what?", "23_the_head_that_interferes"),
    ("Is it more than a leaning towards some answers?", "19_a_pretrained_language_model"),
    ("Does fine-tuning change which layers interfere?", "13_fine_tuned_models"),
    ("Why can more shots be worse, and are 10 to 20 robust?", "07_how_many_shots"),
    ("What of the MLPs, whole layers, heads and neurons?", "15_inside_the_layer"),
    ("What of the vision encoder and cross-attention?", "14_four_architectures"),
    (
        "Which tasks were left out, and what is the mean over whole benchmarks?",
        "11_whole_benchmarks",
    ),
    ("Are some gains chance?", "08_is_it_chance"),
    ("Can TaLo avoid doing harm?", "10_do_no_harm"),
    ("How stable is the chosen layer?", "07_how_many_shots"),
    ("Do vectors carry over between models?", "11_whole_benchmarks"),
    ("How does it compare with choosing layers for each question?", "17_per_question"),
    ("Where does fine-tuning overtake?", "12_against_fine_tuning"),
    ("Where can TaLo win?", "24_where_a_layer_is_in_the_way"),
    ("Why does knocking out help?", "18_why_does_it_help"),
    ("What of several layers at once?", "16_several_layers"),
    ("How often is TaLo right, where the truth is known?", "09_planted_interference"),
)
MINI = "a mini VLM trained from scratch on drawn pictures; all tasks are counted, not a choice"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, the notebook that tests it, and how its numbers become a verdict."""

    key: str  # of its template
    title: str
    notebook: str
    verdict: Callable[[dict], str]
    paper: str
    differs: str
    pretrained: Callable[[dict], str] | None = None  # a verdict from the numbers of another
    pretrained_notebook: str = PRETRAINED
    sent: Callable[[list[dict]], str] | None = None  # a verdict from runs that others sent in
    beside: str | None = None  # another notebook whose numbers count too, as found["beside"]


def clear_signs(rows) -> list[int]:
    """For each row 1, -1 or 0: clearly above zero, clearly below, neither."""
    return [Estimate.of(row).clear for row in rows]


def judged(rows: list[Estimate]) -> str:
    """The status that some means lead to: reproduced, in part, contradicted, or what they bound."""
    signs = [row.clear for row in rows]
    if not rows:
        return f"could not be tested here: fewer than {FEWEST} tasks have room to gain"
    if signs.count(1) == len(signs):
        return "reproduced"
    if 1 in signs:
        below = f", {signs.count(-1)} clearly below" if -1 in signs else ""
        clear = f"{signs.count(1)} of {len(signs)} means clearly above zero"
        more_losses = signs.count(-1) > signs.count(1)
        return f"{'contradicted' if more_losses else 'reproduced'} in part: {clear}{below}"
    if -1 in signs:
        means = f"{signs.count(-1)} of {len(signs)} means" if len(signs) > 1 else "the mean is"
        return f"contradicted: {means} clearly below zero, {at_most(rows)}"
    return f"bounded: the mean gain is {at_most(rows)}"


def at_most(rows: list[Estimate]) -> str:
    """What no mean exceeds; one that has no interval says nothing of it."""
    known = [row for row in rows if not math.isnan(row.high)]
    if not known:
        return "not bounded: too few tasks for an interval"
    most = max(known, key=lambda row: row.high)
    return f"at most {most.number(most.high)} points (95%)"


def helps_to_above_chance(row: dict) -> bool:
    """Whether a knockout clearly helps on questions that did not find it, to above chance."""
    return row["q"] < 0.05 and row["delta"] > 0 and row["kind"] != "towards chance"


def together(rooms) -> dict:
    """The room of several models or benchmarks, as if they were one."""
    own = [room for room in rooms if room["cells"]]
    counts = {
        name: int(sum(room[name] for room in own))
        for name in ("cells", "knockouts", "helped", "helped_cells")
    }
    powers = [power for room in own for power in room.get("powers", [room.get("power")])]
    bound = max((room["bound"] for room in own), default=None)
    alone = any(room.get("alone", "threshold" not in room) for room in own)
    powers = [power for power in powers if power is not None]
    return counts | dict(bound=bound, powers=powers, alone=alone)


def power_of(room: dict) -> str:
    """How often a gain would have been found, of a room of `together`."""
    if not room["powers"]:
        return ""
    ends = dict.fromkeys(f"{100 * end(room['powers']):.0f}" for end in (min, max))
    alone = " that test these alone" if room["alone"] else ""  # a run made before
    return (
        " (a true gain of 10 points, where a fifth of the answers change, would be found in "
        f"{' to '.join(ends)}% of studies{alone})"
    )


def rooms_of(found: dict) -> list[dict]:
    """C1: the room of a model's own questions, of harder ones, and of other models beside it."""
    others = found.get("beside", {}).get("rooms", {})
    more = [room for model, room in others.items() if model != found["model"]]
    return [found["room"], *found.get("harder", {}).values(), *more]


def some_layers_interfere(found: dict) -> str:
    """C1: some knockouts help."""
    room = together(rooms_of(found))
    if not room["cells"]:
        return "could not be tested here: no task has room to gain"
    several = f"{room['cells']} tasks and forms"
    where = f"{'one task' if room['cells'] == 1 else several} with room to gain"
    if room["helped_cells"]:
        whole = room["helped_cells"] == room["cells"]
        told = "reproduced" if whole else "reproduced in part"
        helped = f"a knockout clearly helps in {room['helped_cells']} of {where}"
        most = f"none gains more than {100 * room['bound']:.0f} points (95%, all together)"
        return f"{told}: {helped}{power_of(room)}; {most}"
    return (
        f"bounded: in {where} none of {room['knockouts']} knockouts clearly helps"
        f"{power_of(room)}, and none gains more than {100 * room['bound']:.0f} points (95%, all "
        "together)"
    )


def heads_interfere(found: dict) -> str:
    """C1 for single heads: some help on questions that did not find them."""
    if found["above_chance"]:
        above = [row for row in found["confirmed"] if helps_to_above_chance(row)]
        heads = {(row["part"], row["layer"]) for row in above}
        tasks = {row["task"] for row in above}
        told = (
            f"without {plural(len(heads), 'head')} {plural(len(tasks), 'task')} clearly "
            f"{'gains' if len(tasks) == 1 else 'gain'} on questions that did not find them, to "
            "above a guess that has looked"
        )
        cells = {(row["task"], row["form"], row["layer"]) for row in above}
        runs = [
            1 + row["runs"]  # the shipped model is a training too
            for row in found["other_runs"]
            if (row["task"], row["form"], row["layer"]) in cells
        ]
        told += f"; of {found['room']['of_cells']} tasks and forms {found['room']['cells']} "
        told += "has room" if found["room"]["cells"] == 1 else "have room"
        if max(runs, default=1) >= OFTEN:
            return f"reproduced: {told}, also in other trainings"
        return f"reproduced in part: {told}; none of these gains returns in most trainings"
    if found["holds"]:
        return "reproduced in part: heads clearly help, but not to above a guess that has looked"
    if found["room"].get("helped"):  # none of which holds
        return "bounded: no sure gain on one half of the questions is clear on the other"
    return some_layers_interfere(dict(room=found["room"]))


def similar_tasks_have_similar_vectors(found: dict) -> str:
    """C2: tasks of one ability have similar vectors."""
    over = f"over {found['tasks']} tasks"
    looks = (found["centred"]["p"], found.get("nearest_p", 1))  # two looks at one question
    if 2 * min(looks) < 0.05 and found["centred"]["difference"] > 0:
        return f"reproduced: {over}"
    if found["raw"]["high"] is None:
        return f"could not be tested here: too few tasks share an ability, {over}"
    if found["raw"]["low"] > 0:
        return f"reproduced in part: not beyond what all tasks share, {over}"
    if found["raw"]["high"] < 0:
        return f"contradicted: vectors of one ability are clearly less alike than others, {over}"
    highest = max(found[kind]["high"] for kind in ("raw", "centred"))
    return f"{more_alike_at_most(highest)}, {over}"


def more_alike_at_most(r: float) -> str:
    """What an interval's upper end bounds of C2; a wide one bounds nothing."""
    if r > WIDE:
        return f"could not be tested here: too few tasks (more alike by r = {r:.2f} at most)"
    return f"bounded: vectors of one ability are more alike by r = {r:.2f} at most (95%)"


def layers_of_a_pretrained_model(found: dict) -> str:
    """C1 on the models with a pretrained language model, together."""
    return some_layers_interfere(dict(room=together(found["room"].values())))


def vectors_of_a_pretrained_model(found: dict) -> str:
    """C2 on the trainings with a pretrained language model: these tasks, and tasks like these."""
    looks = looks_at_likeness(found)
    if not looks:
        return "could not be tested here: too few tasks share an ability"
    more = clearly_alike(looks)
    if not more:
        return more_alike_at_most(max(row["high"] for row in looks))
    status = "reproduced" if len(more) == len(looks) else "reproduced in part"
    several = f"{len(more)} of {plural(len(looks), 'look')} at {looks[0]['runs']} trainings"
    told = f"{status}: in {several} tasks of one ability are more alike than shuffled abilities"
    ends = sorted(row["delta"] for row in more)
    likely = sum(row["low"] > 0 for row in looks)
    return (
        f"{told} (by r = {ends[0]:.2f} to {ends[-1]:.2f}), over {looks[0]['tasks']} tasks; over "
        f"tasks like these clearly in {likely or 'none'}"
    )


def looks_at_likeness(found: dict) -> list[dict]:
    """C2: the rows of all layers; those without the first ones are the same vectors, cut."""
    return [row for row in found["alike"] if row["layers"] == "all" and row["high"] is not None]


def clearly_alike(looks: list[dict]) -> list[dict]:
    """C2: the looks in which tasks of one ability are clearly more alike, of these tasks."""
    return [row for row in looks if row["q"] is not None and row["q"] < 0.05 and row["delta"] > 0]


def gains_of_a_pretrained_model(found: dict) -> str:
    """C4 on the models with a pretrained language model: these tasks, and tasks like these."""
    rows = [row for row in found["these"] if row["tasks"] >= FEWEST]
    these, cells = list(map(Estimate.of, rows)), sum(row["tasks"] for row in rows)
    means = [row for row in found["means"] if row["method"] == "talo" and row["tasks"] >= FEWEST]
    if not these:
        return judged([])
    others = judged([Estimate.of(row) for row in means])
    told = ", ".join(map(str, these))
    where = f"on these {cells} tasks and forms with room"
    return f"{judged(these)} ({told}), {where}; of tasks like these, {others}"


def heads_of_a_pretrained_model(found: dict) -> str:
    """C1 for single heads on the model with a pretrained language model."""
    told = found["pretrained"]
    if not told["above_chance"]:
        return "bounded: no head or attention clearly helps on fresh questions to above chance"
    heads, several = found["pretrained_heads"], told["above_chance"]
    tasks = len({(row["task"], row["form"]) for row in found["pretrained_best"]})
    return (
        f"reproduced in part: {heads} heads and {several - heads} attentions clearly help on "
        f"questions that did not find them, in {tasks} tasks and forms"
    )


def by_case(rows: list[dict]) -> dict[str, list[dict]]:
    """The rows of a table by model and form."""
    return {case: [*own] for case, own in groupby(rows, lambda row: row["case"])}


def kinds_on_a_pretrained_model(found: dict) -> str:
    """C3 in each model: zeroing beside uniform attention; noise was not tried."""
    told, agrees = [], []
    for case, (whole, deep) in by_case(found["agreement"]).items():
        own, above = (Estimate.of(row, "r") for row in (whole, deep))
        agrees.append(own.low > 0.95)
        told.append(f"{case}, {whole['tasks']} tasks: r = {own}, above layer 1 {above}")
    if all(agrees):
        return f"reproduced in part: zeroing and uniform attention agree ({'; '.join(told)})"
    return (
        f"could not be tested here: r is below 0.95 ({'; '.join(told)}), and how much of that is "
        "noise of uniform attention's own vectors was not measured"
    )


def shots_of_a_pretrained_model(found: dict) -> str:
    """C7 in each model: what 10 and 20 shots gain where there is room, and what more do."""
    gains, told = [], []
    tasks = {row["case"]: row["tasks"] for row in found["these"]}
    for case, rows in by_case(found["shots_and_rules"]).items():
        if tasks.get(case, 0) < FEWEST:
            continue
        own = {row["shots"]: Estimate.of(row) for row in rows if row["rule"] == "best"}
        few = {shots: own[shots] for shots in own if shots in (10, 20)}
        gains += few.values()
        means = [f"{shots} shots {gain}" for shots, gain in few.items()]
        means += [f"{max(own)} shots {own[max(own)]}"] if max(own) not in few else []
        told.append(f"{case}, {plural(tasks[case], 'task')} with room: {', '.join(means)}")
    return f"{judged(gains)} ({'; '.join(told)})" if gains else judged([])


def pair_with(found: dict, effect: str) -> dict:
    """How zeroing agrees with another effect."""
    return next(row for row in found["agreement"] if effect in row["pair"].rpartition(" and ")[2])


def hurt_by(found: dict, effect: str) -> dict:
    """What an effect costs."""
    return next(row for row in found["hurt"] if row["effect"].startswith(effect))


def kind_hardly_matters(found: dict) -> str:
    """C3: zeroing and uniform attention agree, noise collapses the model."""
    pair, noise = pair_with(found, "uniform"), hurt_by(found, "noise")
    agree, special = pair["delta"] > 0.95, noise["beside_high"] < 0
    status = {0: "contradicted", 1: "reproduced in part", 2: "reproduced"}[agree + special]
    told = "zeroing and uniform attention agree" if agree else "they agree less than r = 0.95"
    told += f" over {pair['tasks']} tasks"
    if agree and not pair["low"] > 0.95:
        told += ", though the interval reaches below 0.95"
    told += "; noise hurts more than zeroing" if special else ""
    told += "" if special else "; that noise is special is not seen"
    if pair["deep_high"] < 0.95:
        r = Estimate(pair["deep"], unit="r")
        told += f"; without layers 0 and 1 they agree with r = {r}"
        told += f", a vector with itself on new questions {found['ceiling_without_0_and_1']:.2f}"
    return f"{status}: {told}"


def talo_gains(found: dict) -> str:
    """C4: TaLo gains without training, where there is room."""
    rows = [row for row in found["whole"] if row["method"] == "TaLo, tasks with room"]
    tasks = sum(row["tasks"] for row in rows)
    rows += found.get("harder", [])  # the same tasks, made harder
    rows = [row for row in rows if row["tasks"] >= FEWEST]
    cells = sum(row["tasks"] for row in rows)
    if not rows:
        return f"could not be tested here: {plural(tasks, 'task')} with room to gain"
    return f"{judged([Estimate.of(row) for row in rows])}, in {cells} tasks and forms with room"


def gains_of_sent_runs(sent: list[dict]) -> str:
    """C4 in runs that others sent in, which are choices of TaLo."""
    gaining = sum(run["gain"].low > 0 for run in sent)
    return f"{plural(len(sent), 'run')}: the mean gain is clearly above zero in {gaining}"


def maps_gain(found: dict) -> str:
    """The headline gain, on real weights."""
    if found["stand_in"]:
        return "not run on real weights"
    return judged([Estimate.of(found["gains"][0])])


def gains_carry_over(found: dict) -> str:
    """C5: gains on whole benchmarks, in several models."""
    room = [row for row in found["whole"] if row["of"] == "tasks with room"]
    room += found.get("harder", [])  # the same tasks, made harder, in four models
    rows = [row for row in room if row["tasks"] >= FEWEST]
    if not rows:
        return (
            f"could not be tested here: {plural(sum(r['tasks'] for r in room), 'task')} with room"
        )
    told = ", ".join(
        f"{row['model']} on {row['benchmark']}, {row['tasks']} tasks, {Estimate.of(row)}"
        for row in rows
    )
    models = len({row["model"] for row in rows})
    if len(rows) > MANY:
        ends = sorted(map(Estimate.of, rows), key=lambda row: row.value)
        cells = sum(row["tasks"] for row in rows)
        told = f"{models} models, {cells} tasks counted by model and set, from {ends[0]} to "
        told += str(ends[-1])
    if models < 2:
        return f"could not be tested here: one model alone has enough tasks with room ({told})"
    return f"{judged([Estimate.of(row) for row in rows])} ({told}), over the tasks with room"


def beats_fine_tuning(found: dict) -> str:
    """C6: TaLo beats fine-tuning with the same shots, where a planted fault leaves room to gain; on
    tasks at or below chance only fine-tuning can be ahead.
    """
    versus = [row for row in found["versus"] if row["shots"] == found["shots"]]
    planted = [row for row in found["beside"]["versus"] if row["where"] == "planted"]
    signs = clear_signs(versus)
    ahead = [row["method"] for row, sign in zip(versus, signs, strict=True) if sign < 0]
    told = "; ".join(
        f"TaLo minus {row['method']} over {row['tasks']} planted faults {Estimate.of(row)}"
        for row in planted
    )
    if ahead and 1 not in [*signs, *clear_signs(planted)]:
        return f"contradicted: {' and '.join(ahead)} clearly ahead; {told}"
    if ahead:
        return f"reproduced in part: {' and '.join(ahead)} clearly ahead on other tasks; {told}"
    most = max(100 * row["high"] for row in versus)
    untaught = f"over {versus[0]['tasks']} untaught tasks without room at most {most:+.1f} points"
    return f"{judged(list(map(Estimate.of, planted)))} ({told}); {untaught}"


def beats_fine_tuning_with_room(found: dict) -> str:
    """C6 on tasks of the half-trained model on which a layer interferes."""
    (row,) = (row for row in found["versus"] if row["where"] == "with room")
    told = f"TaLo minus LoRA on {row['tasks']} tasks with room {Estimate.of(row)}"
    if row["tasks"] < FEWEST:
        return f"could not be tested here: too few tasks; {told}"
    return f"{judged([Estimate.of(row)])}; {told}"


def gains_of_few_shots(found: dict) -> list[dict]:
    """What TaLo gains with 10 and 20 shots, where enough tasks have room."""
    return [row for row in found["roomy"] if row["shots"] in (10, 20) and row["tasks"] >= FEWEST]


def few_shots_suffice(found: dict) -> str:
    """C7: 10 to 20 shots suffice, where there is room."""
    gains = gains_of_few_shots(found)
    compared = [*found["more"], *found.get("more_there", [])]  # also where there is room
    signs = clear_signs(compared)
    better, worse = (
        f"clearly {word} in {signs.count(sign)} of {plural(len(signs), 'comparison')}"
        if sign in signs
        else f"nowhere clearly {word}"
        for word, sign in (("better", 1), ("worse", -1))
    )
    cells = sum(row["tasks"] for row in gains if row["shots"] == 10)
    status = judged(list(map(Estimate.of, gains)))
    if status == "reproduced" and 1 in signs:
        status = "reproduced in part"  # they gain, but more gain more
    return (
        f"{status}, with 10 and 20 shots in {cells} tasks and forms "
        f"with room; more shots are {better}; {worse}"
    )


CLAIMS = (
    Claim(
        "C1",
        "C1. Some layers interfere",
        "03_do_all_layers_help",
        some_layers_interfere,
        "knocking out one layer can raise accuracy on some of nearly 100 tasks, in three model "
        "families",
        f"{MINI}; every gain is tested and compared with chance",
        layers_of_a_pretrained_model,
        beside="14_four_architectures",
    ),
    Claim(
        "C1_heads",
        "C1, single heads. Some heads interfere",
        "23_the_head_that_interferes",
        heads_interfere,
        "knocks out whole attentions; single heads are our question",
        f"{MINI}; found on one half of the questions, measured on the other",
        heads_of_a_pretrained_model,
        "23_the_head_that_interferes",
    ),
    Claim(
        "C2",
        "C2. Similar tasks, similar vectors",
        "04_task_layer_interaction_vectors",
        similar_tasks_have_similar_vectors,
        "tasks that need similar abilities have highly correlated vectors, and cluster",
        f"{MINI}; compared with a permutation of the abilities, with and without each layer's "
        "mean effect",
        vectors_of_a_pretrained_model,
        SEEDS,
    ),
    Claim(
        "C3",
        "C3. The kind of intervention hardly matters",
        "06_kind_of_intervention",
        kind_hardly_matters,
        "r > 0.95 between zeroing and uniform attention; noise collapses the model",
        f"{MINI}; correlation a task, with an interval over tasks",
        kinds_on_a_pretrained_model,
    ),
    Claim(
        "C4",
        "C4. TaLo improves accuracy without training",
        "05_talo",
        talo_gains,
        "up to +10.4 points on LLaVA, on chosen tasks",
        f"{MINI}; the mean over redrawn probe sets, measured on questions that did not choose the "
        "layer",
        gains_of_a_pretrained_model,
        sent=gains_of_sent_runs,
    ),
    Claim(
        "C4_maps",
        "C4, headline. ScienceQA Maps",
        "20_real_vlm_scienceqa_maps",
        maps_gain,
        "+16.6 points with Qwen-VL",
        "written for a free Colab GPU",
    ),
    Claim(
        "C5",
        "C5. Gains carry over across models and datasets",
        "11_whole_benchmarks",
        gains_carry_over,
        "gains on chosen tasks of MMStar, MMBench, MMMU, ScienceQA and SEED-Bench, in three model "
        "families",
        "mini VLMs of different architecture, drawn benchmarks and easy-VQA; whole layers; "
        "all tasks",
    ),
    Claim(
        "C6",
        "C6. Better than fine-tuning with the same shots",
        "12_against_fine_tuning",
        beats_fine_tuning,
        "+2 to 4 points, over 10 times faster",
        "a mini VLM trained from scratch on drawn pictures; faults that we planted, where a layer "
        "is to blame, and tasks it was never taught and answers no better than a guess, where "
        "fine-tuning has most to teach",
        beats_fine_tuning_with_room,
        "24_where_a_layer_is_in_the_way",
        beside="24_where_a_layer_is_in_the_way",
    ),
    Claim(
        "C7",
        "C7. 10 to 20 probe questions are enough",
        "07_how_many_shots",
        few_shots_suffice,
        "10 to 20 shots suffice, more can be worse",
        MINI,
        shots_of_a_pretrained_model,
    ),
)


def change(row: dict) -> str:
    """One task's change: from what to what, with its interval and the level of chance."""
    layer = f" without layer {row['layer']}" if row.get("layer", -1) >= 0 else ""
    base, after, chance = (
        Estimate(row[name], unit="percent") for name in ("base", "accuracy", "informed")
    )
    return (
        f"{row['task']} ({row['form']}){layer}, {Estimate.of(row)} from {base} to {after}, chance "
        f"{chance}"
    )


def largest_gain(found: dict) -> dict:
    """The task with TaLo's largest gain, in any form."""
    rows = [dict(row, form=form) for form, gains in found["gains"].items() for row in gains]
    return max(rows, key=lambda row: row["delta"])


def beside(row: dict, other: dict) -> Estimate:
    """The difference of two effects' costs, with the interval that the first one's row has."""
    return Estimate(row["delta"] - other["delta"], row["beside_low"], row["beside_high"])


def templates(**more: Callable) -> jinja2.Environment:
    """Templates over the numbers of results files, with these filters and more."""
    return prose.templates(
        jinja2.FileSystemLoader(PROSE),
        change=change,
        word=lambda status: f"**{status.partition(':')[0]}**",
        pair=pair_with,
        hurt=hurt_by,
        beside=beside,
        largest_gain=largest_gain,
        to_above_chance=lambda rows: [row for row in rows if helps_to_above_chance(row)],
        **more,
    )


def tell(claim: Claim, experiments: Path) -> dict:
    """What the page says of a claim; one whose notebook was not run says so."""
    told = dict(
        title=claim.title,
        notebook=claim.notebook,
        paper=claim.paper,
        differs=claim.differs,
        pretrained="not run",
    )
    other = experiments / f"{claim.pretrained_notebook}.json"
    if claim.pretrained and other.exists():
        told["pretrained"] = claim.pretrained(json.loads(other.read_text(encoding="utf-8")))
    path = experiments / f"{claim.notebook}.json"
    if not path.exists():
        return told | dict(ours="-", status="not run", made="no notebook yet")
    found, environment = json.loads(path.read_text(encoding="utf-8")), templates()
    more = experiments / f"{claim.beside}.json"
    if more.exists():
        found["beside"] = json.loads(more.read_text(encoding="utf-8"))
    prose = {
        name: _one_line(environment.get_template(file).render(found=found, notebook=claim.notebook))
        for name, file in (("ours", f"{claim.key}.md"), ("made", "made.md"))
    }
    return told | prose | dict(status=claim.verdict(found))


def _one_line(text):
    """A list item in Markdown is one line; a template may have many."""
    return " ".join(text.split()).replace(" ;", ";").replace(" ,", ",")


def write(experiments: Path, page: Path, summary: Path):
    """Write the page, and its table in a word a claim, from the JSON files in `experiments`."""
    sent = [run for run in sent_runs.rows(sent_runs.RUNS) if not run["ours"]]
    claims = []
    for claim in CLAIMS:
        own = claim.sent(sent) if claim.sent and sent else "not run"
        claims.append(tell(claim, experiments) | dict(sent=own))
    heads = experiments / "23_the_head_that_interferes.json"
    found = json.loads(heads.read_text(encoding="utf-8")) if heads.exists() else dict(confirmed=[])
    case = next(filter(helps_to_above_chance, found["confirmed"]), None)
    for target in (page, summary):
        name = "page.md" if target == page else "summary.md"
        about = dict(claims=claims, questions=QUESTIONS, case=case)
        text = templates().get_template(name).render(about)
        target.write_text(text, encoding="utf-8")


def main():
    """Print for every claim what its numbers say, in both columns."""
    for claim in CLAIMS:
        told = tell(claim, Path(__file__).resolve().parents[1] / "book" / "experiments")
        print(f"{told['title']}\n  minis: {told['status']}\n  pretrained: {told['pretrained']}")


if __name__ == "__main__":
    main()
