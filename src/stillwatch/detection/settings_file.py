"""A file of settings: YAML (or JSON, which is YAML too) with names of `Settings` and their values.

    # whatever is not named keeps its default
    prior: 0.005
    accuse_probability: 0.95

The `settings` of a run.json may be given as they are: its `version` is accepted where it is this one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from stillwatch.detection.settings import SETTINGS_VERSION, Settings
from stillwatch.records.errors import InputError, or_the_like
from stillwatch.records.findings import FAMILIES
from stillwatch.records.yaml_file import load_yaml


@dataclass(frozen=True)
class Range:
    """Values that a setting may have: from `low` to `high`, the ends themselves only where `closed`."""

    low: float
    high: float = math.inf
    closed: bool = True

    def holds(self, value: float) -> bool:
        """Is the value within the range?"""
        return self.low <= value <= self.high if self.closed else self.low < value < self.high

    @property
    def words(self) -> str:
        """The range for the end of a line, after "give a number"."""
        if math.isinf(self.high):
            return f"of {self.low:g} or more" if self.closed else f"above {self.low:g}"
        return (
            f"from {self.low:g} to {self.high:g}"
            if self.closed
            else f"above {self.low:g} and below {self.high:g}"
        )


PROBABILITY = Range(0, 1, closed=False)
RANGES: Mapping[str, Range] = {
    "prior": PROBABILITY,
    "seed": Range(0, 2**31 - 1),  # what seeds of generators are
    "content_accounts": Range(2, 1_000_000),  # a text that one account uses joins nobody
    "infrastructure_accounts": Range(2, 1_000_000),
    "looked_at": Range(1, 1_000_000),  # of a busy account so many rows are held
    "neighbours": Range(2, 1_000),
    "popular_share": PROBABILITY,
    "group_accounts": Range(2, 1_000_000),
    "tie_share": PROBABILITY,
    "resolution": Range(1 / 64, 1_000),  # it is counted in 64ths
    "reference_draws": Range(20, 100_000),  # fewer leave no tail to compare with
    "family_wise_error": PROBABILITY,
    "planned_scans": Range(1, 1_000_000),
    "accuse_probability": PROBABILITY,
    "review_probability": PROBABILITY,
    "few_accounts": Range(0, 1_000_000),
    "looks": Range(0, 100_000),
    "tempering": Range(0, 100, closed=False),
}
"""Ranges of settings. One that is not named here takes any whole number from 1 on, or any number above 0."""
CHOICES: Mapping[str, tuple[str, ...]] = {"left_out": ("", *FAMILIES)}
"""Settings that are words, and the words that they take."""


DEFAULTS = Settings()


def read_settings(path: Path, base: Settings = DEFAULTS) -> Settings:
    """The settings that the file at `path` names, the others as they are in `base`.

    Raises InputError, naming the file and the setting, for what cannot be read, for unknown names, for values of
    another type or outside their range, and for a version of settings that is not this one.
    """
    told = _load(path)
    version = told.pop("version", SETTINGS_VERSION)
    if str(version) != SETTINGS_VERSION:
        raise InputError(
            f"these are settings of version {version}, and this program has {SETTINGS_VERSION}",
            where=str(path),
            mend="hold them against the present ones, and leave the version out",
        )
    known = {field.name: type(field.default) for field in fields(Settings)}
    for name in told:
        if name not in known:
            raise InputError(
                f"no setting is called {name}{or_the_like(str(name), known)}",
                where=str(path),
                mend=f"the settings are {', '.join(known)}",
            )
    values: dict[str, Any] = {name: _value(name, value, known[name], path) for name, value in told.items()}
    settings = replace(base, **values)
    if settings.review_probability > settings.accuse_probability:
        raise InputError(
            f"review_probability ({settings.review_probability:g}) is above accuse_probability"
            f" ({settings.accuse_probability:g})",
            where=str(path),
            mend="what is accused must lie above what is reviewed",
        )
    return settings


def settings_of(path: Path | None, prior: float | None = None) -> Settings:
    """The settings of a file, or the defaults where there is none; `prior` goes before the file's."""
    settings = DEFAULTS if path is None else read_settings(path)
    return settings if prior is None else replace(settings, prior=prior)


def changed(settings: Settings) -> dict[str, Any]:
    """Names of settings that differ from the defaults, with the default of each."""
    return {
        field.name: field.default
        for field in fields(Settings)
        if getattr(settings, field.name) != field.default
    }


def _load(path: Path) -> dict[Any, Any]:
    told = load_yaml(path, "settings", "prior: 0.01, one setting a line")
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise InputError(
            "these are no settings by name", where=str(path), mend="write one setting a line, as prior: 0.01"
        )
    return told


def _value(name: str, value: object, kind: type, path: Path) -> float | str:
    """The value as the setting's type; InputError when it is of another or outside the range."""
    if kind is str:
        if isinstance(value, str) and value in CHOICES[name]:
            return value
        raise InputError(
            f"{name} cannot be {value!r}",
            where=str(path),
            mend="give one of " + ", ".join(word or '""' for word in CHOICES[name]),
        )
    whole = kind is int
    allowed = RANGES.get(name, Range(1) if whole else Range(0, closed=False))
    number: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        # YAML 1.1 takes 1e-3, which has no point, for a text.
        try:
            number = float(value)
        except ValueError:
            number = None
    if (
        number is not None
        and math.isfinite(number)
        and allowed.holds(number)
        and whole <= (number == int(number))
    ):
        return int(number) if whole else float(number)
    raise InputError(
        f"{name} cannot be {value!r}",
        where=str(path),
        mend=f"give a {'whole ' if whole else ''}number {allowed.words}",
    )
