"""`talo-mini choose`, `evaluate` and `export`: what to leave out, what it gains, and the rest."""

from argparse import Namespace

from ..errors import BadInput
from ..interventions.export import check_new, export
from ..interventions.names import as_knockouts
from ..studies.choice import Choice
from ..studies.choosing import evaluate, talo
from .processes import check_single
from .words import (
    add_asking,
    add_benchmark,
    add_model,
    add_parts,
    add_written,
    check_out,
    check_unused,
    loaded_benchmark,
    loaded_model,
    written_of,
)

LEVEL = 0.05


def add(commands):
    """The words of `choose`, `evaluate` and `export`."""
    command = commands.add_parser("choose", help="find for each task what to leave out (TaLo)")
    add_model(command)
    add_benchmark(command)
    add_parts(command)
    command.add_argument(
        "--shots", type=int, default=10, help="probe questions a task (default %(default)s)"
    )
    command.add_argument(
        "--rule",
        default="best",
        choices=("best", "cautious"),
        help="cautious: only what is significant on the probe (default %(default)s)",
    )
    command.add_argument("--level", type=float, help=f"of the cautious rule (default {LEVEL})")
    command.add_argument(
        "--seed", type=int, default=0, help="draws the probe (default %(default)s)"
    )
    add_written(command)
    add_asking(command)
    command.add_argument(
        "--out", default="choice.json", help="the choice, a .json (default %(default)s)"
    )
    command.set_defaults(run=run_choose)

    command = commands.add_parser("evaluate", help="measure a choice on other questions")
    add_model(command)
    add_benchmark(command)
    command.add_argument("--choice", default="choice.json", help="a file that choose wrote")
    add_written(command)
    add_asking(command)
    command.set_defaults(run=run_evaluate)

    command = commands.add_parser("export", help="save the model with the choice folded in")
    add_model(command)
    command.add_argument("--choice", help="a file that choose wrote; with --task")
    command.add_argument("--task", help="the task of that file")
    command.add_argument("--part", help="in place of a choice: what is left out; with --layers")
    command.add_argument("--layers", nargs="+", type=int, help="of which layers")
    command.add_argument("--effect", help="with --part: zero, or scale 0.5 (default zero)")
    command.add_argument("--out", required=True, help="a new folder")
    command.set_defaults(run=run_export)


def run_choose(chosen: Namespace):
    """Write and print a choice."""
    check_single("choose")
    check_out(chosen.out, [".json"], chosen.benchmark)
    written = written_of(chosen)
    if chosen.rule != "cautious":
        check_unused(chosen, ["level"], "is of the cautious rule; say --rule cautious")
    benchmark = loaded_benchmark(chosen)
    benchmark.split(chosen.shots, chosen.seed)  # raises now, and not after the model has loaded
    choice = talo(
        loaded_model(chosen),
        benchmark,
        chosen.parts,
        chosen.shots,
        chosen.rule,
        LEVEL if chosen.level is None else chosen.level,
        chosen.seed,
        chosen.effect,
        chosen.cache,
        chosen.batch,
        written,
    )
    choice.save(chosen.out)
    print(choice)
    print(f"the choice is in {chosen.out}")


def run_evaluate(chosen: Namespace):
    """Print what a choice gains on the questions that did not choose it."""
    check_single("evaluate")
    written = written_of(chosen)
    choice, benchmark = Choice.load(chosen.choice), loaded_benchmark(chosen)
    for task in benchmark.tasks:
        choice.knockouts(task.name)  # raises where the choice has no such task
    if chosen.form is None and choice.form in benchmark.forms:  # those that it is about
        benchmark = benchmark.subset(form=choice.form)
    choice.check_forms(benchmark.forms)  # raises now, and not after the model has loaded
    options = dict(cache=chosen.cache, batch=chosen.batch, written=written)
    for measured in evaluate(loaded_model(chosen), benchmark, choice, **options):
        print(measured)


def run_export(chosen: Namespace):
    """Save a model under knockouts."""
    check_single("export")
    knockouts, choice = _knockouts(chosen)
    out = check_new(chosen.out)
    vlm = loaded_model(chosen)
    if choice is not None:
        choice.check(vlm)
    export(vlm, out, *knockouts)
    print(f"{out} answers as {vlm.name} without {', '.join(map(str, knockouts))}")


def _knockouts(chosen):
    """The knockouts that were asked for, and the choice where they come from one."""
    if (chosen.choice is None) == (chosen.part is None):
        raise BadInput("say either --choice and --task, or --part and --layers")
    if chosen.choice is not None:
        check_unused(chosen, ["layers", "effect"], "is what the choice says; say --part instead")
        choice = Choice.load(chosen.choice)
        if chosen.task is None:
            raise BadInput(
                f"say --task; {chosen.choice} has {', '.join(t.task for t in choice.tasks)}"
            )
        knockouts = choice.knockouts(chosen.task)
        if not knockouts:
            raise BadInput(
                f"at task {chosen.task!r} the choice keeps the whole model, so there is nothing to "
                "export"
            )
        return knockouts, choice
    check_unused(chosen, ["task"], "is of a file of choices; say --choice instead of --part")
    if not chosen.layers:
        raise BadInput(f"say of which layers {chosen.part!r} is left out: --layers 3")
    effect = "zero" if chosen.effect is None else chosen.effect
    layer_knockouts = [k for i in chosen.layers for k in as_knockouts(chosen.part, effect, i)]
    return tuple(dict.fromkeys(layer_knockouts)), None
