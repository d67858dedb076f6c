"""Turns any text into a file name."""

import hashlib

# With a suffix and what a temporary file adds, below the 255 bytes of file systems.
_MOST_BYTES = 200
_ENDING = "%-"  # no escape: ends a name that was cut


def file_name(text: str) -> str:
    """The file name of a text, different for each text and always the same.

    Most texts, in any alphabet, are their own file names. In others `%`, separators, unprintable
    characters, a leading dot, and trailing dots and spaces are percent-encoded. A name that is then
    longer than 200 bytes is cut and ends in a hash. The text cannot be recovered from its name, so
    the file has to hold it.

    Example:
      >>> file_name("Côte d'Azur"), file_name("../x"), file_name("a%2fb")
      ("Côte d'Azur", '%2E.%2Fx', 'a%252fb')
    """
    core = text.rstrip(". ")
    name = "".join(c if c.isprintable() and c not in "%/\\" else _escaped(c) for c in core)
    name += "".join(map(_escaped, text[len(core) :]))
    if name.startswith("."):
        name = _escaped(".") + name[1:]
    if not name or len(name.encode()) > _MOST_BYTES:
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
        cut = name.encode()[: _MOST_BYTES - len(_ENDING) - len(digest)].decode(errors="ignore")
        name = f"{cut}{_ENDING}{digest}"
    return name


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode(errors="surrogatepass"))
