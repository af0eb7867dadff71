"""Reading knobs: `class.name=value` or `name=value` onto frozen dataclasses."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from stillwatch.drill.prompts.packs import language_names
from stillwatch.records.errors import InputError, or_the_like

K = TypeVar("K")


def parse(pairs: Iterable[str]) -> dict[tuple[str, str], float]:
    """{(class or "", knob): value} from `class.name=value` and `name=value`. Raises InputError on other forms."""
    out: dict[tuple[str, str], float] = {}
    for pair in pairs:
        name, sep, value = pair.partition("=")
        owner, _, knob = name.strip().rpartition(".")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not sep or not knob or not abs(number) < 1e12:
            raise InputError(
                f"{pair!r} isn't a knob",
                where="--knob",
                mend="write class.name=number, for example template_harvest.accounts=50",
            )
        out[owner, knob] = number
    return out


def turn(knobs: K, owner: str, settings: Mapping[tuple[str, str], float]) -> K:
    """`knobs` with those settings that name this owner, or no owner, and a knob that it has."""
    known = {f.name: f.type for f in fields(knobs)}  # type: ignore[arg-type]
    chosen: dict[str, Any] = {}
    for wanted in ("", owner):
        for (who, name), value in settings.items():
            if who == wanted and name in known:
                current = getattr(knobs, name)
                if not isinstance(current, int | float):
                    raise InputError(f"{name} isn't a number", where="--knob", mend="turn another knob")
                chosen[name] = round(value) if isinstance(current, int) else float(value)
    return replace(knobs, **chosen)  # type: ignore[type-var]


def check(
    settings: Mapping[tuple[str, str], float], known: Mapping[str, Any], common: frozenset[str]
) -> None:
    """Raise InputError for settings of unknown classes or knobs. `known`: each class's knobs."""
    names = {f.name for k in known.values() for f in fields(k)} | common
    for (owner, name), value in settings.items():
        if owner and owner not in known:
            raise InputError(
                f"no class {owner!r}",
                where="--knob",
                mend="see stillwatch drill --list" + or_the_like(owner, known),
            )
        least = {
            "accounts": 1.0,
            "volume_mean": 1.0,
            "templates": 1.0,
            "languages": 1.0,
            "turns_mean": 1.0,
            "language": -1.0,
        }.get(name, 0.0)
        most = 1.0 if name.endswith(("_share", "_rate")) or name == "sync" else 1e7
        if name == "language":
            most = len(language_names()) - 1
        if not least <= value <= most:
            raise InputError(
                f"{name} must be {least:g} to {most:g}, not {value:g}",
                where="--knob",
                mend="give another value",
            )
        own = {f.name for f in fields(known[owner])} if owner else names
        if name not in own:
            raise InputError(
                f"no knob {name!r} of {owner or 'any class'}",
                where="--knob",
                mend="see stillwatch drill --list --json" + or_the_like(name, sorted(own)),
            )
