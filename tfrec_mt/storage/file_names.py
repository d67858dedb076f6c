"""Any text as the name of a file."""

import hashlib

# With a suffix, and with what a temporary file adds, below the 255 bytes of file systems.
_MOST_BYTES = 200
_ENDING = "%-"  # no escape: ends a name that was cut


def file_name(text: str) -> str:
    """A file name for a text, of its own and always the same.

    Most texts, of any alphabet, are their own names. Of others `%`, separators, characters that
    cannot be printed, a dot at the start and dots and spaces at the end are percent-encoded, and
    what is then longer than 200 bytes is cut and ends in a hash. A name does not give its text
    back: the file has to hold it.

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
