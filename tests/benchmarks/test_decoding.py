"""Pictures keep their content whatever way they are stored, or are refused in a sentence."""

import io

import numpy as np
import pytest
from PIL import Image

from talo_mini import BadInput
from talo_mini.benchmarks import pictures
from talo_mini.benchmarks.pictures import decoded, picture_size


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(mode):
    """A black line on a transparent ground is no black picture."""
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.putpixel((3, 3), (0, 0, 0, 255))
    found = decoded(encoded(image.convert(mode)))
    assert found.mode == "RGB" and found.getpixel((0, 0)) == (255, 255, 255)
    assert found.getpixel((3, 3)) == (0, 0, 0)


@pytest.mark.parametrize(
    "grey,expected",
    [
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 100.0, 200]], np.float32), [0, 100, 200]),
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),  # eight bits in a wide integer
    ],
)
def test_greys_of_more_than_eight_bits_are_scaled(grey, expected):
    kind = "PNG" if grey.dtype == np.uint16 else "TIFF"
    found = np.asarray(decoded(encoded(Image.fromarray(grey), kind)))
    assert np.allclose(found[0, :, 0], expected, atol=1)


@pytest.mark.parametrize("values", [[-1.0, 2.0], [0.0, 4000.0], [np.nan, 1.0], [0.0, 1.0001]])
def test_greys_that_no_rule_scales_are_refused(values):
    grey = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
    with pytest.raises(BadInput, match="which no rule scales"):
        decoded(grey)


def test_a_picture_is_turned_as_viewers_do():
    image = Image.new("RGB", (4, 2), "white")
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by 90 degrees
    assert picture_size(encoded(image, exif=exif)) == (2, 4)
    found = decoded(encoded(image, exif=exif))
    assert found.size == (2, 4) and found.getpixel((1, 0)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr"])
def test_other_modes_are_read(mode):
    image = Image.new("RGB", (8, 8), "white").convert(mode)
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    assert decoded(encoded(image, kind)).getpixel((4, 4)) == (255, 255, 255)


def test_an_enormous_picture_is_refused_before_it_is_decoded(monkeypatch):
    """The real bound would take a file that decodes to 300 MB."""
    small = encoded(Image.new("RGB", (100, 50)))
    assert picture_size(small) == (100, 50)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 4999)
    for read in (decoded, picture_size):
        with pytest.raises(BadInput, match="100 x 50 pixels, more than 4,999; shrink"):
            read(small)


@pytest.mark.parametrize("wrong", ["cat.png", None, b"", b"GIF89a", 3])
def test_what_is_no_picture_is_told(wrong):
    with pytest.raises(BadInput, match=r"no picture that can be decoded|a picture is the bytes"):
        decoded(wrong)


def test_a_grey_that_is_see_through_lies_on_white_in_sixteen_bits_too():
    grey = np.array([[0, 1000, 65535]], np.uint16)
    found = decoded(encoded(Image.fromarray(grey), transparency=0))
    assert [pixel[0] for pixel in np.asarray(found)[0]] == [255, 4, 255]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_pictures_in_one_file_are_told(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    with pytest.raises(BadInput, match=r"holds 2 pictures \(an animation, or pages\)"):
        decoded(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
