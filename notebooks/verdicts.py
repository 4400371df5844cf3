"""How a chapter's numbers become a verdict on a claim: a status, and what it rests on.

Each function takes the numbers of a results file. Those here are about the minis.
"""

import math

from talo_mini.estimates import Estimate
from talo_mini.prose import plural

OFTEN = 4  # of seven trainings, in which a head returns: most of them
WIDE = 0.5  # a difference of correlations that says nothing of likeness
FEWEST = 3  # tasks with room, below which their mean says nothing of TaLo
MANY = 4  # means that a verdict still names one by one


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
    roomy = [room for room in rooms if room["cells"]]
    counts = {
        name: int(sum(room[name] for room in roomy))
        for name in ("cells", "knockouts", "helped", "helped_cells")
    }
    powers = [power for room in roomy for power in room.get("powers", [room.get("power")])]
    bound = max((room["bound"] for room in roomy), default=None)
    alone = any(room.get("alone", "threshold" not in room) for room in roomy)
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


def rooms_of(results: dict) -> list[dict]:
    """C1: the room of a model's own questions, of harder ones, and of other models beside it."""
    others = results.get("beside", {}).get("rooms", {})
    more = [room for model, room in others.items() if model != results["model"]]
    return [results["room"], *results.get("harder", {}).values(), *more]


def some_layers_interfere(results: dict) -> str:
    """C1: some knockouts help."""
    room = together(rooms_of(results))
    if not room["cells"]:
        return "could not be tested here: no task has room to gain"
    several = f"{room['cells']} tasks and forms"
    where = f"{'one task' if room['cells'] == 1 else several} with room to gain"
    if room["helped_cells"]:
        whole = room["helped_cells"] == room["cells"]
        status = "reproduced" if whole else "reproduced in part"
        helped = f"a knockout clearly helps in {room['helped_cells']} of {where}"
        most = f"none gains more than {100 * room['bound']:.0f} points (95%, all together)"
        return f"{status}: {helped}{power_of(room)}; {most}"
    return (
        f"bounded: in {where} none of {room['knockouts']} knockouts clearly helps"
        f"{power_of(room)}, and none gains more than {100 * room['bound']:.0f} points (95%, all "
        "together)"
    )


def heads_interfere(results: dict) -> str:
    """C1 for single heads: some help on questions that did not find them."""
    if results["above_chance"]:
        above = [row for row in results["confirmed"] if helps_to_above_chance(row)]
        heads = {(row["part"], row["layer"]) for row in above}
        tasks = {row["task"] for row in above}
        sentence = (
            f"without {plural(len(heads), 'head')} {plural(len(tasks), 'task')} clearly "
            f"{'gains' if len(tasks) == 1 else 'gain'} on questions that did not find them, to "
            "above a guess that has looked"
        )
        cells = {(row["task"], row["form"], row["layer"]) for row in above}
        runs = [
            1 + row["runs"]  # the shipped model is a training too
            for row in results["other_runs"]
            if (row["task"], row["form"], row["layer"]) in cells
        ]
        sentence += f"; of {results['room']['of_cells']} tasks and forms "
        sentence += f"{results['room']['cells']} "
        sentence += "has room" if results["room"]["cells"] == 1 else "have room"
        if max(runs, default=1) >= OFTEN:
            return f"reproduced: {sentence}, also in other trainings"
        return f"reproduced in part: {sentence}; none of these gains returns in most trainings"
    if results["holds"]:
        return "reproduced in part: heads clearly help, but not to above a guess that has looked"
    if results["room"].get("helped"):  # none of which holds
        return "bounded: no sure gain on one half of the questions is clear on the other"
    return some_layers_interfere(dict(room=results["room"]))


def similar_tasks_have_similar_vectors(results: dict) -> str:
    """C2: tasks of one ability have similar vectors."""
    over = f"over {results['tasks']} tasks"
    kinds = [kind for kind in ("raw", "centred", "without_first") if kind in results]
    looks = looks_at_likeness(results)
    if len(looks) * min(looks) < 0.05:
        return f"reproduced: {over}"
    if results["raw"]["high"] is None:
        return f"could not be tested here: too few tasks share an ability, {over}"
    if results["raw"]["low"] > 0:
        return f"reproduced in part: not beyond what all tasks share, {over}"
    if results["raw"]["high"] < 0:
        return f"contradicted: vectors of one ability are clearly less alike than others, {over}"
    highest = max(results[kind]["high"] for kind in kinds if results[kind]["high"] is not None)
    return f"{more_alike_at_most(highest)}, {over}"


def looks_at_likeness(results: dict) -> list[float]:
    """The p values of one question: are tasks of one ability alike beyond what all share?

    1 where a look says the opposite. A few tasks may leave no vector to compare.
    """
    differences = [results["centred"], results.get("without_first", {})]
    looks = [look for look in differences if look.get("p") is not None]
    found = [look["p"] if look["difference"] > 0 else 1 for look in looks]
    return [*found, results.get("nearest_p", 1)]


def more_alike_at_most(r: float) -> str:
    """What an interval's upper end bounds of C2; a wide one bounds nothing."""
    if r > WIDE:
        return f"could not be tested here: too few tasks (more alike by r = {r:.2f} at most)"
    return f"bounded: vectors of one ability are more alike by r = {r:.2f} at most (95%)"


