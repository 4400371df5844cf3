"""The one error of the package that a reader is meant to see."""


class BadInput(ValueError):
    """Input that cannot be used; the message names what is wrong and what to do."""
