"""While a GPU works on a batch, the CPU prepares the next one: scales pictures, writes prompts.

Beside a small model that takes longer than the model's own work.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from ..benchmarks.questions import Question
from ..models.asked import Asked
from ..models.padding import Uneven, untried
from ..models.vlm import VLM
from .batches import Batch
from .memory import out_of_memory

Layout = Callable[[VLM, Sequence[Question], str], Asked]


class Ahead:
    """Inputs of batches, each laid out when it is asked for, or begun before in a thread.

    A context: behind it nothing is begun any more.
    """

    def __init__(self, vlm: VLM, prompt: str, beside: bool | None = None):
        self.vlm, self.prompt = vlm, prompt
        if beside is None:  # beside a CPU that runs the model nothing is won
            beside = vlm.model.device.type == "cuda"
        # where a prompt has no place for its picture the layout runs the model, which is one's own
        able = beside and vlm.image_token is not None
        self.thread = ThreadPoolExecutor(1) if able else None
        self.begun: tuple[tuple, Future] | None = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.thread is not None:
            self.thread.shutdown(cancel_futures=True)

    def begin(self, layout: Layout, following: Sequence[Batch]):
        """Lay out the first of these batches beside what is done meanwhile.

        The tokenizer must not be used until its inputs are asked for.
        """
        if self.thread is not None and following:
            questions = following[0].questions
            work = self.thread.submit(_beside, layout, self.vlm, questions, self.prompt)
            self.begun = (layout, questions), work

    def inputs(self, layout: Layout, batch: Batch) -> Asked:
        """The inputs of a batch's questions; raises what their layout raises."""
        if self.begun is not None:
            (asked, work), self.begun = self.begun, None
            if asked != (layout, batch.questions):  # a batch was cut, or goes another way
                work.cancel() or wait([work])
            elif not _is_left(work):
                return work.result()
            del work  # and the memory of its inputs
        return layout(self.vlm, batch.questions, self.prompt)


def _beside(layout, *given):
    """A layout that does not run the model, which is another thread's."""
    with untried():
        return layout(*given)


def _is_left(work: Future) -> bool:
    """Whether the turn of its batch has to come first.

    There was too little memory for it beside the batch before, or the model has to be tried.
    """
    error = work.exception()
    return isinstance(error, Uneven) or (isinstance(error, Exception) and out_of_memory(error))
