"""Errors that a user can mend."""


class InputError(Exception):
    """Bad input or usage: what is wrong, where it is, and how to mend it, in one line.

    The command line prints it as it is on stderr and exits with status 2.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        text = f"{where}: {what}" if where else what
        super().__init__(" ".join((f"{text}; {mend}" if mend else text).split()))
