"""`ServingError`: what a server says instead of an answer."""


class ServingError(RuntimeError):
    """The server did not answer as expected; the text is what it said."""
