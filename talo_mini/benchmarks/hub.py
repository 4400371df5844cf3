"""Read a benchmark's rows from the Hugging Face Hub, or from a folder of its parquet files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput


@dataclass(frozen=True)
class HubPlace:
    """Where a benchmark lies: the ids are tried in turn. Only `columns` are read."""

    ids: tuple[str, ...]
    split: str
    columns: tuple[str, ...]
    config: str | None = None


def hub_rows(
    place: HubPlace, source: str | None = None, revision: str | None = None
) -> tuple[str, Iterator[dict]]:
    """Where the rows come from (id and commit, or folder), and the rows, streamed; pictures stay
    encoded.

    `source` is a folder of parquet files to read in place of the Hub. Raises BadInput where nothing
    can be read or a column is missing.
    """
    where, found = _local(source) if source is not None else _remote(place, revision)
    missing = [column for column in place.columns if column not in found.column_names]
    if missing:
        raise BadInput(
            f"{where} has no column {missing[0]!r}; it has: {', '.join(found.column_names)}"
        )
    return where, iter(found.select_columns(list(place.columns)).decode(False))


def _local(source):
    from datasets import load_dataset

    files = sorted(map(str, Path(source).rglob("*.parquet")))
    if not files:
        raise BadInput(
            f"no parquet file below {source!r}; put the benchmark's files there, or leave "
            "`source` out"
        )
    found = load_dataset("parquet", data_files=files, split="train", streaming=True)
    return str(source), found if found.column_names else found._resolve_features()


def _remote(place, revision):
    from datasets import load_dataset
    from huggingface_hub import HfApi

    errors = []
    for name in place.ids:
        try:
            commit = (
                HfApi().dataset_info(name, revision=revision).sha
            )  # pins what is read, also while it is read
            found = load_dataset(
                name, place.config, split=place.split, revision=commit, streaming=True
            )
            return (
                f"{name}@{commit[:10]}",
                found if found.column_names else found._resolve_features(),
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
