"""`talo-mini`: from a model and questions to a layer left out, from the command line.

Under `torchrun`, `accelerate launch` or Slurm every process of a sweep takes its share of the
questions and its own GPU. They share nothing but the cache; whichever finds it complete writes the
table. A stopped run goes on, on any number of processes. Exit status: 0 all is well, 1 stopped by
Ctrl-C or by who reads the output, 2 something asked for cannot be done.
"""

import argparse
import os
import sys

from ..errors import BadInput
from . import choosing, notebook, showing, sweeping
from .processes import process

COMMANDS = (sweeping, choosing, showing, notebook)


def parser() -> argparse.ArgumentParser:
    """The words of the command."""
    command_parser = argparse.ArgumentParser(prog="talo-mini", description=__doc__.splitlines()[0])
    commands = command_parser.add_subparsers(dest="command", required=True)
    for module in COMMANDS:
        module.add(commands)
    return command_parser


def main(arguments=None):
    """Run the command; a BadInput or Ctrl-C is told in a sentence, with its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError as closed:
        # whoever read the output, `head` say, has seen enough; nothing is left to write at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from closed
    except KeyboardInterrupt as stop:
        cache = getattr(chosen, "cache", None)
        resume_hint = (
            f"; what was answered is kept in {cache}, and the same command goes on from there"
            if cache
            else ""
        )
        print(f"stopped{resume_hint}", file=sys.stderr)
        raise SystemExit(1) from stop
    except BadInput as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


__all__ = ["main", "parser", "process"]
