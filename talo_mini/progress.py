"""Progress bars for whatever takes longer than two seconds; none under continuous integration."""

import os

from tqdm.auto import tqdm


def progress(items=None, **options) -> tqdm:
    """A tqdm bar that appears after two seconds, and never where the environment variable CI is
    set.
    """
    return tqdm(items, delay=2, disable="CI" in os.environ, **options)
