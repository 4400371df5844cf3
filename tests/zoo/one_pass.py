"""Which families are swept in one pass, which with hooks, which not at all: a table over the whole
mapping of `AutoModelForImageTextToText`, each family by its configuration, made tiny.

`python tests/zoo/one_pass.py --page book/families.md`
"""

import argparse
import warnings
from pathlib import Path

import torch
import transformers
from families import family
from mapping import BY_HAND, NAMES, built

from talo_mini import BadInput, Knockout, knockout
from talo_mini.engine.recording import CannotReplay
from talo_mini.engine.replay import one_pass
from talo_mini.models.anatomy import find_anatomy

HAND = {**BY_HAND, "mllama": "mllama"}  # whose cross-attentions need a picture
EXACT = 1e-4
ORDER = ("one pass", "hooks", "refused", "not built here", "wrong")
PAGE = """# Families

Of the {number} families that transformers {version} knows as image-text-to-text models, {passed} are swept in one pass, {hooked} with hooks (the whole model runs once for every layer, at about twice the price or more), and {other} could not be tried here. Each was built tiny from its default configuration, with random weights, and every attention, MLP and layer of its decoder was knocked out, one by one, in one pass and under hooks; the logits are the same to 1e-4, or the family is not in the first row.

| way | families | why |
| --- | --- | --- |
{rows}

A model's weights do not matter for this; what its layers hand to each other does. A sweep finds out by itself: it compares one pass with hooks on its first questions, and tells in a warning where it goes on with hooks. A checkpoint may differ from the default configuration of its family: one of Gemma 4 whose later layers reuse the keys and values of earlier ones is swept with hooks.

Made by `python tests/zoo/one_pass.py --page book/families.md`.
"""  # noqa: E501


def tiny(name):
    """A tiny model of a family, and inputs."""
    return family(HAND[name]) if name in HAND else built(name)


@torch.inference_mode()
def difference(model, inputs) -> float:
    """How far one pass is from hooks at most, over every part of every layer.

    Raises CannotReplay where the engine goes on with hooks.
    """
    anatomy = find_anatomy(model)
    groups = [
        (Knockout(part, i),)
        for i, layer in enumerate(anatomy.stacks["decoder"])
        for part in (*layer.parts, "layer")
    ]
    base, *replayed = one_pass(model, anatomy, inputs, groups, check=True)
    worst = effect = 0.0
    for group, logits in zip(groups, replayed, strict=True):
        with knockout(anatomy, *group):
            hooked = model(**inputs, use_cache=False).logits[:, -1]
        found = (logits - hooked).abs().max().item()
        worst = found if not found <= worst else worst  # also where it is no number
        effect = max(effect, (hooked - base).abs().max().item())
    if not effect > 10 * EXACT:
        raise ValueError("no knockout changes the logits")
    return worst


def way(name: str) -> tuple[str, str]:
    """How a family is swept, and why not in one pass."""
    try:
        model, inputs = tiny(name)
    except ImportError:
        return "not built here", "needs timm"
    try:
        worst = difference(model, inputs)
    except BadInput as why:
        return "refused", str(why)
    except CannotReplay as why:
        told = str(why).partition(" (")[0]
        return "hooks", "one pass differs" if told.startswith("(Knockout") else told
    return ("one pass", "") if worst < EXACT else ("wrong", f"differs by {worst:.0e}")


def page(found: dict[str, tuple[str, str]]) -> str:
    """The table of all families, by way and reason."""
    rows = []
    for kind in sorted(set(found.values()), key=lambda kind: (ORDER.index(kind[0]), kind[1])):
        names = ", ".join(f"`{name}`" for name, own in found.items() if own == kind)
        rows.append(f"| {kind[0]} | {names} | {kind[1]} |")
    counts = [kind for kind, _ in found.values()]
    passed, hooked = counts.count("one pass"), counts.count("hooks")
    return PAGE.format(
        number=len(found),
        version=transformers.__version__,
        passed=passed,
        hooked=hooked,
        other=len(found) - passed - hooked,
        rows="\n".join(rows),
    )


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, help="write the table as a page of the book")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    text = page({name: way(name) for name in NAMES})
    print(text)
    if arguments.page:
        arguments.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
