"""Pictures that tests draw."""

import io

from PIL import Image


def png(colour="red", size=(64, 64)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()
