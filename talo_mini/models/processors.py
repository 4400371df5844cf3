"""Load the processor of a VLM, also without torchvision: videos need it, pictures do not."""

import json
from typing import ClassVar

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoProcessor,
    AutoTokenizer,
    ImageProcessingMixin,
)
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

# What an image processor may limit: all of it changes what a model sees, so it is recorded with
# every result.
PICTURE_LIMITS = (
    "size",
    "crop_size",
    "max_patches",
    "crop_to_patches",
    "max_image_tiles",
    "do_image_splitting",
    "max_image_size",
    "image_grid_pinpoints",
    "patch_size",
    "merge_size",
)


class NoVideo(ImageProcessingMixin):
    """Stands where a processor wants a video processor of the class named `wanted`; it cannot
    process videos.
    """

    model_input_names: ClassVar = ["pixel_values_videos"]

    def __init__(self, wanted: str):
        super().__init__()
        self.wanted = wanted

    def to_dict(self):
        """What is saved, so that the true one is loaded where torchvision is present."""
        return {"video_processor_type": self.wanted}


def for_pictures(kind: type) -> type:
    """The same class of processor, which also takes a `NoVideo`."""

    class ForPictures(kind):
        def check_argument_for_proper_class(self, name, argument):
            return (
                NoVideo
                if isinstance(argument, NoVideo)
                else super().check_argument_for_proper_class(name, argument)
            )

    ForPictures.__name__ = kind.__name__
    return ForPictures


def load_processor(source, **options):
    """The processor of a folder or hub id. Raises what `AutoProcessor` raises where it cannot be
    loaded.
    """
    try:
        return AutoProcessor.from_pretrained(source, **options)
    except ImportError as error:
        if "torchvision" not in str(error).lower():
            raise
    kind = for_pictures(PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(source, **options))])
    settings, _ = kind.get_processor_dict(source, **options)
    load = {
        "tokenizer": lambda: AutoTokenizer.from_pretrained(source, **options),
        "image_processor": lambda: AutoImageProcessor.from_pretrained(source, **options),
        "video_processor": lambda: NoVideo(
            settings.get("video_processor", {}).get("video_processor_type", "")
        ),
    }
    return kind.from_args_and_dict([load[name]() for name in kind.get_attributes()], settings)


def picture_limits(processor) -> dict:
    """How large pictures may be, as an image processor says it now."""
    limits = {}
    for name in PICTURE_LIMITS:
        value = getattr(processor, name, None)
        if value is not None and "size" in name and not isinstance(value, int):
            value = {key: size for key, size in dict(value).items() if size is not None}
        if value is not None:
            limits[name] = value
    return json.loads(json.dumps(limits))


def move_padding(batch, ids: str, mask: str, side: str):
    """Move the padding of each row of a batch to one side."""
    order = batch[mask].argsort(dim=1, descending=side == "right", stable=True)
    for name in (ids, mask):
        batch[name] = batch[name].gather(1, order)