def pair_with(results: dict, effect: str) -> dict:
    """How zeroing agrees with another effect."""
    return next(row for row in results["agreement"] if effect in row["pair"].rpartition(" and ")[2])


def hurt_by(results: dict, effect: str) -> dict:
    """What an effect costs."""
    return next(row for row in results["hurt"] if row["effect"].startswith(effect))


def kind_hardly_matters(results: dict) -> str:
    """C3: zeroing and uniform attention agree, noise collapses the model."""
    pair, noise = pair_with(results, "uniform"), hurt_by(results, "noise")
    agree, special = pair["delta"] > 0.95, noise["beside_high"] < 0
    status = {0: "contradicted", 1: "reproduced in part", 2: "reproduced"}[agree + special]
    sentence = "zeroing and uniform attention agree" if agree else "they agree less than r = 0.95"
    sentence += f" over {pair['tasks']} tasks"
    if agree and not pair["low"] > 0.95:
        sentence += ", though the interval reaches below 0.95"
    sentence += "; noise hurts more than zeroing" if special else ""
    sentence += "" if special else "; that noise is special is not seen"
    if pair["deep_high"] < 0.95:
        r = Estimate(pair["deep"], unit="r")
        sentence += f"; without layers 0 and 1 they agree with r = {r} (on the same questions; "
        sentence += f"a vector with itself on new ones {results['ceiling_without_0_and_1']:.2f})"
    return f"{status}: {sentence}"


def talo_gains(results: dict) -> str:
    """C4: TaLo gains without training, where there is room."""
    rows = [row for row in results["whole"] if row["method"] == "TaLo, tasks with room"]
    tasks = sum(row["tasks"] for row in rows)
    rows += results.get("harder", [])  # the same tasks, made harder
    rows = [row for row in rows if row["tasks"] >= FEWEST]
    cells = sum(row["tasks"] for row in rows)
    if not rows:
        return f"could not be tested here: {plural(tasks, 'task')} with room to gain"
    return f"{judged([Estimate.of(row) for row in rows])}, in {cells} tasks and forms with room"


def gains_of_sent_runs(sent: list[dict]) -> str:
    """C4 in runs that others sent in, which are choices of TaLo."""
    gaining = sum(run["gain"].low > 0 for run in sent)
    runs = plural(len(sent), "run")
    return f"{runs}: the mean gain's own 95% interval is above zero in {gaining}"


def maps_gain(results: dict) -> str:
    """The headline gain, on real weights."""
    if results["stand_in"]:
        return "not run on real weights"
    return judged([Estimate.of(results["gains"][0])])


def gains_carry_over(results: dict) -> str:
    """C5: gains on whole benchmarks, in several models."""
    room = [row for row in results["whole"] if row["of"] == "tasks with room"]
    room += results.get("harder", [])  # the same tasks, made harder, in four models
    rows = [row for row in room if row["tasks"] >= FEWEST]
    if not rows:
        return (
            f"could not be tested here: {plural(sum(r['tasks'] for r in room), 'task')} with room"
        )
    means = ", ".join(
        f"{row['model']} on {row['benchmark']}, {row['tasks']} tasks, {Estimate.of(row)}"
        for row in rows
    )
    models = len({row["model"] for row in rows})
    if len(rows) > MANY:
        ends = sorted(map(Estimate.of, rows), key=lambda row: row.value)
        cells = sum(row["tasks"] for row in rows)
        means = f"{models} models, {cells} tasks counted by model and set, from {ends[0]} to "
        means += str(ends[-1])
    if models < 2:
        return f"could not be tested here: one model alone has enough tasks with room ({means})"
    return f"{judged([Estimate.of(row) for row in rows])} ({means}), over the tasks with room"


def beats_fine_tuning(results: dict) -> str:
    """C6: TaLo beats fine-tuning with the same shots, where a planted fault leaves room to gain; on
    tasks at or below chance only fine-tuning can be ahead.
    """
    versus = [row for row in results["versus"] if row["shots"] == results["shots"]]
    planted = [row for row in results["beside"]["versus"] if row["where"] == "planted"]
    signs = clear_signs(versus)
    ahead = [row["method"] for row, sign in zip(versus, signs, strict=True) if sign < 0]
    differences = "; ".join(
        f"TaLo minus {row['method']} over {row['tasks']} planted faults {Estimate.of(row)}"
        for row in planted
    )
    if ahead and 1 not in [*signs, *clear_signs(planted)]:
        return f"contradicted: {' and '.join(ahead)} clearly ahead; {differences}"
    if ahead:
        others = f"{' and '.join(ahead)} clearly ahead on other tasks"
        return f"reproduced in part: {others}; {differences}"
    most = max(versus, key=lambda row: row["high"])
    untaught = f"over {most['tasks']} untaught tasks without room at most "
    untaught += f"{100 * most['high']:+.1f} points (TaLo minus {most['method']})"
    return f"{judged(list(map(Estimate.of, planted)))} ({differences}); {untaught}"


def gains_of_few_shots(results: dict) -> list[dict]:
    """What TaLo gains with 10 and 20 shots, where enough tasks have room."""
    return [row for row in results["roomy"] if row["shots"] in (10, 20) and row["tasks"] >= FEWEST]


def few_shots_suffice(results: dict) -> str:
    """C7: 10 to 20 shots suffice, where there is room."""
    gains = gains_of_few_shots(results)
    compared = [*results["more"], *results.get("more_there", [])]  # also where there is room
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
