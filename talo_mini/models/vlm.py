"""A vision-language model with its processor: ask it questions, score their options."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import torch
from PIL import Image

from ..benchmarks.prompts import prompt_of, write_prompt
from ..benchmarks.questions import LETTERS, Benchmark, Question, parted, pictures_each
from ..errors import BadInput, check_kind, whole_number
from ..progress import progress
from . import identity
from .anatomy import Anatomy, find_anatomy
from .asked import wanted_logits
from .chat import chat_prompt, opens_thoughts
from .greedy import answers, ends_of_answers, greedily, start_of_answers
from .ownership import owned
from .padding import check_padding
from .processors import move_padding, picture_limits
from .spelling import Spelling
from .state import check_kinds, check_length, check_ready, made_of, mixed_types_told, refusals_named
from .words import check_read, check_words


@dataclass(frozen=True)
class VLM:
    """A model, its processor and its anatomy.

    `files` are what it was loaded from; by their words a model is told apart whatever the library's
    version. Raises BadInput for a wrapper around a model, or less than a whole processor.
    """

    name: str
    model: torch.nn.Module
    processor: Any
    files: identity.Files | None = None

    def __post_init__(self):
        check_kinds(self.model, self.processor, self.name)

    def __repr__(self):
        return f"VLM({self.name!r}, {type(self.model).__name__}, {self.model.dtype})"

    @property
    def anatomy(self) -> Anatomy:
        """The map of the model, made anew where a module was replaced (by an adapter)."""
        modules = [id(module) for module in self.model.modules()]
        if self._map.get("modules") != modules:
            self._map.update(modules=modules, anatomy=find_anatomy(self.model))
        return self._map["anatomy"]

    @cached_property
    def _map(self) -> dict:
        return {}

    @property
    def digest(self) -> str:
        """16 hex digits that change when a weight, the configuration or a checkpoint's code does.

        Every weight is read each time, a second or two for each GB: no counter of torch's notices
        all the ways to write to one.
        """
        return identity.model_digest(self.model, self.files)

    @property
    def changed(self) -> str:
        """16 hex digits of its classes, plain attributes and small buffers; "" as it was loaded."""
        made = made_of(self.model)
        return "" if self.files is not None and made == self.files.model_made else made

    @property
    def picture_limits(self) -> dict:
        """How large pictures may be, as the processor says it now."""
        return picture_limits(self.processor.image_processor)

    @property
    def reading(self) -> str:
        """8 hex digits that change with the chat template, a tokenizer or how pictures are read."""
        return identity.reading(self.processor, self.files)

    def inputs(
        self, questions: Benchmark | Sequence[Question], template: str | None = None
    ) -> dict[str, torch.Tensor]:
        """Left-padded model inputs for a batch of questions, on the model's device.

        A benchmark's own prompt is used where no other is named, "bare" for questions alone. A
        processor without a chat template (PaliGemma, InstructBLIP) is given the question alone.
        Raises BadInput where the prompt holds no place for the picture, and Uneven for questions of
        different lengths where what is padded before them changes answers (see `padding`).
        """
        asked, template = _with_prompt(questions, template)
        if not asked:
            raise BadInput("there is no question to put to the model")
        check_ready(self.model, self.name)
        pictures = pictures_each(asked)
        if pictures > 1 and not self.processor.chat_template:
            raise BadInput(
                f"question {asked[0].id!r} shows {pictures} pictures, and the prompt of "
                f"{self.name} has a place for one; leave such questions out"
            )
        texts, options = self._written(asked, template, pictures)
        images = [q.images for q in asked]
        if not self.processor.chat_template:
            images = [image for (image,) in images]
        options |= dict(return_tensors="pt", padding=True, padding_side="left")
        with refusals_named(asked):
            batch = self.processor(text=texts, images=images, **options)
        batch.pop("labels", None)
        if "qformer_input_ids" in batch:
            # it counts positions from the left, and the processor pads between picture and text
            move_padding(batch, "qformer_input_ids", "qformer_attention_mask", "right")
            move_padding(batch, "input_ids", "attention_mask", "left")
        if self.start:
            batch["decoder_input_ids"] = torch.tensor([self.start] * len(asked))
        self._check_placeholder(batch)
        longest = asked[int(batch["attention_mask"].sum(1).argmax())]
        check_length(self.model, self.name, longest, batch["input_ids"].shape[1])
        device = self.model.device
        batch = batch.to("cpu" if device.type == "meta" else device, dtype=self.model.dtype)
        check_padding(self, asked, template, batch)
        return batch

    def check_inputs(self, questions: Sequence[Question], template: str):
        """Raise BadInput for the first question that cannot be put to the model, before any is."""
        for question in questions:
            self.inputs([question], template)

    def tokens(self, questions: Sequence[Question], template: str) -> list[list[int]]:
        """Each prompt by the tokenizer alone: a picture is the few tokens that hold its place."""
        texts, options = self._written(questions, template, pictures_each(questions))
        return self.processor.tokenizer(texts, **options).input_ids

    def _written(self, questions, template, pictures) -> tuple[list[str], dict]:
        """The prompts as text, and how the tokenizer begins them."""
        if "{question}" in template:
            check_words([template], self._special, "the prompt", self.name)
        texts, system = [write_prompt(q, template) for q in questions], prompt_of(template).system
        if self.processor.chat_template:
            texts = [self.chat(text, system=system, pictures=pictures) for text in texts]
        else:
            texts = [f"{system}\n{text}".lstrip("\n") for text in texts]
        begin = self.processor.tokenizer.bos_token
        # a template that writes the first token leaves nothing to add
        begun = bool(begin) and texts[0].startswith(begin)
        return texts, {"add_special_tokens": False} if begun else {}

    def chat(self, text: str, answer: bool = True, system: str = "", pictures: int = 1) -> str:
        """A prompt as the chat template writes it, pictures first, behind a system prompt.

        Raises BadInput where the template is broken, or leaves the text or the system prompt out.
        """
        return chat_prompt(self.processor, self.name, text, answer, system, pictures)

    @property
    def image_token(self) -> int | None:
        """The token that holds the picture's place in a prompt; None where there is none."""
        config, names = self.model.config, ("image_token_id", "image_token_index")
        return next(filter(None, (getattr(config, name, None) for name in names)), None)

    def _check_placeholder(self, batch):
        token = self.image_token
        if token is not None and not (batch["input_ids"] == token).any(1).all():
            raise BadInput(
                f"{self.name}: a prompt holds no place for the picture; give its processor a "
                "chat_template that writes one"
            )

    @property
    def start(self) -> tuple[int, ...]:
        """The tokens with which the decoder of an encoder-decoder begins; none for other models."""
        return start_of_answers(self.model)

    def check(self, question: Question):
        """Raise BadInput where a question cannot be scored, before it is asked.

        It has no options, these are the same tokens or hold a word that the tokenizer lacks, or
        its text cannot be read as words (`check_text`).
        """
        if question.form == "open":
            raise BadInput(
                f"question {question.id!r} is open: it has no options to score; sweep what the "
                "model writes: sweep(..., written=Written('exact'))"
            )
        self.option_paths(question)
        if self.start and self.scoring(question) == "whole text":
            raise BadInput(
                f"question {question.id!r}: its options share first tokens, and {self.name} "
                "answers in a decoder of its own, where options are scored by one token; ask it in "
                "the choice form"
            )
        self.check_text(question)

    def check_text(self, question: Question):
        """Raise BadInput where a text would be read as something else than words.

        A special token in it, no word that the tokenizer knows, or a template that lets the model
        think before it answers.
        """
        self._check_words(question)
        check_read(question, self.processor.tokenizer, self.name)
        if self._thinks:
            raise BadInput(
                f"question {question.id!r}: the chat template of {self.name} lets it think before "
                "it answers, so its next token is no answer; use a template that does not"
            )

    def _check_words(self, question):
        texts = question.text, question.hint, question.written, *question.options
        check_words(texts, self._special, f"question {question.id!r}: its text", self.name)

    @cached_property
    def _special(self) -> tuple[str, ...]:
        """What the tokenizer reads as one special token, wherever it stands in a text."""
        tokenizer = self.processor.tokenizer
        added = getattr(tokenizer, "added_tokens_decoder", {}).values()
        named = [str(token) for token in tokenizer.all_special_tokens]
        return tuple({*named, *(token.content for token in added if token.special)} - {""})

    @cached_property
    def _thinks(self) -> bool:
        """Whether the answer begins inside a block of thoughts that the template opens."""
        if not self.processor.chat_template:
            return False
        return opens_thoughts(self.chat("?", answer=False), self.chat("?"))

    def scoring(self, question: Question) -> str:
        """How options are scored: by their "letter", "first token", or "whole text"."""
        if question.form == "choice":
            return "letter"
        alike = not _distinct(self._first(question))
        return "whole text" if alike or self.spaced(question) else "first token"

    def spaced(self, question: Question) -> bool:
        """Whether a first token would tell options apart, but is a space alone before one of them.

        Their words follow only behind it, so that all of their text is scored.
        """
        if question.form == "choice" or not any(map(self.spelling.spaced, question.options)):
            return False
        return _distinct(self._first(question))

    def option_paths(self, question: Question) -> list[list[tuple[int, ...]]]:
        """The tokens by which each option is scored, in each spelling: without and after a space.

        One token where that tells the options apart, else all of their text; and a token that
        ends an answer where one option is the beginning of another. Raises BadInput where two
        options are the same tokens, and where the tokenizer lacks one.
        """
        if self.scoring(question) != "whole text":
            return [[(token,) for token in option] for option in self.option_tokens(question)]
        paths = [self.spelling.whole(option) for option in question.options]
        self._check_known(question, [list(chain(*option)) for option in paths])
        every = sorted(path for option in paths for path in option)
        if len(set(every)) < len(every):
            raise BadInput(
                f"question {question.id!r}: options {list(question.options)} are the same tokens "
                f"to {self.name}; ask it in the choice form"
            )
        if not any(longer[: len(path)] == path for path, longer in pairwise(every)):
            return paths
        if not self.ends:
            raise BadInput(
                f"question {question.id!r}: one of its options begins another, and {self.name} "
                "has no token that ends an answer; ask it in the choice form"
            )
        return [[(*path, end) for path in option for end in self.ends] for option in paths]

    @property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end an answer, any of them: those at which the model stops to write."""
        return ends_of_answers(self.model, self.processor.tokenizer)

    def option_tokens(self, question: Question) -> list[tuple[int, ...]]:
        """The tokens each option is scored by: its letter, or the first token of its words.

        Without and after a space. Raises BadInput where two options share such a token, where it is
        not the next one (see `spaced`), and where the tokenizer lacks it.
        """
        tokens = self._first(question)
        self._check_known(question, tokens)
        if not _distinct(tokens) or self.spaced(question):
            raise BadInput(
                f"question {question.id!r}: options {list(question.options)} cannot be scored "
                "by their first token; ask it in the choice form or use generated answers"
            )
        return tokens

    def _check_known(self, question, tokens):
        """Raise BadInput where the tokenizer lacks one of the tokens of an option."""
        for word, word_tokens in zip(_words(question), tokens, strict=True):
            if not word_tokens or self.processor.tokenizer.unk_token_id in word_tokens:
                raise BadInput(
                    f"question {question.id!r}: {self.name} has no token for its option {word!r}; "
                    "ask it with other words or fewer options"
                )

    def _first(self, question):
        return [self.spelling.first(word) for word in _words(question)]

    @cached_property
    def spelling(self) -> Spelling:
        """How the tokenizer spells a word behind a prompt."""
        return Spelling(self.processor.tokenizer, self._end)

    @cached_property
    def _end(self) -> str:
        """What stands right before an answer: the prompt's last character, "" in a decoder of its
        own.
        """
        if self.start:
            return ""
        if self.processor.chat_template:
            return self.chat("?")[-1:]
        # PaliGemma's processor writes a line break behind the question
        batch = self.processor(text=["?"], images=[Image.new("RGB", (64, 64))])
        return self.processor.tokenizer.decode(batch["input_ids"][0])[-1:]

    def option_logs(self, question: Question, logs: torch.Tensor) -> torch.Tensor:
        """Log-probability of each option, [options], from those of the next token, [vocabulary].

        Gradients flow through.
        """
        tokens = self.option_tokens(question)
        return torch.stack([torch.logsumexp(logs[list(option)], 0) for option in tokens])

    def lead(self, question: Question, logs: torch.Tensor) -> torch.Tensor:
        """By how many nats the right option beats the best wrong one, negative if it is wrong.

        logs: log-probabilities of the next token, [vocabulary].
        """
        options = self.option_logs(question, logs)
        wrong = torch.cat([options[: question.answer], options[question.answer + 1 :]])
        return options[question.answer] - wrong.max()

    @torch.inference_mode()
    def last_logits(self, inputs) -> torch.Tensor:
        """Logits of the next token, [questions, vocabulary], float32.

        Of inputs that say what is wanted of them, [places, vocabulary].
        """
        with mixed_types_told(self.model, self.name):
            return wanted_logits(self.model, inputs).float()

    @torch.inference_mode()
    def generate(
        self,
        questions: Benchmark | Sequence[Question],
        template: str | None = None,
        max_new_tokens: int = 8,
        batch: int = 64,
    ) -> list[str]:
        """Greedy answers as text, in the questions' order, whatever the checkpoint asks for.

        A benchmark is asked under its own prompt, as a sweep asks it, where no other is named.
        Raises BadInput, before any is written, for a question that cannot be put to the model.
        """
        asked, template = _with_prompt(questions, template)
        for question in asked:
            check_kind("a question", question, Question, "load_benchmark(...)")
            self._check_words(question)
        batch = whole_number("batch", batch)
        max_new_tokens = whole_number("max_new_tokens", max_new_tokens)
        texts, parts = [], list(parted(asked, batch))
        if len(parts) > 1:  # else the texts of those before would be lost
            self.check_inputs(asked, template)
        told = mixed_types_told(self.model, self.name)
        with owned(self.anatomy), greedily(self.model, max_new_tokens), told:
            for some in progress(parts, desc="writing answers", unit="batch"):
                texts += answers(self, some, template, max_new_tokens)
        return texts


def _with_prompt(questions, template) -> tuple[list[Question], str]:
    """The questions as a list, and the name of the prompt they are asked under."""
    if isinstance(questions, Benchmark):
        return list(questions.questions), template or questions.prompt
    return list(questions), template or "bare"


def _words(question):
    """What an answer begins with: a letter, or an option's own words."""
    return LETTERS[: len(question.options)] if question.form == "choice" else question.options


def _distinct(tokens):
    """Whether no two options have a token in common."""
    return len({token for option in tokens for token in option}) == sum(map(len, tokens))
