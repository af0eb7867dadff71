"""The provider's models and their releases, of which at least one falls inside the window."""

from dataclasses import dataclass

import numpy as np

from stillwatch.drill.clock import DAY, HOUR, Clock
from stillwatch.drill.randomness import Arr, generator

_FAMILIES = ("aster", "corvid", "delphi", "fjord", "heron", "juniper", "lumen", "meridian", "onyx", "quill")
_SIZES = ("max", "core", "mini")


@dataclass(frozen=True)
class Models:
    """Models by row: `size` 0 largest to 2 smallest; rows of one size are in order of release."""

    names: tuple[str, ...]
    released: Arr  # microseconds
    size: Arr
    launch: int  # the release of the largest size inside the window

    @classmethod
    def make(cls, seed: int, clock: Clock) -> "Models":
        """Three sizes with two older versions each; a new largest model comes out in the window's middle part."""
        rng = generator(seed, "models")
        family = str(rng.choice(_FAMILIES))
        first = int(rng.integers(2, 6))
        names, released, size = [], [], []
        launch = (
            clock.start
            + int((0.3 + 0.35 * rng.random()) * clock.days) * DAY
            + int(rng.integers(13, 20)) * HOUR
        )
        for s, word in enumerate(_SIZES):
            dates = [
                clock.start - int(rng.integers(330, 500)) * DAY,
                clock.start - int(rng.integers(60, 200)) * DAY,
            ]
            if s == 0:
                dates.append(launch)
            for v, date in enumerate(dates):
                names.append(f"{family}-{word}-{first + v}")
                released.append(date // HOUR * HOUR)
                size.append(s)
        return cls(tuple(names), np.array(released), np.array(size), launch // HOUR * HOUR)

    def choose(self, size: Arr, time: Arr, delay: Arr, older: Arr) -> Arr:
        """The model (row) that a request of this size at `time` asks for: the newest that the account has taken up
        (`delay` microseconds after release; releases before the window by everyone), or where `older` the first."""
        out = np.empty(len(size), np.int64)
        for s in range(3):
            rows = np.flatnonzero(size == s)
            options = np.flatnonzero(self.size == s)
            pick = np.full(len(rows), options[0])
            for m in options[1:]:
                wait = delay[rows] if self.released[m] >= self.launch else 0
                pick = np.where(time[rows] >= self.released[m] + wait, m, pick)
            out[rows] = np.where(older[rows], options[0], pick)
        return out
