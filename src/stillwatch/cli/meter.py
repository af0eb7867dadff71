"""Progress on stderr, for a person who is looking."""

import sys
import time

import click

SURE = 3.0
"""Seconds into a stage before which nothing is said of how long it will take: the first steps tell little."""


def in_words(seconds: float) -> str:
    """A time in whole seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Meter:
    """Shows the stage, how much of it is done, since when it runs, and about how long it will take."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._stage = ""
        self._begin = 0.0

    def __call__(self, stage: str, done: int, share: float | None = None, unit: str = "rows") -> None:
        """Show it, when a person is looking; see `detection.preparation.Progress`."""
        if not self.live:
            return
        if stage != self._stage:
            self._stage, self._begin = stage, time.monotonic()
        click.echo(
            f"\r\x1b[K{self._text(done, share, unit, time.monotonic() - self._begin)}", err=True, nl=False
        )

    def _text(self, done: int, share: float | None, unit: str, seconds: float) -> str:
        text = f"{self._stage}: {done:,} {unit}" if done else self._stage
        if share:
            text += f", {100 * share:.0f}%"
            if seconds >= SURE and share < 1:
                text += f", {in_words(seconds)}, about {in_words(seconds * (1 - share) / share)} left"
        return text

    def clear(self) -> None:
        """Wipe the line."""
        if self.live:
            click.echo("\r\x1b[K", err=True, nl=False)
