"""What harnesses ask for: answers to texts about a picture, under a choice or a knockout."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..benchmarks.pictures import encoded_png
from ..benchmarks.prompts import DIVIDER
from ..benchmarks.questions import Question
from ..errors import BadInput
from ..interventions.knockout import Knockout, knockout
from ..interventions.names import as_knockouts
from ..models.loading import load_vlm
from ..studies.choice import Choice

MAX_NEW_TOKENS = 512  # where a harness names no length, and finds the answer in what is written


class Answering:
    """A model that answers under a choice's task, under a part's knockout, or whole.

    `pretrained` is a mini, a folder or a Hub id; `choice` a file with the `task` whose choice
    holds, or `part` and `layer` name what is left out. The prompt is the harness's, so only the
    model is checked against the choice. Raises BadInput where they do not fit.
    """

    def __init__(
        self,
        pretrained: str,
        choice: str | None = None,
        task: str | None = None,
        part: str | None = None,
        layer: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        max_pixels: int | None = None,
    ):
        if (choice is None) != (task is None) or (part is None) != (layer is None):
            raise BadInput("say choice= and task= together, or part= and layer=")
        if choice is not None and part is not None:
            raise BadInput("say either choice= and task=, or part= and layer=")
        self.vlm = load_vlm(pretrained, device, max_pixels=max_pixels, dtype=dtype)
        self.knockouts: tuple[Knockout, ...] = ()
        if choice is not None and task is not None:
            loaded_choice = Choice.load(choice)
            loaded_choice.check(self.vlm)
            self.knockouts = loaded_choice.knockouts(task)
        elif part is not None and layer is not None:
            self.knockouts = as_knockouts(part, "zero", layer)

    def answers(
        self,
        asked: Sequence[tuple[Sequence, str]],
        max_new_tokens: int = MAX_NEW_TOKENS,
        until: Sequence[str] = (),
        batch: int = 8,
        system: str = "",
    ) -> list[str]:
        """Greedy answers to pairs (pictures, text), cut where one of `until` begins.

        A picture is a PIL image, the bytes of a file, or a path; `system` is said before each text.
        Raises BadInput where there is no picture, or no place for a system prompt.
        """
        questions = [_question(number, *one) for number, one in enumerate(asked)]
        prompt = f"{system}{DIVIDER}{{question}}" if system else "bare"
        with knockout(self.vlm, *self.knockouts):
            written = self.vlm.generate(questions, prompt, max_new_tokens, batch)
        return [_cut(text, until) for text in written]


def _question(number, pictures, text):
    if not pictures:
        raise BadInput(f"request {number} is about no picture; a question shows at least one")
    first, *more = map(_encoded, pictures)
    return Question(str(number), "asked", first, text, ("",), 0, "open", more=tuple(more))


def _encoded(picture) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Image.Image):
        return encoded_png(picture)
    try:
        return Path(picture).read_bytes()
    except OSError as error:
        raise BadInput(f"the picture {picture} cannot be read ({error.strerror})") from error


def _cut(text, until):
    places = [text.find(end) for end in until if end and end in text]
    return text[: min(places)] if places else text
