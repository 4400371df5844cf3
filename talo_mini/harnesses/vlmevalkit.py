"""A model with VLMEvalKit's interface, to be put among its `supported_VLM`.

from vlmeval.config import supported_VLM
without = partial(Talo, "my-model", choice="choice.json", task="maps", max_new_tokens=512)
supported_VLM["my-model-without"] = without
"""

from .answering import MAX_NEW_TOKENS, Answering


class Talo(Answering):
    """Answers under a choice, with the methods by which VLMEvalKit asks a model.

    An answer is cut after `max_new_tokens` tokens.
    """

    INTERLEAVE = False
    allowed_types = ("text", "image")
    is_api = False

    def __init__(self, pretrained: str, max_new_tokens: int = MAX_NEW_TOKENS, **options):
        super().__init__(pretrained, **options)
        self.max_new_tokens, self.dump_image_func = max_new_tokens, None

    def use_custom_prompt(self, dataset=None) -> bool:
        """Never: the prompt is the benchmark's."""
        return False

    def set_dump_image(self, function):
        """Take the function that writes a row's pictures to files."""
        self.dump_image_func = function

    def dump_image(self, line, dataset=None):
        """The files of a row's pictures."""
        return self.dump_image_func(line)

    def generate(self, message, dataset=None) -> str:
        """The answer to a message: a list of {"type": "image" or "text", "value": ...}."""
        return self.generate_inner(message, dataset)

    def generate_inner(self, message, dataset=None) -> str:
        """As `generate`."""
        pictures = [part["value"] for part in message if part["type"] == "image"]
        text = "\n".join(part["value"] for part in message if part["type"] == "text")
        return self.answers([(pictures, text)], self.max_new_tokens)[0]
