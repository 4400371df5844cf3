"""What the playground's model is asked, in Node and in a browser, and what PyTorch answers."""

import random

from talo_mini import Knockout, knockout, load_benchmark, load_vlm
from talo_mini.models.scoring import scores
from talo_mini.studies.planting import load_plants, planted


def asked_of_pytorch(per_task: int, seed: int) -> tuple[list[dict], list]:
    """Requests as `answering.js` takes them and the log-probabilities of their options: every task
    in both forms, whole and without a random part, one in ten with a planted fault.
    """
    vlm, rng = load_vlm("llava-mini"), random.Random(seed)
    plants = load_plants("llava-mini")
    requests, expected = [], []
    for question in load_benchmark("mini-worlds", per_task=per_task).questions:
        number, layer = int(question.id.split("/")[1]), rng.randrange(12)
        request = dict(task=question.task, number=number, form=question.form)
        part = rng.choice(("base", "self-attention", "mlp", "head 0", "head 3"))
        known = [] if part == "base" else [Knockout(part, layer)]
        if part.startswith("head"):
            request["heads"] = [[layer, int(part[-1])]]
        elif known:
            request[part.removeprefix("self-")] = [layer]
        model = vlm
        if rng.random() < 0.1:
            plant = rng.choice(plants)
            request["plant"], model = plant.name, planted(vlm, plant)
        with knockout(model, *known):
            logits = model.last_logits(model.inputs([question]))
        requests.append(request)
        expected.append(scores(model, [question], logits)[0])
    return requests, expected
