"""How a failed command ends: one line on stderr and an exit status, never a traceback by surprise."""

import errno
import os
import sys
import tempfile
import traceback

import click

from stillwatch.records.errors import InputError

FAILED = 1
"""Exit status of a fault of ours: the line says where the traceback was written."""
BAD_INPUT = 2
"""Exit status of bad input or usage, which the user can mend."""
INTERRUPTED = 128 + 2
"""Exit status after Ctrl-C, as a shell reports a process ended by SIGINT."""
PIPE_CLOSED = 128 + 13
"""Exit status when the reader of our output went away, as a shell reports one ended by SIGPIPE."""

DEBUG_VARIABLE = "STILLWATCH_DEBUG"
"""Set to 1, the traceback of a fault of ours is printed as well."""


def report(error: BaseException) -> int:
    """Print the one line on stderr that `error` deserves and return the exit status of the process.

    A traceback goes to a private file, and to stderr only when `STILLWATCH_DEBUG` asks for it.
    """
    if isinstance(error, KeyboardInterrupt | click.Abort):
        say("interrupted; no result was written")
        return INTERRUPTED
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        _forget_output()
        return PIPE_CLOSED
    line = _mendable(error)
    if line is not None:
        if _debugging():
            traceback.print_exception(error)
        say(line)
        return BAD_INPUT
    say(_apology(error))
    return FAILED


def say(line: str) -> None:
    """Print `line` on stderr as one line that begins with the name of the program."""
    try:
        print("stillwatch: " + " ".join(line.split()), file=sys.stderr, flush=True)
    except OSError:
        # Nobody reads stderr any more; the exit status is all that is left to say.
        _forget_output()


def _mendable(error: BaseException) -> str | None:
    """Return what to tell the user about an error that the user can mend; None for a fault of ours."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and error.filename is not None:
        # A file that cannot be read or written is the user's to mend: a path, a permission, a full disk.
        names = [os.fsdecode(n) if isinstance(n, str | bytes) else str(n) for n in _names(error)]
        return (
            f"{' -> '.join(names)}: {error.strerror or error}; check the path, its permissions and free space"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{os.strerror(error.errno)}; free some space, or write to another disk"
    if isinstance(error, MemoryError):
        return "out of memory; give less input at once, or a lower --memory"
    return None


def _names(error: OSError) -> list[object]:
    return [n for n in (error.filename, error.filename2) if n is not None]


def _usage(error: click.ClickException) -> str:
    """Return click's message without its dump of usage, and where help is."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "stillwatch"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        # Its own message is the whole help text.
        return f"no command given; see {command} --help"
    message = error.format_message().strip().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see {command} --help"


def _apology(error: BaseException) -> str:
    """Write the traceback of a fault of ours to a private file and return the line that says so."""
    text = "".join(traceback.format_exception(error))
    if _debugging():
        print(text, file=sys.stderr, end="")
    what = f"sorry, this is a fault in stillwatch ({type(error).__name__})"
    try:
        # mkstemp makes it readable for this user alone: a message may quote a record.
        handle, path = tempfile.mkstemp(prefix="stillwatch-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return f"{what}; set {DEBUG_VARIABLE}=1 to see the traceback, which could not be written to a file"
    return f"{what}; the traceback is in {path}"


def _debugging() -> bool:
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def _forget_output() -> None:
    """Point the closed streams at nothing, so that the interpreter's last flush stays quiet."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, stream.fileno())
            os.close(nothing)
