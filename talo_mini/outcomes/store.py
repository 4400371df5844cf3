"""Outcomes kept in a folder as they are made, so that a stopped run goes on where it was."""

import errno
import hashlib
import io
import os
import time
import uuid
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pandas as pd

from ..errors import BadInput
from .table import KEPT

NO_FILE = (errno.EISDIR, errno.ELOOP)


class OutcomeStore:
    """Outcomes in a folder of parquet files, one folder a model and prompt; rows are keyed by the
    question's digest.

    Files are written whole or not at all, and named by their content: several processes may write
    at once, and a changed byte is noticed.
    """

    def __init__(self, folder: object):
        path = isinstance(folder, str | Path)
        if not path or not str(folder) or "\0" in str(folder):
            raise BadInput(f"cache= is a folder's name, not {folder!r}")
        self.folder = Path(str(folder)).expanduser()
        try:
            is_file = self.folder.exists() and not self.folder.is_dir()
        except OSError as error:
            raise _cannot_be_kept(self.folder, error) from error
        if is_file:
            raise BadInput(f"{self.folder} is a file; outcomes are kept in a folder, name one")

    def check_writable(self, key: str):
        """Raise BadInput where nothing can be kept under a key, before anything is computed."""
        folder = self.folder / key
        probe = folder / f"{uuid.uuid4().hex}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
        except OSError as error:
            raise _cannot_be_kept(folder, error) from error
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def read(self, key: str, digests: set[str] | None = None) -> pd.DataFrame:
        """Every row kept under a key, or those of some questions, one a question and knockout.

        Where rows say how they were scored, one for each way.
        A file that cannot be used is named and set aside. Raises OSError where the system fails to
        read (too many open files).
        """
        for _ in range(
            5
        ):  # another process may set a file aside, or make one of many, while this one reads
            tables, gone = [], False
            for path in sorted((self.folder / key).glob("*.parquet")):
                try:
                    tables.append(self._table(path, digests))
                except FileNotFoundError:
                    gone = True
            if not gone:
                break
        tables = [table for table in tables if table is not None]
        if not tables:
            return pd.DataFrame(columns=[*KEPT, "digest"])
        rows = pd.concat(tables, ignore_index=True)
        told = ["scoring"] if "scoring" in rows else []
        rows = rows.drop_duplicates(["digest", "part", "effect", "layer", *told])
        return rows if digests is None else rows[rows.digest.isin(digests)].reset_index(drop=True)

    def _table(self, path, digests):
        """The rows of a file; None where it holds no question of these or cannot be used."""
        try:
            content = path.read_bytes()
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            print(f"{path} is no file ({error.strerror}) and is not read; remove it")
            return None
        try:
            if _name(content) != path.stem:
                raise ValueError("its bytes are not those that were written")
            if digests is not None and digests.isdisjoint(
                pd.read_parquet(io.BytesIO(content), columns=["digest"]).digest
            ):
                return None  # one column is read in no time, a thousand files of scores are not
            table = pd.read_parquet(io.BytesIO(content))
            missing = {*KEPT, "digest"} - set(table.columns)
            if missing:
                raise ValueError(f"it has no column {min(missing)!r}")
            return table
        except (ValueError, OSError) as error:  # pyarrow's words for bytes that mean nothing
            aside = f"set aside as {path.stem}.corrupt"
            try:
                path.rename(path.with_suffix(".corrupt"))
            except FileNotFoundError:  # another process was first
                pass
            except OSError:
                aside = "it cannot be set aside either; remove it"
            print(f"{path} cannot be used ({error}); {aside}, its questions are asked again")
            return None

    def add(self, key: str, rows: pd.DataFrame) -> Path:
        """Keep rows under a key, in a new file. Raises BadInput where the folder cannot be written;
        what it holds is untouched.
        """
        folder = self.folder / key
        unfinished = folder / f"{uuid.uuid4().hex}.part"
        content = rows.to_parquet(index=False)
        path = folder / f"{_name(content)}.parquet"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(unfinished, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
            _sync(folder)
            return path
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise _cannot_be_kept(folder, error) from error


def _cannot_be_kept(folder, error):
    return BadInput(
        f"outcomes cannot be kept in {folder} ({error}); make room or name another folder, and run "
        "again: what was kept before is safe"
    )


def _name(content):
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _sync(folder):
    """Make a new name in a folder outlive a power cut, where the system can: Windows and some
    mounts cannot.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Keeper:
    """Collects rows and hands them to a store after every batch, at most once a second, and at the
    end, also when something fails.

    As many as TOGETHER files of its own become one, as many of these one again, and all at the end:
    what a killed run leaves is read back quickly. Without a store the rows are only collected, in
    `tables`.
    """

    SECONDS = 1
    TOGETHER = 32

    def __init__(self, store: OutcomeStore | None, key: str):
        self.store, self.key, self.tables, self.rows = store, key, [], []
        self.files = defaultdict(list)  # (path, rows) by how often they were merged

    def __enter__(self):
        self.since = time.monotonic()
        return self

    def __exit__(self, *error):
        self.flush()
        everything = [file for files in self.files.values() for file in files]
        if len(everything) > 1:
            self._merge(everything)

    def add(self, rows: list[dict]):
        """Take rows; keep them when a second has passed since the last time."""
        self.rows += rows
        if time.monotonic() - self.since > self.SECONDS:
            self.flush()

    def flush(self):
        """Keep what has been collected."""
        if self.rows:
            self.tables.append(pd.DataFrame(self.rows))
            if self.store:
                self.files[0].append((self.store.add(self.key, self.tables[-1]), self.tables[-1]))
            times = 0
            while len(self.files[times]) >= self.TOGETHER and (
                whole := self._merge(self.files[times])
            ):
                self.files[times] = []
                self.files[times + 1].append(whole)
                times += 1
        self.rows, self.since = [], time.monotonic()

    def _merge(self, files):
        """One file of many, and its rows; None where there is no room for it: the many stay."""
        paths, tables = zip(*files, strict=True)
        table = pd.concat(tables, ignore_index=True)
        try:
            whole = self.store.add(self.key, table)
            for path in {*paths} - {whole}:
                path.unlink(missing_ok=True)
        except (BadInput, OSError):
            return None
        return whole, table
