"""Errors that a user can mend."""

import errno
import json
import os
from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """Bad input or usage: what is wrong, where it is, and how to mend it, in one line.

    The command line prints it as it is on stderr and exits with status 2.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        text = f"{where}: {what}" if where else what
        super().__init__(" ".join((f"{text}; {mend}" if mend else text).split()))


def plainly(error: Exception) -> str:
    """What a reading error of a library means, without names of classes: for the middle of a line."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    if isinstance(error, UnicodeDecodeError):
        return f"not {error.encoding.upper()} at byte {error.start}"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg.lower()} at column {error.colno}"
    first = str(error).strip().split("\n")[0].strip().rstrip(".")
    return first or type(error).__name__


def or_the_like(name: str, known: Iterable[str]) -> str:
    """Words for the end of a line about an unknown `name`: the nearest known one, or nothing."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
