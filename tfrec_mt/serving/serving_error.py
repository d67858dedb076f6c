"""`ServingError`: a server's error in place of an answer."""


class ServingError(RuntimeError):
    """The server did not answer as expected; the text is what it said."""
