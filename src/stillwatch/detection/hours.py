"""Counts by account, hour and model, taken as rows come: each of these has one row, however many exchanges it had."""

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillwatch.detection.column import microseconds, narrow, numbered
from stillwatch.detection.sharers import hashed, slot_shift
from stillwatch.engines import Engine
from stillwatch.records.schema import TIME
from stillwatch.records.sketches.mixing import U

LEAST_SLOTS = 1 << 12
_FREE = np.int32(-1)
_ROT, _BACK = U(32), U(17)


@njit(nogil=True, inline="always")
def _hash(key, model):  # type: ignore[no-untyped-def]
    mixed = hashed(key) + U(model)
    return hashed(mixed ^ (mixed >> _ROT))


@njit(nogil=True, cache=True)
def _count(begin, key, model, time, bits, slots, keys, models, first, last, counts, most, held):  # type: ignore[no-untyped-def]
    """Take rows from `begin` on; returns the first that there is no room for, or whose count may become too large."""
    shift, mask = slot_shift(slots), len(slots) - 1
    for row in range(begin, len(key)):
        at = np.int64(_hash(key[row], model[row]) >> shift)
        while slots[at] != _FREE and (keys[slots[at]] != key[row] or models[slots[at]] != model[row]):
            at = (at + 1) & mask
        place = slots[at]
        if place == _FREE:
            if held[0] == len(keys):
                return row
            place = held[0]
            held[0] += 1
            slots[at] = place
            keys[place], models[place] = key[row], model[row]
            first[place] = last[place] = time[row]
            counts[place] = 0
        elif counts[place, 0] == most:
            return row
        first[place], last[place] = min(first[place], time[row]), max(last[place], time[row])
        counts[place, 0] += 1
        left, flag = bits[row], 1
        while left:
            if left & 1:
                counts[place, flag] += 1
            left >>= 1
            flag += 1
    return len(key)


@njit(nogil=True, cache=True)
def _placed(keys, models, held, slots):  # type: ignore[no-untyped-def]
    shift, mask = slot_shift(slots), len(slots) - 1
    for place in range(held):
        at = np.int64(_hash(keys[place], models[place]) >> shift)
        while slots[at] != _FREE:
            at = (at + 1) & mask
        slots[at] = place


