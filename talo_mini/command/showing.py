"""`talo-mini models`, `benchmarks`, `inspect` and `vectors`: what there is, and what was found."""

import re
from argparse import Namespace
from functools import partial
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from ..analysis.similarity import cluster_order, similarity
from ..analysis.vectors import interaction_vectors, matrix
from ..benchmarks import ON_THE_HUB, SHIPPED
from ..errors import BadInput
from ..figures import show_heat_map, show_similarity
from ..models.loading import shipped
from ..outcomes.table import BASE, NAMED, NUMBERS, check_sound
from .processes import check_single
from .sweeping import each_form, told_changes
from .words import add_model, loaded_model

# names stay as they are written: "None" is one, and "01" is another than "1"
read_csv = partial(
    pd.read_csv,
    dtype=dict.fromkeys(NAMED, str),
    keep_default_na=False,
    na_values={name: [""] for name in (*NAMED, "picture")}
    | {name: ["", "nan"] for name in NUMBERS},
)
READERS = {".parquet": pd.read_parquet, ".csv": read_csv}
FEWEST = 3  # tasks of which a likeness is worth drawing
FILES = (".csv", ".png", "-similarity.png")  # of each part


def add(commands):
    """The words of `models`, `benchmarks`, `inspect` and `vectors`."""
    command = commands.add_parser("models", help="the minis that ship with the package")
    command.set_defaults(run=run_models)
    command = commands.add_parser("benchmarks", help="the benchmarks that are known by name")
    command.set_defaults(run=run_benchmarks)
    command = commands.add_parser("inspect", help="what can be knocked out of a model")
    add_model(command)
    command.set_defaults(run=run_inspect)
    command = commands.add_parser("vectors", help="a sweep's vectors: table and figures")
    command.add_argument("outcomes", help="a table that sweep wrote, .parquet or .csv")
    command.add_argument("--part", help="of which part (default: every part of the table)")
    command.add_argument("--out", default="vectors", help="a folder (default %(default)s)")
    command.set_defaults(run=run_vectors)


def run_models(chosen: Namespace):
    """Print the shipped minis."""
    print("\n".join([*shipped(), "or a folder, or a Hub id such as OWNER/NAME"]))


def run_benchmarks(chosen: Namespace):
    """Print the benchmarks that are known by name."""
    print(f"shipped: {', '.join(SHIPPED)}")
    print(f"on the Hugging Face Hub, or from its parquet files: {', '.join(ON_THE_HUB)}")
    print("or your own: a .tsv, .csv, .jsonl or .parquet, or a folder with one and its pictures")


def run_inspect(chosen: Namespace):
    """Print a model's map."""
    check_single("inspect")
    vlm = loaded_model(chosen)
    print(vlm.anatomy)
    print(f"digest {vlm.digest}, {vlm.model.dtype}, {vlm.model.num_parameters():,} weights")


def run_vectors(chosen: Namespace):
    """Write the vectors of each part as a table and figures, and print what is clear."""
    check_single("vectors")
    table, folder = read_outcomes(chosen.outcomes), Path(chosen.out)
    parts = list(dict.fromkeys(table.part[table.layer != BASE]))
    if chosen.part is not None and chosen.part not in parts:
        raise BadInput(f"{chosen.outcomes} has no part {chosen.part!r}; it has: {', '.join(parts)}")
    matplotlib.use("agg")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"--out {folder} is no folder that can be made ({error.strerror})"
        ) from error
    written = []
    for part in [chosen.part] if chosen.part else parts:
        for title, form_outcomes in each_form(table, part):
            written += _draw(form_outcomes, part, folder, title)
        print(told_changes(table, part))
    print("written:", *written, sep="\n  ")


def _draw(table, part, folder, title):
    """Write the table and the figures of one part, of outcomes in one form; returns their paths."""
    vectors = interaction_vectors(table, part)
    name = re.sub(r"[:,]? ", "-", title.removesuffix(" form"))
    numbers, heat_map, alike = (folder / f"{name}{end}" for end in FILES)
    vectors.to_csv(numbers, index=False)
    _save(show_heat_map(vectors, f"{title}, {table.model.iloc[0]}"), heat_map)
    deltas = matrix(vectors)
    if (deltas.nunique(axis=1) > 1).sum() < FEWEST:  # others are like none
        alike.unlink(missing_ok=True)  # another table's, which would pass for this one's
        return [numbers, heat_map]
    similar = similarity(deltas)
    abilities = vectors.drop_duplicates("task").set_index("task").ability
    linkage, _ = cluster_order(similar)
    _save(show_similarity(similar, abilities, linkage, f"{title}: which tasks are alike"), alike)
    return [numbers, heat_map, alike]


def _save(figure, path):
    figure.savefig(path)
    plt.close(figure)


def read_outcomes(name: str) -> pd.DataFrame:
    """A table of outcomes from a file. Raises BadInput where it cannot be read."""
    path = Path(name)
    if path.suffix not in READERS:
        raise BadInput(f"{name}: the outcomes of a sweep are a {' or '.join(READERS)}")
    try:
        table = READERS[path.suffix](path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read as a table ({str(error)[:200]})") from error
    check_sound(table)
    return table
