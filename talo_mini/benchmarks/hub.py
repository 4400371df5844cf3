"""Read a benchmark's rows from the Hugging Face Hub, or from a folder of its parquet files."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from .questions import Benchmark, Question
from .rows import Notes, Unusable, collect

Read = Callable[[dict, Notes], tuple[Question, str]]


@dataclass(frozen=True)
class HubPlace:
    """Where a benchmark lies: the ids are tried in turn. Only `columns` are read.

    `others` are configurations that it has beside its own.
    """

    ids: tuple[str, ...]
    split: str
    columns: tuple[str, ...]
    config: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class HubBenchmark:
    """A benchmark on the Hub: where it lies and how a row is read.

    `read(row, notes)` gives the question and its ability; row["number"] counts rows from 0. `group`
    gives what the rotations of one question share; the first of a group is kept.
    """

    name: str
    place: HubPlace
    read: Read
    group: Callable[[dict], object] | None = None

    def load(
        self,
        tasks=None,
        per_task: int | None = None,
        source: str | None = None,
        revision: str | None = None,
        prompt: str = "vlmevalkit",
        skip_malformed: bool = False,
    ) -> Benchmark:
        """The benchmark, from the Hub or a folder `source`; see `load_benchmark`."""
        where, rows = hub_rows(self.place, source, revision)
        numbered = ({**row, "number": number} for number, row in enumerate(rows))
        read = self.read if self.group is None else self._once_a_group()
        return collect(self.name, where, numbered, read, prompt, tasks, per_task, skip_malformed)

    def _once_a_group(self):
        seen = set()

        def read(row, notes):
            key = self.group(row)
            if key in seen:
                raise Unusable("a rotation of a question above")
            seen.add(key)
            return self.read(row, notes)

        return read


SPLITS = {"train", "validation", "val", "dev", "test"}
SAME = {"val": "validation"}  # two names of one split
SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(.*)\.parquet")


def hub_rows(
    place: HubPlace, source: str | None = None, revision: str | None = None
) -> tuple[str, Iterator[dict]]:
    """Where rows come from (id and commit, or folder), and the rows, streamed, pictures encoded.

    `source` is a folder of parquet files to read in place of the Hub: those of the benchmark's
    split, where their names tell splits. Raises BadInput where nothing can be read, where it is not
    clear what should be, or a column is missing.
    """
    where, dataset = _local(place, source) if source is not None else _remote(place, revision)
    missing = [column for column in place.columns if column not in dataset.column_names]
    if missing:
        raise BadInput(
            f"{where} has no column {missing[0]!r}; it has: {', '.join(dataset.column_names)}"
        )
    return where, _told(where, dataset.select_columns(list(place.columns)).decode(False))


def _told(where, rows):
    """The rows; an error of the file or the network while reading says where it happened."""
    number = 0
    try:
        for number, row in enumerate(rows, 1):  # noqa: B007 (told below)
            yield row
    except BadInput:
        raise
    except Exception as error:  # pyarrow's, the network's and the library's have no common class
        raise BadInput(
            f"{where} cannot be read after row {number} ({_short(error)}); get the files again"
        ) from error


def _short(error):
    return " ".join(str(error).split())[:200] or type(error).__name__


def _local(place, source):
    from datasets import load_dataset

    files = _chosen(place, Path(source))
    for path in files:
        with open(path, "rb") as file:
            if file.read(4) != b"PAR1":
                raise BadInput(
                    f"{path} is no parquet file (a pointer of Git LFS is none; half a download "
                    "neither); get the file itself"
                )
    try:
        dataset = load_dataset(
            "parquet", data_files=[*map(str, files)], split="train", streaming=True
        )
        return str(source), dataset if dataset.column_names else dataset._resolve_features()
    except Exception as error:
        raise BadInput(f"{source} cannot be read ({_short(error)}); get the files again") from error


def _chosen(place, folder):
    """The parquet files of a benchmark's split and configuration. Raises BadInput if not clear."""
    files = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    if not files:
        raise BadInput(
            f"no parquet file below {str(folder)!r}; put the benchmark's files there, or leave "
            "`source` out"
        )
    splits = {path: _split_of(path.relative_to(folder)) for path in files}
    if any(splits.values()):
        wanted = SAME.get(place.split, place.split)
        files = [path for path in files if splits[path] == wanted]
        if not files:
            raise BadInput(f"no parquet file below {str(folder)!r} is of the split {place.split!r}")
    files = _of_config(place, folder, files)
    _check_whole(folder, files)
    return files


def _split_of(path):
    """The split that a file's name tells, or the nearest folder's; None where none does."""
    for part in (path.stem, *reversed(path.parts[:-1])):
        splits = {SAME.get(word, word) for word in _words(part) if word in SPLITS}
        if splits:
            return splits.pop() if len(splits) == 1 else None
    return None


def _words(name):
    """A name's words, in small letters."""
    return [word for word in re.split(r"[-_.\d\s]+", name.lower()) if word]


def _of_config(place, folder, files):
    """The files of a configuration, where names tell. Raises BadInput where they tell of others."""
    path_words = {
        path: set(_words(path.relative_to(folder).as_posix().replace("/", "-"))) for path in files
    }
    config_files = [path for path in files if place.config in path_words[path]]
    other_configs = {config for path in files for config in path_words[path] & {*place.others}}
    if other_configs and not config_files:
        raise BadInput(
            f"{str(folder)!r} holds the configuration {min(other_configs)!r}, not {place.config!r}"
        )
    return config_files or files


def _check_whole(folder, files):
    """Raise BadInput where a part of a split is missing, or may be there twice."""
    names = Counter(path.name for path in files)
    doubled = next((name for name, count in names.items() if count > 1), None)
    if doubled:
        raise BadInput(
            f"{str(folder)!r} holds {names[doubled]} files {doubled!r}, so that it is not clear "
            "which are meant; name the folder of one copy"
        )
    families: dict = {}
    for path in files:
        match = SHARD.fullmatch(path.name)
        family = (match[1], match[3], match[4]) if match else (path.name, path.parent)
        families.setdefault(family, []).append(match and int(match[2]))
    sharded = [family for family in families if len(family) == 3]
    if sharded and len(families) > 1:
        raise BadInput(
            f"{str(folder)!r} holds several sets of files, for example {files[0].name!r} and "
            f"{files[-1].name!r}, so that questions may be read twice; name the folder of one"
        )
    for _, of, _ in sharded:
        numbers = next(iter(families.values()))
        if sorted(numbers) != list(range(int(of))):
            raise BadInput(
                f"{str(folder)!r} holds {len(numbers)} of the {int(of)} files of its split, or "
                "copies of some; get all of them once"
            )


def _remote(place, revision):
    from datasets import load_dataset
    from huggingface_hub import HfApi

    errors = []
    for name in place.ids:
        try:
            commit = (
                HfApi().dataset_info(name, revision=revision).sha
            )  # pins what is read, also while it is read
            dataset = load_dataset(
                name, place.config, split=place.split, revision=commit, streaming=True
            )
            return (
                f"{name}@{commit[:10]}",
                dataset if dataset.column_names else dataset._resolve_features(),
            )
        except (
            Exception
        ) as error:  # the network's, the Hub's and the library's errors have no common class
            errors.append(f"{name}: {str(error).splitlines()[0]}")
    raise BadInput(
        f"cannot read the benchmark from the Hub ({'; '.join(errors)}); check the network and the "
        "revision, or "
        "give source= a folder with its parquet files"
    )
