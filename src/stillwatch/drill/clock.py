"""When things happen: the window, people's daily and weekly rhythms, and the fine shape inside an hour."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.drill.randomness import Arr, generator, mix
from stillwatch.records.errors import InputError, plainly

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

# Share of a day's activity by local hour, from the shapes that public traffic studies show: work peaks in
# the late morning and afternoon, leisure in the evening, a few people at night, programs nearly flat.
PERSONAS = ("work", "leisure", "mixed", "night")
_DAILY = np.array(
    [
        [1, 1, 1, 1, 1, 2, 5, 14, 38, 60, 66, 62, 44, 54, 66, 64, 56, 40, 20, 11, 8, 6, 4, 2],
        [9, 5, 3, 2, 1, 1, 3, 7, 11, 14, 16, 18, 22, 21, 20, 22, 25, 32, 42, 54, 62, 58, 42, 22],
        [5, 3, 2, 1, 1, 2, 6, 13, 27, 38, 42, 42, 36, 40, 43, 42, 40, 36, 32, 34, 36, 32, 22, 12],
        [48, 44, 38, 30, 22, 14, 8, 5, 4, 5, 7, 9, 12, 14, 15, 16, 17, 19, 22, 27, 34, 42, 50, 52],
    ],
    dtype=float,
)
_WEEKEND = np.array([0.18, 1.25, 0.75, 1.1])
BINS = 360  # ten seconds each: fine enough for bursts, coarse enough to be learnt from one hour


def _built_in_shape(seed: int) -> Arr:
    """A doubly stochastic hour: gamma-modulated rates at three scales (five minutes, one minute, ten seconds)."""
    rng = generator(seed, "fine shape")
    rate = rng.gamma(12.0, 1 / 12.0, 12).repeat(30) * rng.gamma(8.0, 1 / 8.0, 60).repeat(6)
    return np.asarray(rate * rng.gamma(4.0, 1 / 4.0, BINS))


def read_arrivals(path: Path) -> Arr:
    """Ten-second counts (float, shape (360,)) of the first hour in a Parquet file with a column `time`.

    Raises InputError where the file can't be read or holds too few arrivals to have a shape.
    """
    mend = "give a Parquet file with a timestamp column `time`"
    try:
        if "time" not in pq.read_schema(path).names:
            raise InputError("has no column `time`", where=str(path), mend=mend)
        times = (
            pq.read_table(path, columns=["time"])["time"]
            .cast(pa.timestamp("us"))
            .cast(pa.int64())
            .drop_null()
        )
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"can't be read as arrivals ({plainly(error)})",
            where=str(path),
            mend=mend,
        ) from error
    at = np.sort(times.to_numpy())
    at = at[at < at[0] + HOUR] - at[0] if len(at) else at
    if len(at) < 1000:
        raise InputError(
            f"holds {len(at)} arrivals in its first hour",
            where=str(path),
            mend="give at least 1,000 arrivals",
        )
    return np.bincount(at * BINS // HOUR, minlength=BINS)[:BINS].astype(float) + 0.05


@dataclass(frozen=True)
class Clock:
    """The window that an exercise covers, and curves of activity over its hours."""

    start: int  # microseconds since the epoch, a midnight UTC
    days: int
    fine: Arr  # cumulative shape of an hour, shape (361,), 0 to 1
    noise: Arr  # common hour-to-hour variation of the whole population, shape (hours,)
    salt: np.uint64

    @classmethod
    def make(cls, seed: int, start: int, days: int, arrivals: Arr | None = None) -> "Clock":
        """A clock of `days` days from `start`; `arrivals`: ten-second counts of an hour, or the built-in shape."""
        shape = arrivals if arrivals is not None else _built_in_shape(seed)
        rng = generator(seed, "population noise")
        noise = np.exp(rng.normal(0, 0.06, days * 24)) * np.exp(rng.normal(0, 0.05, days)).repeat(24)
        cumulative = np.concatenate([[0.0], np.cumsum(shape / shape.sum())])
        return cls(start, days, cumulative, noise, np.uint64(rng.integers(1 << 62)))

    @property
    def hours(self) -> int:
        """Hours in the window."""
        return self.days * 24

    @property
    def end(self) -> int:
        """The first microsecond after the window."""
        return self.start + self.days * DAY

    def rhythm(self, persona: int, offset: float) -> Arr:
        """Activity by hour of a persona whose clock is `offset` hours from UTC; shape (hours,), mean 1."""
        hour = np.arange(self.hours)
        local = hour + offset
        weekday = (np.floor(local / 24).astype(int) + self.start // DAY + 3) % 7  # 1 January 1970: Thursday
        curve = _DAILY[persona][np.floor(local).astype(int) % 24] * np.where(
            weekday >= 5, _WEEKEND[persona], 1.0
        )
        curve = curve * self.noise
        return np.asarray(curve / curve.mean())

    def place(self, curve: Arr, u: Arr, low: Arr | int | None = None, high: Arr | int | None = None) -> Arr:
        """Times (int64 microseconds) by inverse distribution of an hourly `curve`, between `low` and `high`.

        `u`: uniform numbers. Inside the hour the fine shape applies, turned by a different amount each hour.
        """
        cumulative = np.concatenate([[0.0], np.cumsum(curve)])
        grid = np.arange(self.hours + 1)
        a = 0.0 if low is None else np.interp((np.asarray(low) - self.start) / HOUR, grid, cumulative)
        b = (
            cumulative[-1]
            if high is None
            else np.interp((np.asarray(high) - self.start) / HOUR, grid, cumulative)
        )
        position = np.interp(a + u * (b - a), cumulative, grid)
        hour = np.minimum(np.floor(position), self.hours - 1)
        inside = np.interp(position - hour, self.fine, np.linspace(0, 1, BINS + 1))
        turn = (mix(hour.astype(np.int64), self.salt) >> np.uint64(40)).astype(float) / (1 << 24)
        fine = (inside + turn) % 1.0
        time = self.start + ((hour + fine) * HOUR).astype(np.int64)
        if low is not None:
            time = np.where(time < low, self.start + (position * HOUR).astype(np.int64), time)
        if high is not None:
            time = np.where(time >= high, self.start + (position * HOUR).astype(np.int64), time)
        return np.asarray(np.clip(time, self.start, self.end - 1))

    def bursts(self, rng: np.random.Generator, strength: float, block: int = 3) -> Arr:
        """Gamma-modulated activity in blocks of hours, shared by a group; `strength` 0 is flat, 1 very uneven."""
        blocks = -(-self.hours // block)
        shape = 1.0 / max(strength, 1e-3) ** 2
        return np.asarray(rng.gamma(shape, 1 / shape, blocks).repeat(block)[: self.hours] + 1e-6)
