"""Pictures that tests draw."""

import io

from PIL import Image


def png(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    return buffer.getvalue()
