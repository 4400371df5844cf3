"""lmms-eval's model `talo`; imported by lmms-eval only, which must be installed.

`--model talo --model_args pretrained=FOLDER,choice=choice.json,task=TASK` answers under a choice,
`part=self-attention,layer=3` under a knockout, `pretrained=FOLDER` alone as the whole model.
A task asks in one user message about pictures, behind a system message at most.
"""

from lmms_eval.api.model import lmms
from lmms_eval.protocol import ChatMessages

from .answering import MAX_NEW_TOKENS, Answering
from .messages import as_question


class Talo(lmms):
    """Answers of a model under a choice, as lmms-eval asks for them: `generate_until`, greedily."""

    is_simple = False

    def __init__(self, pretrained, batch_size=1, device=None, max_batch_size=None, **options):
        super().__init__()
        self.model = Answering(pretrained, device=device, **options)

    def generate_until(self, requests):
        """The answers, in the requests' order."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        _, messages_of, settings, number, task, split = request.args
        messages = ChatMessages(messages=messages_of(self.task_dict[task][split][number]))
        pictures, text, system = as_question(task, messages.messages)
        until = settings.get("until", ())
        most = settings.get("max_new_tokens", MAX_NEW_TOKENS)
        until = [until] if isinstance(until, str) else until
        return self.model.answers([(pictures, text)], most, until, system=system)[0]

    def loglikelihood(self, requests):
        """Not offered: `talo_mini.sweep` scores options."""
        raise NotImplementedError("talo answers by writing; ask it with generate_until")

    def generate_until_multi_round(self, requests):
        """Not offered: a question is asked once."""
        raise NotImplementedError("talo answers single questions; ask it with generate_until")
