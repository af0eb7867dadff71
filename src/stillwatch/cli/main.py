"""The command `stillwatch`: its table of commands, loaded when they are asked for, and how it ends."""

import atexit
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import shell_complete

import stillwatch
from stillwatch.cli.errors import report

COMPLETION_VARIABLE = "_STILLWATCH_COMPLETE"
"""Set by a shell that wants completions, by click's convention."""


@dataclass(frozen=True)
class Entry:
    """One command: `target` is `module:attribute`, `help` the line that the list of commands shows.

    The line stands here and not in the command's module, so that listing imports none of them.
    """

    target: str
    help: str

    @property
    def module(self) -> str:
        """The name of the module that holds the command."""
        return self.target.partition(":")[0]

    def load(self) -> click.Command:
        """Import the module and return its command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a click command")
        return command


COMMANDS: Mapping[str, Entry] = {
    "drill": Entry(
        "stillwatch.cli.drill:drill",
        "Make an exercise: usage logs of a simulated provider, with the truth beside them.",
    ),
    "sketch": Entry(
        "stillwatch.cli.sketch:sketch",
        "Write usage logs with sketches in place of texts, so that texts can stay where they are.",
    ),
    "scan": Entry(
        "stillwatch.cli.scan:scan",
        "Find accounts that act together to extract a model, say why, and what else it could be.",
    ),
    "watch": Entry(
        "stillwatch.cli.watch:watch",
        "Follow a folder of logs: scan what is new, and tell what changed as events.",
    ),
    "intake": Entry(
        "stillwatch.cli.intake:intake",
        "Take usage from gateways as it arrives, and keep it for scans.",
    ),
    "hub": Entry(
        "stillwatch.cli.hub:hub",
        "Run the forum's hub: members share STIX objects over TAXII 2.1, in real time, with a log that all can check.",
    ),
    "node": Entry(
        "stillwatch.cli.node:node",
        "Take part in a forum as a member: explain, publish, receive, verify.",
    ),
    "replay": Entry(
        "stillwatch.cli.replay:replay",
        "Judge the same history under two settings, and say what differs.",
    ),
    "score": Entry(
        "stillwatch.cli.score:score",
        "Compare a scan with the truth of its exercise: per campaign and per look-alike class.",
    ),
}
"""The commands, in the order in which a newcomer meets them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when one of them is run or asked for help."""

    def __init__(self, *, entries: Mapping[str, Entry], name: str, help: str, epilog: str) -> None:
        super().__init__(name=name, help=help, epilog=epilog)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the table's order."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command; None when there is none of that name."""
        entry = self.entries.get(cmd_name)
        return None if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for one that does not exist, name those that are spelt nearly so."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            # Click itself knows only commands that are loaded.
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.entries, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the table's lines (click's own way would import every command)."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])


cli = LazyGroup(
    name="stillwatch",
    entries=COMMANDS,
    help=stillwatch.__doc__ or "",
    epilog="""\b
Examples:
  stillwatch drill --out exercise
  stillwatch scan --usage exercise/usage --accounts exercise/accounts.parquet --out result""",
)
click.version_option(stillwatch.__version__, prog_name="stillwatch", message="%(prog)s %(version)s")(cli)


def run(arguments: list[str] | None = None) -> None:
    """Run one command line (the process's own by default) and end the process.

    A command's function may return an int: its exit status. Ends with 0 when done, 2 after bad input or
    usage, 1 after a fault of ours, 130 after Ctrl-C.
    """
    status = 0
    try:
        _give_numba_a_cache()
        status = _run(sys.argv[1:] if arguments is None else arguments)
        # Flushed here, since a reader that went away would otherwise be noticed too late to be quiet.
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        status = report(error)
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    """Run one command line and return its exit status (click's own `main` would handle the errors too)."""
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        return shell_complete(cli, {}, "stillwatch", COMPLETION_VARIABLE, instruction)
    try:
        with cli.make_context("stillwatch", list(arguments)) as context:
            outcome = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return outcome if type(outcome) is int else 0


def _give_numba_a_cache() -> None:
    """Give numba a private cache for this run where it has no lasting place that this user can write to.

    Compiled kernels are kept beside the source or in the user's cache folder; with neither (a system-wide
    install, no home directory) numba refuses to compile at all. The folder is new and for this user alone:
    whoever could write to a cache could plant code for us to run.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    package = Path(stillwatch.__file__).parent
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111
    nearest = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if not os.access(package, os.W_OK) and not os.access(nearest, os.W_OK):
        folder = tempfile.mkdtemp(prefix="stillwatch-numba-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = folder
