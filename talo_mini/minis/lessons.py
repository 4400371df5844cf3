"""Training batches: many questions after one picture, each of which sees the picture and itself
only.
"""

import random
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
from PIL import Image, ImageOps

from ..benchmarks import easy_vqa
from ..benchmarks.mini_worlds import lessons, words
from ..benchmarks.questions import LETTERS

DRILL = 0.1  # share of questions about the options alone: "which is blue?"
# Share of pictures from easy-VQA's train split, and of its colour questions (shapes are slower to
# learn), by stage.
EASY_VQA = {"look": (0.1, 1.0), "answer": (0.1, 1.0), "practise": (0.2, 1.0), "finish": (0.35, 0.3)}


@dataclass
class Batch:
    """Packed sequences, [sequences, tokens] each; targets -100: none. `pictures` is what the image
    processor made.

    position_ids are [3, sequences, tokens] where a model has rotary rows and columns.
    """

    pictures: dict[str, torch.Tensor]
    input_ids: torch.Tensor
    position_ids: torch.Tensor
    segments: torch.Tensor
    targets: torch.Tensor

    def to(self, device) -> "Batch":
        """The same batch on a device."""
        moved = {
            field.name: getattr(self, field.name).to(device)
            for field in fields(self)
            if field.name != "pictures"
        }
        return Batch({name: value.to(device) for name, value in self.pictures.items()}, **moved)

    def mask(self, dtype) -> torch.Tensor:
        """Additive attention mask [sequences, 1, tokens, tokens]: causal, within a segment or
        towards segment 0.
        """
        query, key = self.segments[:, :, None], self.segments[:, None, :]
        length = self.segments.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=query.device).tril()
        allowed = ((query == key) | (key == 0)) & causal
        return torch.zeros(allowed.shape, dtype=dtype, device=query.device).masked_fill_(
            ~allowed, -1e9
        )[:, None]


def drill(rng: random.Random, vocabulary: list[str]) -> tuple[str, tuple[str, ...], str]:
    """A question that only asks for the letter beside a word."""
    options = rng.sample(vocabulary, rng.choice((2, 3, 4, 4)))
    wanted = rng.randrange(len(options))
    return f"which is {options[wanted]}?", tuple(options), LETTERS[wanted]


@lru_cache(1)
def _easy_vqa_pictures(numbers: tuple[str, ...]) -> dict[str, Image.Image]:
    folder = easy_vqa.folder("train") / "images"
    return {number: Image.open(folder / f"{number}.png").convert("RGB") for number in numbers}


def easy_vqa_lessons(seed: int, colours: float):
    """Pictures of easy-VQA's train split, mirrored at random (no answer depends on direction), with
    their questions.

    Of questions about colours only the share `colours` is asked.
    """
    rng = random.Random(f"easy/{seed}")
    picture_questions = {}
    for text, answer, number in easy_vqa.rows("train"):
        picture_questions.setdefault(number, []).append((text, (), answer))
    pictures = _easy_vqa_pictures(tuple(picture_questions))
    while True:
        number = rng.choice(list(picture_questions))
        image = pictures[number]
        image = ImageOps.mirror(image) if rng.random() < 0.5 else image
        image = ImageOps.flip(image) if rng.random() < 0.5 else image
        questions = [
            question
            for question in picture_questions[number]
            if rng.random() < colours or "colour" not in easy_vqa.task(*question[::2])
        ]
        yield image, iter(rng.sample(questions, len(questions)))


