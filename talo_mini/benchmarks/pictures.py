"""The one place that decodes pictures: bounded, turned as viewers do, on white, in eight bits."""

import io
import warnings

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from ..errors import BadInput

MOST_PIXELS = 100_000_000  # of one picture: 300 MB when decoded
SIXTEEN_BITS = 65535
ORIENTATION = 0x0112  # the EXIF tag; from 5 on the picture lies on its side
PNG_MODES = "1", "L", "LA", "P", "RGB", "RGBA", "I;16"
FEW = 16  # floats that end between 1 and this are neither shares nor eight bits


def picture_size(encoded: bytes) -> tuple[int, int]:
    """Width and height in pixels, without decoding, as it is turned when decoded.

    Raises BadInput where it is no picture.
    """
    return _read(encoded, _turned_size)


def decoded(encoded: bytes) -> Image.Image:
    """The picture in RGB.

    Transparent parts lie on white, 16-bit and float greys are scaled to eight bits, and a note on
    its orientation (EXIF) is followed. Raises BadInput where it cannot be decoded, is larger than
    MOST_PIXELS, or has values that no rule can scale.
    """
    return _read(encoded, _to_rgb)


def encoded_png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file; one that is as it was read from a file is turned as its
    EXIF note says (what was made of it since may have been turned by hand).

    Raises BadInput where it holds several pictures, or has values that no PNG can hold.
    """
    _check_single(picture)
    as_read = isinstance(picture, ImageFile.ImageFile)
    turned, buffer = ImageOps.exif_transpose(picture) if as_read else picture, io.BytesIO()
    if turned.mode.startswith(("I", "F")) and turned.mode not in PNG_MODES:
        turned = Image.fromarray(_eight_bits(np.asarray(turned)))
    if turned.mode not in PNG_MODES:
        try:
            turned = turned.convert("RGBA" if "a" in turned.mode.lower() else "RGB")
        except ValueError as error:
            raise BadInput(
                f"a picture of the mode {turned.mode} cannot be used; {error}"
            ) from error
    turned.save(buffer, "PNG")
    return buffer.getvalue()


def _check_single(picture):
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # a photograph and its thumbnail
        raise BadInput(f"it holds {frames} pictures (an animation, or pages); save one of them")


def _read(encoded, read):
    if not isinstance(encoded, bytes):
        raise BadInput(
            f"a picture is the bytes of a file (PNG, JPEG, ...), not {type(encoded).__name__}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # bounded here
            return read(Image.open(io.BytesIO(encoded)))
    except BadInput:
        raise
    except UnidentifiedImageError as error:
        reason = "its bytes are of no known format"
        raise BadInput(f"it is no picture that can be decoded ({reason})") from error
    except Exception as error:  # Pillow's plugins have no common class of errors
        raise BadInput(f"it is no picture that can be decoded ({str(error)[:100]})") from error


def _bounded_size(picture):
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise BadInput(
            f"it has {width} x {height} pixels, more than {MOST_PIXELS:,}; shrink the picture"
        )
    return width, height


def _turned_size(picture):
    width, height = _bounded_size(picture)
    on_its_side = picture.getexif().get(ORIENTATION, 1) >= 5
    return (height, width) if on_its_side else (width, height)


def _to_rgb(picture):
    _bounded_size(picture)
    _check_single(picture)
    see_through = picture.info.get("transparency")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        picture = Image.fromarray(_eight_bits(np.asarray(picture), see_through))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture)
    return picture.convert("RGB")


def _eight_bits(grey, see_through=None):
    """Greys of 16 bits, or floats from 0 to 1 or to 255, as eight bits; one may be see-through."""
    low, high = float(grey.min()), float(grey.max())
    if not (np.isfinite([low, high]).all() and low >= 0 and high <= SIXTEEN_BITS):
        raise BadInput(f"its greys run from {low:g} to {high:g}, which no rule scales")
    floating = np.issubdtype(grey.dtype, np.floating)
    if floating and (high > 255 or 1 < high < FEW):
        raise BadInput(f"its greys are floats up to {high:g}, which no rule scales")
    if isinstance(see_through, int):
        grey = np.where(grey == see_through, SIXTEEN_BITS, grey)
    # a wide integer that holds small numbers only was made of eight bits
    narrow = grey.dtype.itemsize > 2 and high <= 255
    factor = 255 if floating and high <= 1 else 1 if floating or narrow else 255 / SIXTEEN_BITS
    return np.round(grey * factor).clip(0, 255).astype(np.uint8)
