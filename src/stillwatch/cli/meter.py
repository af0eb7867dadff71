"""Progress on stderr, for a person who is looking."""

import sys

import click


class Meter:
    """Shows the stage, and rows while they are read."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()

    def __call__(self, stage: str, rows: int) -> None:
        """Show it, when a person is looking."""
        if self.live:
            text = f"{stage}: {rows:,} rows" if rows else stage
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)

    def clear(self) -> None:
        """Wipe the line."""
        if self.live:
            click.echo("\r\x1b[K", err=True, nl=False)
