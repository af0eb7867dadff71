"""Which values do enough accounts send, and since when? Counted as batches come, each value in one place of a hash table.

Of a value the k accounts that sent it first are kept, each with its first hour, so that the table is as large as there are
values, however often and by how many these are sent; the last of those k hours does not depend on the order of batches.
Where the values are too many for the memory given, the table keeps a half of them, a quarter, ... by their hash, and rows
are read again for the others (partitions of a Grace hash join: Kitsuregawa, Tanaka and Moto-oka 1983).
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.records.sketches.mixing import U

MOST_SHARERS = 8
"""So many accounts of a value are looked through for each time that it is sent."""
LEAST_SLOTS = 1 << 16
AHEAD = 1 << 8
"""So many values are read ahead of."""
_GOLDEN = U(0x9E3779B97F4A7C15)
_WORD = U(64)
_FREE = np.int64(-1)
_NOBODY = np.int64(np.iinfo(np.int64).max)
_HOUR = np.int64(0xFFFFFFFF)


@njit(nogil=True, inline="always")
def hashed(value):  # type: ignore[no-untyped-def]
    """A hash whose upper bits are the good ones (Fibonacci hashing: Knuth, TAOCP 6.4)."""
    return U(value) * _GOLDEN


@njit(nogil=True, inline="always")
def slot_shift(slots):  # type: ignore[no-untyped-def]
    """How far a hash goes right to be the number of one of these slots, a power of two of them and at least two."""
    bits = 0
    while 1 << bits < len(slots):
        bits += 1
    return _WORD - U(bits)


@njit(nogil=True, inline="always")
def _slot(value, bits, part, shift):  # type: ignore[no-untyped-def]
    """Where a value is looked for first; -1 where it is in another part. The part is the upper bits of its hash."""
    key = hashed(value)
    if bits > 0:
        if key >> (_WORD - U(bits)) != U(part):
            return np.int64(-1)
        key <<= U(bits)
    return np.int64(key >> shift)


@njit(nogil=True, inline="always")
def _of(account, hour):  # type: ignore[no-untyped-def]
    return (np.int64(account) << 32) | (np.int64(hour) & _HOUR)


@njit(nogil=True, inline="always")
def _hour(use):  # type: ignore[no-untyped-def]
    return np.int32(use & _HOUR)


@njit(nogil=True, inline="always")
def _note(uses, account, hour):  # type: ignore[no-untyped-def]
    """Take note of one more use in a row of the `len(uses)` accounts that were first, as far as there are so many."""
    last, latest = 0, np.int32(0)
    for i in range(len(uses)):
        use = uses[i]
        if use == _NOBODY:
            uses[i] = _of(account, hour)
            return
        if use >> 32 == account:
            if hour < _hour(use):
                uses[i] = _of(account, hour)
            return
        if i == 0 or _hour(use) > latest:
            last, latest = i, _hour(use)
    # Who was put out had no earlier use than any that stayed: so it may come back as if it had never been there.
    if hour < latest:
        uses[last] = _of(account, hour)


@njit(nogil=True, inline="always")
def _touch(values, first, last, bits, part, slots, shift):  # type: ignore[no-untyped-def]
    """Read where these values are looked for first, so that they are in the processor's cache when they are.

    A table of many values lies in memory: reads that nothing waits for come side by side, others one after the other.
    """
    read = np.int64(0)
    for k in range(first, last):
        at = _slot(values[k], bits, part, shift)
        if at >= 0:
            read ^= slots[at, 1]
    return read


@njit(nogil=True, cache=True)
def _count(begin, values, start, acc, hour, bits, part, slots, several, held):  # type: ignore[no-untyped-def]
    """Take rows from `begin` on; returns the first that there is no room for.

    A slot holds a value and its use while one account sent it, and the place in `several`, less than -1, from then on.
    `held`: values in `slots`, rows in `several`, and what nobody asks for.
    """
    shift, mask = slot_shift(slots), len(slots) - 1
    room = len(slots) // 4 * 3
    touched, read = start[begin], np.int64(0)
    for row in range(begin, len(acc)):
        if start[row + 1] > touched:
            first, touched = touched, min(start[row + 1] + AHEAD, start[-1])
            read ^= _touch(values, first, touched, bits, part, slots, shift)
        more = start[row + 1] - start[row]
        if held[0] + more > room or held[1] + more > len(several):
            return row
        for k in range(start[row], start[row + 1]):
            value = values[k]
            at = _slot(value, bits, part, shift)
            if at < 0:
                continue
            while slots[at, 1] != _FREE and slots[at, 0] != value:
                at = (at + 1) & mask
            use = slots[at, 1]
            if use == _FREE:
                slots[at, 0], slots[at, 1] = value, _of(acc[row], hour[row])
                held[0] += 1
            elif use < _FREE:
                _note(several[-(use + 2)], acc[row], hour[row])
            elif use >> 32 == acc[row]:
                if hour[row] < _hour(use):
                    slots[at, 1] = _of(acc[row], hour[row])
            else:
                several[held[1], 0], several[held[1], 1] = use, _of(acc[row], hour[row])
                several[held[1], 2:] = _NOBODY
                slots[at, 1] = -(held[1] + 2)
                held[1] += 1
    # What was read is used, or it would not be.
    held[2] = read
    return len(acc)


@njit(nogil=True, cache=True)
def _moved(old, bits, part, slots, several, held):  # type: ignore[no-untyped-def]
    """Fill `slots` with what of `old` is in this part, and close the gaps that others leave in `several`."""
    shift, mask = slot_shift(slots), len(slots) - 1
    stays = np.zeros(held[1], np.bool_)
    held[0] = 0
    for i in range(len(old)):
        value, use = old[i, 0], old[i, 1]
        if use == _FREE:
            continue
        at = _slot(value, bits, part, shift)
        if at < 0:
            continue
        while slots[at, 1] != _FREE:
            at = (at + 1) & mask
        slots[at, 0], slots[at, 1] = value, use
        held[0] += 1
        if use < _FREE:
            stays[-(use + 2)] = True
    if held[1] == 0 or stays.all():
        return
    place = np.cumsum(stays) - 1
    for i in range(held[1]):
        if stays[i]:
            several[place[i]] = several[i]
    held[1] = place[-1] + 1
    for i in range(len(slots)):
        if slots[i, 1] < _FREE:
            slots[i, 1] = -(place[-(slots[i, 1] + 2)] + 2)


@njit(nogil=True, cache=True)
def _ready(slots, several, values, hours):  # type: ignore[no-untyped-def]
    """Values that as many accounts sent as `several` is wide, each with the hour in which the last of these came to it."""
    n = 0
    for i in range(len(slots)):
        use = slots[i, 1]
        if use < _FREE:
            uses = several[-(use + 2)]
            if uses[-1] != _NOBODY:
                latest = _hour(uses[0])
                for k in range(1, len(uses)):
                    latest = max(latest, _hour(uses[k]))
                values[n], hours[n] = slots[i, 0], latest
                n += 1
    return n


class Sharers:
    """The values of one kind that at least `accounts` accounts sent (2 to `MOST_SHARERS`).

    All rows are added, `finish` is called, and that again until it is `complete`: once for each part of the values.
    """

    def __init__(self, accounts: int) -> None:
        self._accounts = accounts
        self._bits = self._part = 0
        self._found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]] = []
        self._begin()

    def _begin(self) -> None:
        self._slots = np.full((LEAST_SLOTS, 2), _FREE)
        self._several = np.empty((LEAST_SLOTS, self._accounts), np.int64)
        self._held = np.zeros(3, np.int64)

    @property
    def complete(self) -> bool:
        """Has every part had its turn?"""
        return self._part == 1 << self._bits

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self._slots.nbytes + self._several.nbytes

    def add(
        self,
        values: npt.NDArray[np.int64],
        start: npt.NDArray[np.int64],
        acc: npt.NDArray[np.int32],
        hour: npt.NDArray[np.int32],
        memory: int,
    ) -> None:
        """Take note of rows: row i, of an account and an hour, holds `values[start[i]:start[i + 1]]`.

        `memory`: bytes that it may take while it grows, where that is enough for `LEAST_SLOTS` values.
        """
        row = 0
        while True:
            row = _count(
                row, values, start, acc, hour, self._bits, self._part, self._slots, self._several, self._held
            )
            if row == len(acc):
                return
            self._make_room(int(start[row + 1] - start[row]), memory)

    def _make_room(self, more: int, memory: int) -> None:
        """More rows for values of several accounts or more slots, whichever are wanted, or else fewer values."""
        wide = self._held[1] + more > len(self._several)
        grows = 2 * (self._several if wide else self._slots).nbytes
        # While rows move both the old and the new ones are there.
        if self.nbytes + grows > memory and self._held[0] > LEAST_SLOTS // 4:
            self._bits, self._part = self._bits + 1, 2 * self._part
            self._move(len(self._slots))
        elif wide:
            several = np.empty((2 * max(len(self._several), more), self._several.shape[1]), np.int64)
            several[: self._held[1]] = self._several[: self._held[1]]
            self._several = several
        else:
            self._move(2 * len(self._slots))

    def _move(self, slots: int) -> None:
        old, self._slots = self._slots, np.full((slots, 2), _FREE)
        _moved(old, self._bits, self._part, self._slots, self._several, self._held)

    def finish(self) -> None:
        """All rows were added: keep what was found of this part, and go on to the next."""
        values, hours = np.empty(self._held[1], np.int64), np.empty(self._held[1], np.int32)
        n = _ready(self._slots, self._several, values, hours)
        self._found.append((values[:n].copy(), hours[:n].copy()))
        self._part += 1
        self._begin()

    def found(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Values, rising, and the hour from which each was sent by enough accounts."""
        values, hours = (np.concatenate(parts) for parts in zip(*self._found, strict=True))
        order = np.argsort(values)
        return values[order], hours[order]
