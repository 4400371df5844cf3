"""The same sweep by other intervention libraries, where they are installed: nnsight, one trace a
knockout, and pyvene.
"""

from functools import reduce
from importlib.metadata import version
from importlib.util import find_spec

import torch


def nnsight_traces(model, inputs, chosen, last):
    """Logits of the base model and of each knockout, by nnsight."""
    from nnsight import NNsight

    wrapped, collected = NNsight(model), [last(model, inputs)]
    for path in chosen:
        module = reduce(
            lambda collected, name: (
                collected[int(name)] if name.isdigit() else getattr(collected, name)
            ),
            path.split("."),
            wrapped,
        )
        with wrapped.trace(**inputs, use_cache=False, logits_to_keep=1):
            module.output[0][:] = 0
            logits = wrapped.output.logits.save()
        collected.append(logits[:, -1])
    return collected


def pyvene_interventions(model, inputs, chosen, last):
    """Logits of the base model and of each knockout, by pyvene."""
    from pyvene import IntervenableModel

    collected = [last(model, inputs)]
    for path in chosen:
        zeroed = IntervenableModel(
            [
                {
                    "component": f"{path}.output",
                    "intervention": lambda base, *more: torch.zeros_like(base),
                }
            ],
            model=model,
        )
        _, output = zeroed(base=dict(inputs, use_cache=False, logits_to_keep=1))
        collected.append(output.logits[:, -1])
    return collected


LIBRARIES = {
    f"{name} {version(name)}": run
    for name, run in {"nnsight": nnsight_traces, "pyvene": pyvene_interventions}.items()
    if find_spec(name)
}
