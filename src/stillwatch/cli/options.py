"""What options of all commands have in common: types, and what is refused of any."""

import math
import re
from collections import Counter
from datetime import UTC, datetime
from typing import ClassVar

import click


class Moment(click.ParamType[int]):
    """A time as ISO 8601 (UTC where it names no zone), as microseconds since the epoch."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a line that shows the form."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time; write it as 2026-03-01 or 2026-03-01T12:00:00Z", param, ctx)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


class Size(click.ParamType[int]):
    """A size such as 512MB, 4GB or 2GiB, in bytes, of at least `least` megabytes."""

    name = "size"

    def __init__(self, least: int) -> None:
        self.least = least

    _UNITS: ClassVar = {
        "": 1,
        "k": 10**3,
        "m": 10**6,
        "g": 10**9,
        "t": 10**12,
        "ki": 2**10,
        "mi": 2**20,
        "gi": 2**30,
        "ti": 2**40,
    }

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail with a line that shows the form."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", str(value).lower())
        if match is None or (size := int(float(match[1]) * self._UNITS[match[2] or ""])) < self.least * 10**6:
            self.fail(
                f"{value!r} is not a size of at least {self.least}MB; write it as 4GB or 2GiB", param, ctx
            )
        return size


class Strict(click.Command):
    """A command that refuses what is a slip more often than meant.

    An option that is given twice where it takes one value; an empty value, as of a variable of the shell that is not set
    (as a path it would be the current folder); and what is no number in place of one.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, or fail with a line that names the option."""
        given, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for param, times in Counter(order).items() if not ctx.resilient_parsing else ():
            name = (
                param.opts[0]
                if isinstance(param, click.Option)
                else f"the argument {param.make_metavar(ctx)}"
            )
            if times > 1 and isinstance(param, click.Option) and not (param.multiple or param.is_flag):
                raise click.UsageError(f"{name} is given {times} times; give it once", ctx)
            value = given.get(param.name or "")
            if "" in (value if isinstance(value, list | tuple) else (value,)):
                or_none = "" if param.required else ", or leave it out"
                raise click.UsageError(f"{name} is empty; give a value{or_none}", ctx)
            if isinstance(param.type, click.types.FloatParamType) and _is_nan(value):
                raise click.UsageError(f"{name} is not a number", ctx)
        return super().parse_args(ctx, args)


def _is_nan(value: object) -> bool:
    try:
        return math.isnan(float(str(value)))
    except ValueError:
        return False


MOMENT, SIZE = Moment(), Size(256)
BODY_SIZE = Size(1)