class Packer:
    """Turns lessons of a stage into batches. `tokens` is the length of a sequence, `pictures` the
    number in a batch.
    """

    def __init__(
        self,
        model,
        processor,
        seed: int,
        pictures: int,
        tokens: int,
        stage: str,
        mend: tuple[str, ...] = (),
    ):
        self.processor, self.pictures, self.tokens = processor, pictures, tokens
        self.rng = random.Random(f"pack/{seed}")
        self.easy_share, colours = EASY_VQA[stage]
        self.worlds, self.easy = lessons(seed, stage, mend), easy_vqa_lessons(seed, colours)
        self.vocabulary = words()
        self._encode = lru_cache(100_000)(
            lambda text: processor.tokenizer(text, add_special_tokens=False).input_ids
        )
        prefix = processor(
            text=[self._beginning()], images=[[Image.new("RGB", (64, 64))]], return_tensors="pt"
        )
        self.prefix, self.unseen = (
            prefix.input_ids[0].tolist(),
            1,
        )  # unseen: tokens before a question without a picture
        self.positions = [(i,) for i in range(len(self.prefix))]
        if "image_grid_thw" in prefix:  # rotary rows and columns
            prefix = {k: prefix[k] for k in ("input_ids", "mm_token_type_ids", "image_grid_thw")}
            self.positions = list(
                map(tuple, model.model.get_rope_index(**prefix)[0][:, 0].T.tolist())
            )
        self.needs_cross_mask = "cross_attention_mask" in processor.model_input_names
        self.after = processor.tokenizer.convert_tokens_to_ids(["ASSISTANT:"])
        self.end = processor.tokenizer.eos_token_id

    def _beginning(self):
        """The text of a prompt up to the picture and with it."""
        return self.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}]}]
        ).rstrip()

    def _segment(self, text, options, answer):
        """Tokens of a question and its answer, and the targets: the answer, then the end."""
        shown = [
            token
            for letter, option in zip(LETTERS, options, strict=False)
            for token in self._encode(letter) + self._encode(option)
        ]
        prompt = self._encode(text) + shown + self.after
        answer = self._encode(answer)
        return prompt + answer, [-100] * (len(prompt) - 1) + answer + [self.end]

    def _sequence(self, prefix, questions):
        ids, segments, targets = list(prefix), [0] * len(prefix), [-100] * len(prefix)
        positions = self.positions[: len(prefix)]
        axes, start = len(positions[0]), max(positions[-1]) + 1
        for number, question in enumerate(questions, 1):
            if number > 1 and self.rng.random() < DRILL:
                question = drill(self.rng, self.vocabulary)
            tokens, wanted = self._segment(*question)
            if len(ids) + len(tokens) > self.tokens:
                break
            ids += tokens
            positions += [(start + i,) * axes for i in range(len(tokens))]
            segments += [number] * len(tokens)
            targets += wanted
        pad = self.tokens - len(ids)
        return (
            ids + [0] * pad,
            positions + [(0,) * axes] * pad,
            segments + [-1] * pad,
            targets + [-100] * pad,
        )

    def batch(self, with_pictures: bool = True) -> Batch:
        """The next batch; without pictures it is half as many sequences of letter drills only."""
        images, rows = [], []
        for _ in range(self.pictures if with_pictures else self.pictures // 2):
            if with_pictures:
                image, questions = next(
                    self.easy if self.rng.random() < self.easy_share else self.worlds
                )
                images.append(image)
                rows.append(self._sequence(self.prefix, questions))
            else:
                rows.append(
                    self._sequence(
                        self.prefix[: self.unseen],
                        iter(lambda: drill(self.rng, self.vocabulary), None),
                    )
                )
        ids, positions, segments, targets = (
            torch.tensor(column) for column in zip(*rows, strict=True)
        )
        positions = positions[..., 0] if positions.shape[-1] == 1 else positions.permute(2, 0, 1)
        return Batch(
            self._pictures(images, ids) if images else {}, ids, positions, segments, targets
        )

    def _pictures(self, images, ids):
        """What a model takes of the pictures, one a sequence."""
        tensors = self.processor.image_processor([[image] for image in images], return_tensors="pt")
        inputs = {
            name: tensors[name] for name in tensors if name not in ("num_tiles", "num_patches")
        }
        if self.needs_cross_mask:  # every token may look at the picture
            inputs["cross_attention_mask"] = torch.ones(*ids.shape, 1, 1)
        return inputs


class ChatPacker(Packer):
    """The same for a processor whose chat template writes turns around the text, as pretrained
    language models have it.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.unseen = self.prefix.index(self.processor.image_token_id)
        self.end = self.processor.tokenizer.eos_token_id
        _, self.ending = self._prompt("QUESTION").split("QUESTION")

    def _prompt(self, text):
        content = [{"type": "image"}, {"type": "text", "text": text}]
        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )

    def _beginning(self):
        return self._prompt("QUESTION").split("QUESTION")[0]

    def _segment(self, text, options, answer):
        lines = [
            text,
            *(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)),
        ]
        prompt = self._encode("\n".join(lines) + self.ending)
        answer = self._encode(answer)
        return prompt + answer, [-100] * (len(prompt) - 1) + answer + [self.end]
