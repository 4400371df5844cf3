"""The pictures that a row of a user's table names: in it, beside the table, in another row."""

import base64
import binascii
import re
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput
from .options import NoList, options_list
from .rows import FILLERS, SHOWN, Malformed, Unusable

PLACES = ("image", "image_path", "file_name", "image_file")
NUMBERED = re.compile(rf"({'|'.join(PLACES)})_?(\d+)")  # a column for each of several pictures
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MISSING = (None, "", *FILLERS)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
DATA_HEAD = re.compile(r"^data:[\w/+.;=-]*;base64,")
INDEX_LENGTH, PATH_LENGTH = 64, 1024  # at most; base64 is longer


def picture_columns(columns) -> list[str]:
    """Those columns that name pictures: the place that is used, and its numbered ones in order."""
    single = next((name for name in PLACES if name in columns), None)
    matches = [match for match in map(NUMBERED.fullmatch, map(str, columns)) if match]
    stem = single or min((match[1] for match in matches), key=PLACES.index, default=None)
    numbered = {int(match[2]): match[0] for match in matches if match[1] == stem}
    in_order = [numbered[number] for number in sorted(numbered)]
    return [single, *in_order] if single else in_order


class PictureCells:
    """Reads pictures by a table's rows. They lie in `folder`; None: wherever the rows name them."""

    def __init__(self, name: str, folder: Path | None, rows: list[dict]):
        self.name, self.folder = name, folder
        self.by_index: dict[str, object] = {}
        for row in rows:
            if row.get("index") not in (None, ""):
                self.by_index.setdefault(str(row["index"]).strip(), row.get("image"))

    def read(self, row: dict) -> tuple[bytes, ...]:
        """The encoded pictures of a row, in order.

        Raises Unusable where there is none, Malformed naming the column of one that is wrong.
        """
        return tuple(self._picture(value, column) for value, column in self._cells(row))

    def reference(self, row: dict) -> int | None:
        """A number that two rows share where they name the same pictures; None where none."""
        return hash(tuple(value for value, _ in self._cells(row)))

    def _cells(self, row) -> list[tuple[str | bytes, str]]:
        """The (value, column) of each picture; where another row's index stands, that row's."""
        there = [name for name, value in row.items() if _is_there(value)]
        columns = picture_columns(there)
        if not columns:
            raise Unusable("no picture")
        first, *numbered = columns
        if first in PLACES and row[first] in [row[column] for column in numbered]:
            columns = numbered  # it names one of them once more
        named = [(item, column) for column in columns for item in _items(row[column], column)]
        cells = [(item, column) for value, column in named for item in self._meant(value, column)]
        if not cells:
            raise Unusable("0 pictures")
        return cells

    def _meant(self, value, column) -> list[str | bytes]:
        """The pictures of another row where a value is its index: VLMEvalKit repeats them so."""
        pointed = self.by_index.get(value) if len(value) <= INDEX_LENGTH else None
        if pointed in (None, ""):
            return [value]
        place = self._place(value, column) if pointed != value else None
        if place is not None and place.is_file():
            raise Malformed(
                column, f"{value!r} is another row's index and a file; give the file an ending"
            )
        return _items(pointed, column)

    def _picture(self, value, column) -> bytes:
        if isinstance(value, bytes):
            return value
        if ADDRESS.match(value):
            raise Malformed(column, f"{value[:SHOWN]!r} is an address; save the picture as a file")
        place = self._place(value, column) if len(value) <= PATH_LENGTH else None
        if place is not None:
            return _read(place, value, column)
        by_path = column in PLACES[1:]
        if by_path or value.lower().endswith(SUFFIXES):
            raise Malformed(column, f"there is no file {value[:SHOWN]!r} beside the table")
        if re.fullmatch(r"\d{1,9}(\.0)?", value):
            raise Malformed(column, f"names the picture of row {value!r}, which the table lacks")
        try:
            return base64.b64decode(re.sub(r"\s", "", DATA_HEAD.sub("", value)), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed(
                column, f"{value[:SHOWN]!r} is no file beside the table and no base64 ({error})"
            ) from error

    def _place(self, value, column) -> Path | None:
        """The file or folder beside the table that a value names, None where there is none.

        A path that leads out of the table's folder is refused.
        """
        folder = (self.folder or Path()).resolve()
        own = folder / "images" / self.name.removesuffix("_local")
        try:
            places = [(start / value).resolve() for start in (folder, own)]
            there = sorted((p for p in places if p.exists()), key=Path.is_dir)  # files first
        except (OSError, ValueError, RuntimeError) as error:  # too long, a zero byte, a loop
            if isinstance(error, OSError) and error.errno in (13, 5):
                raise Malformed(column, f"cannot be read ({error.strerror})") from error
            return None
        if there and self.folder is not None and not there[0].is_relative_to(folder):
            raise Malformed(
                column, f"{value[:SHOWN]!r} lies outside the table's folder; copy it there"
            )
        return there[0] if there else None


def _read(place, value, column):
    """The bytes of a picture's file."""
    if place.is_dir():
        raise Malformed(column, f"{value[:SHOWN]!r} is a folder; name a picture in it")
    try:
        return place.read_bytes()
    except OSError as error:
        raise Malformed(column, f"cannot be read ({error.strerror})") from error


def _is_there(value):
    return isinstance(value, list | tuple) or value not in MISSING


def _items(value, column) -> list[str | bytes]:
    """The pictures of a cell, which may be a list, or one written as text."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(NoList):  # a file's name may begin with a bracket
            value = options_list(value, column)
    values = value if isinstance(value, list | tuple) else [value]
    for one in values:
        if isinstance(one, BadInput):
            raise Malformed(column, f"cannot be used: {one}")
        if not isinstance(one, str | bytes):
            raise Malformed(column, f"is no picture ({str(one)[:SHOWN]})")
    return [one.strip() if isinstance(one, str) else one for one in values]