class HourCounts:
    """For each account, hour and model: exchanges, those with each of `flags` flags (up to 62), first and last time."""

    def __init__(self, flags: int) -> None:
        self._held = np.zeros(1, np.int64)
        self._counts = np.empty((LEAST_SLOTS // 2, 1 + flags), np.int8)
        self._keys, self._first, self._last = (np.empty(LEAST_SLOTS // 2, np.int64) for _ in range(3))
        self._models = np.empty(LEAST_SLOTS // 2, np.int32)
        self._slots = np.full(LEAST_SLOTS, _FREE)

    def add(
        self,
        acc: npt.NDArray[np.int32],
        hour: npt.NDArray[np.int32],
        model: npt.NDArray[np.int32],
        time: npt.NDArray[np.int64],
        bits: npt.NDArray[np.int64],
    ) -> None:
        """Take rows: `time` is any count that rises with time, and bit i of `bits` flag i, where none are negative."""
        key, row = (acc.astype(np.int64) << 32) + hour, 0
        while True:
            arrays = (self._keys, self._models, self._first, self._last, self._counts)
            most = np.iinfo(self._counts.dtype).max
            row = _count(row, key, model, time, bits, self._slots, *arrays, most, self._held)
            if row == len(key):
                return
            if self._held[0] == len(self._keys):
                self._grow()
            else:
                wider = {1: np.int16, 2: np.int32, 4: np.int64}[self._counts.dtype.itemsize]
                self._counts = self._counts.astype(wider)

    def _grow(self) -> None:
        # In place, by a little: this is as large as the ledger. Slots stay at most half full.
        size = len(self._keys) // 4 * 5
        for array in (self._keys, self._models, self._first, self._last, self._counts):
            array.resize((size, *array.shape[1:]), refcheck=False)
        if 2 * size > len(self._slots):
            self._slots = np.full(2 * len(self._slots), _FREE)
            _placed(self._keys, self._models, self._held[0], self._slots)

    def found(self) -> dict[str, npt.NDArray[Any]]:
        """acc, hour, model, first, last and counts (n, then each flag) of each account, hour and model, in no order."""
        n = self._held[0]
        hour = self._keys[:n].astype(np.int32)
        acc = ((self._keys[:n] - hour) >> 32).astype(np.int32)
        return {
            "acc": acc,
            "hour": hour,
            "model": self._models[:n],
            "first": self._first[:n],
            "last": self._last[:n],
            "counts": self._counts[:n],
        }


def _counted_here(
    engine: Engine,
    rows: ir.Table,
    flags: dict[str, ir.BooleanValue],
    names: dict[str, int],
    seen: Callable[[int], None],
) -> dict[str, npt.NDArray[Any]]:
    bits = ibis.literal(0).cast("int64")
    for i, condition in enumerate(flags.values()):
        bits = bits | ibis.ifelse(condition, 1 << i, 0).cast("int64")
    counts = HourCounts(len(flags))
    for batch in engine.batches(rows.select("acc", "hour", "model", "time", bits=bits)):
        counts.add(
            batch.column("acc").to_numpy(),
            batch.column("hour").to_numpy(),
            numbered(batch.column("model"), names),
            microseconds(batch.column("time")),
            batch.column("bits").to_numpy(),
        )
        seen(batch.num_rows)
    return counts.found()


def _grouped(
    engine: Engine, rows: ir.Table, flags: dict[str, ir.BooleanValue], names: dict[str, int]
) -> dict[str, npt.NDArray[Any]]:
    def times(condition: ir.BooleanValue | None = None) -> ir.IntegerScalar:
        # Counted, not summed up: sums are kept in 128 bits. Numbers of rows are counted, which are never null: a count of
        # whole rows is a sum on Spark, and null where no row says.
        return rows.row.count(where=condition).cast("int32")

    counted = rows.group_by("acc", "hour", "model").agg(
        n=times(),
        first=rows.time.min(),
        last=rows.time.max(),
        **{name: times(condition) for name, condition in flags.items()},
    )
    parts: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("acc", "hour", "model", "first", "last", "counts")
    }
    for batch in engine.batches(counted):
        for name in ("acc", "hour"):
            parts[name].append(batch.column(name).to_numpy())
        parts["model"].append(numbered(batch.column("model"), names))
        for name in ("first", "last"):
            parts[name].append(microseconds(batch.column(name)))
        parts["counts"].append(
            np.stack([narrow(batch.column(name).to_numpy()) for name in ("n", *flags)], axis=1)
        )
    return {name: np.concatenate(parts.pop(name)) for name in list(parts)}


def by_hour(
    engine: Engine,
    rows: ir.Table,
    flags: dict[str, ir.BooleanValue],
    seen: Callable[[int], None] = lambda rows: None,
) -> tuple[pa.Table, pa.Table]:
    """Two tables: ledger (acc, hour, n, the `flags`, first, last: by account and hour, and in their order) and models.

    A flag's column tells in how many exchanges it holds. models: acc, model, hour, n, in no order. `seen` hears of rows that
    were counted here.
    """
    names: dict[str, int] = {}
    # Counting here takes a third of the time of the engine's own groups, and of the memory; both are as large as the result.
    here = engine.workers == 1
    found = _counted_here(engine, rows, flags, names, seen) if here else _grouped(engine, rows, flags, names)
    acc, hour, counts = found["acc"], found["hour"], found["counts"]
    order = np.argsort((acc.astype(np.int64) << 32) + hour)
    acc, hour = acc[order], hour[order]
    new = np.flatnonzero(np.r_[True, (acc[1:] != acc[:-1]) | (hour[1:] != hour[:-1])])
    model = pa.array(list(names), pa.string()).take(pa.array(found["model"][order]))
    models = pa.table({"acc": acc, "model": model, "hour": hour, "n": narrow(counts[:, 0][order])})
    ledger: dict[str, Any] = {"acc": acc[new], "hour": hour[new]}
    for place, name in enumerate(("n", *flags)):
        ledger[name] = narrow(np.add.reduceat(counts[:, place][order], new, dtype=np.int64))
    for name, of in (("first", np.minimum), ("last", np.maximum)):
        ledger[name] = pa.array(of.reduceat(found[name][order], new)).cast(TIME)
    return pa.table(ledger), models
