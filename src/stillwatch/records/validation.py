"""Raw columns of any type to a table's own columns; rows that can't be used are told with a reason.

Whole Arrow columns are converted with vectorised functions. A column that holds something these do not
understand goes value by value through `coercion`, whose answer is the same, so speed is lost only there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.records import coercion
from stillwatch.records.coercion import (
    ADDRESSES,
    CREDENTIALS,
    DIGESTED,
    END_US,
    FIRST_US,
    KEY_FIELDS,
    NEGATIVE,
    NOT_FINITE,
    REPAIRED,
    TOO_LARGE,
    WRONG_TYPE,
    coercer,
    max_bytes,
    max_integer,
)
from stillwatch.records.digests import credential_digest, looks_like_credential
from stillwatch.records.rejects import TIME_OUT_OF_RANGE, TOO_LONG, missing
from stillwatch.records.schema import TEXT, TIME, Column, Table
from stillwatch.records.secret_shapes import STARTS_LIKE_KEY

Mask: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[Any]
Raw: TypeAlias = pa.Array | Sequence[object]

# Reasons that tell of a change to a value that stays.
_KEPT = frozenset({REPAIRED, DIGESTED})
_ARROW_ERRORS = (pa.ArrowException, ValueError, TypeError, OverflowError, UnicodeError, NotImplementedError)
# Fits every IPv4 address in canonical form, and nothing that needs another look.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_TIME_UNITS = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}


@dataclass
class Converted:
    """A column in its own type, null where absent or bad, and for each reason the rows it befell."""

    array: pa.Array
    problems: dict[str, Mask] = field(default_factory=dict)


@dataclass(frozen=True)
class Validated:
    """What became of a raw batch.

    `batch`: the good rows, in order, in the table's schema. `rejected`: for each reason the places (from 0)
    of rows in the raw batch. `dropped`: for (column, reason) how many values of good rows were dropped or
    repaired.
    """

    batch: pa.RecordBatch
    rejected: dict[str, list[int]]
    dropped: Counter[tuple[str, str]]


def validate(table: Table, columns: Mapping[str, Raw], rows: int, *, salt: bytes = b"") -> Validated:
    """Convert raw columns (by our names; others are ignored) of `rows` values each to the table's schema.

    Never raises for what values hold: a bad value of a required column, or of any in a strict table, rejects its row; any
    other bad value becomes null. `salt` keys the digests of raw credentials.
    """
    converted = []
    reason_of = np.zeros(rows, dtype=np.int16)
    reasons = [""]
    for column in table.columns:
        raw = columns.get(column.name)
        done = Converted(pa.nulls(rows, column.type)) if raw is None else convert(column, raw, salt)
        converted.append(done)
        if not column.required and not table.strict:
            continue
        for reason, mask in done.problems.items():
            if reason not in _KEPT:
                _mark(reason_of, reasons, reason if column.required else f"{column.name}: {reason}", mask)
        if column.required and done.array.null_count:
            _mark(reason_of, reasons, missing(column.name), _null_mask(done.array))
    arrays = [done.array for done in converted]
    batch = pa.RecordBatch.from_arrays(arrays, names=[c.name for c in table.columns])
    rejected: dict[str, list[int]] = {}
    good = reason_of == 0
    if not good.all():
        batch = batch.filter(pa.array(good))
        for code in np.unique(reason_of[~good]):
            rejected[reasons[code]] = np.flatnonzero(reason_of == code).tolist()
    dropped: Counter[tuple[str, str]] = Counter()
    for column, done in zip(table.columns, converted, strict=True):
        for reason, mask in done.problems.items():
            number = int(np.count_nonzero(mask & good))
            if number:
                dropped[column.name, reason] += number
    return Validated(pa.RecordBatch.from_arrays(batch.columns, schema=table.schema), rejected, dropped)


def _mark(codes: npt.NDArray[np.int16], reasons: list[str], reason: str, mask: Mask) -> None:
    """Give `reason` to the rows of `mask` that have none yet."""
    if reason not in reasons:
        reasons.append(reason)
    codes[mask & (codes == 0)] = reasons.index(reason)


def _null_mask(array: pa.Array) -> Mask:
    mask: Mask = array.is_null().to_numpy(zero_copy_only=False)
    return mask


def _bits(array: pa.Array) -> Mask:
    """A boolean Arrow array as numpy, null as False."""
    filled = array.fill_null(False) if array.null_count else array
    mask: Mask = filled.to_numpy(zero_copy_only=False)
    return mask


def convert(column: Column, raw: Raw, salt: bytes = b"") -> Converted:
    """One raw column to `column`'s type."""
    array = raw if isinstance(raw, pa.Array | pa.ChunkedArray) else _as_arrow(column, raw)
    if array is None:
        return _value_by_value(column, list(raw), salt)
    try:
        array = _plain(array)
        fast = _convert_arrow(column, array, salt)
    except _ARROW_ERRORS:
        fast = None
    return fast if fast is not None else _value_by_value(column, python_values(array), salt)


def _as_arrow(column: Column, values: Sequence[object]) -> pa.Array | None:
    """Python values as Arrow when all are of one kind; None when they are mixed."""
    try:
        return pa.array(values, type=TEXT if column.type == TEXT else None)
    except _ARROW_ERRORS:
        return None


def _plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Without chunks, extension types, dictionaries and run-end encoding."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray) and not isinstance(array, pa.UuidArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    return array


def python_values(array: pa.Array | pa.ChunkedArray) -> list[object]:
    """Python values of any Arrow array; invalid text as bytes, what Python can't hold as a bare object."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = array.cast(pa.large_binary())
        return [_decoded(value) for value in array.to_pylist()]
    try:
        values: list[object] = array.to_pylist()
        return values
    except _ARROW_ERRORS:
        return [_python_value(scalar) for scalar in array]


def _decoded(value: bytes | None) -> object:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _python_value(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except _ARROW_ERRORS:
        # A type that no column accepts, so that the value is counted as of wrong type.
        return object()


def _value_by_value(column: Column, values: list[object], salt: bytes) -> Converted:
    coerce = coercer(column, salt)
    clean: list[object] = [None] * len(values)
    where: dict[str, list[int]] = {}
    for i, value in enumerate(values):
        if value is None:
            continue
        clean[i], problem = coerce(value)
        if problem is not None:
            where.setdefault(problem, []).append(i)
    array = pa.array(clean, pa.int64()).cast(TIME) if column.type == TIME else pa.array(clean, column.type)
    problems = {}
    for problem, places in where.items():
        mask = np.zeros(len(values), dtype=np.bool_)
        mask[places] = True
        problems[problem] = mask
    return Converted(array, problems)


def _convert_arrow(column: Column, array: pa.Array, salt: bytes) -> Converted | None:
    """The vectorised way; None (or an Arrow error) when this column needs the other one."""
    if pa.types.is_null(array.type):
        return Converted(pa.nulls(len(array), column.type))
    if column.type == TEXT:
        return _text(column, array, salt)
    if pa.types.is_timestamp(column.type):
        return None if column.clamp else _time(array)
    if pa.types.is_integer(column.type):
        return _integer(column, array)
    if pa.types.is_floating(column.type):
        return _double(array)
    if pa.types.is_boolean(column.type):
        return _boolean(array)
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _drop(done: Converted, reason: str, bad: pa.Array) -> None:
    """Make the values of `bad` null and note why, unless there are none."""
    mask = _bits(bad)
    if mask.any():
        done.array = pc.if_else(pa.array(mask), pa.scalar(None, done.array.type), done.array)
        done.problems[reason] = done.problems[reason] | mask if reason in done.problems else mask


def _text(column: Column, array: pa.Array, salt: bytes) -> Converted | None:
    kind = array.type
    problems: dict[str, Mask] = {}
    if _is_text(kind):
        clean = array.cast(TEXT)
        try:
            clean.validate(full=True)
        except pa.ArrowInvalid:
            return None
    elif _is_binary(kind):
        clean = array.cast(TEXT)  # fails on invalid UTF-8, which then is repaired value by value
    elif pa.types.is_integer(kind):
        clean = array.cast(TEXT)
    else:
        return None
    done = Converted(clean, problems)
    lengths = pc.binary_length(clean)
    bounds = pc.min_max(lengths)
    shortest, longest = bounds["min"].as_py(), bounds["max"].as_py()
    if shortest is None:
        return done
    if shortest == 0:
        done.array = pc.if_else(pc.equal(lengths, 0), pa.scalar(None, TEXT), done.array)
    if column.required:
        blank = _bits(pc.ascii_is_space(done.array))
        if blank.any():
            done.array = pc.if_else(pa.array(blank), pa.scalar(None, TEXT), done.array)
    if longest > max_bytes(column):
        _drop(done, TOO_LONG, pc.greater(lengths, max_bytes(column)))
    if column.values:
        _vocabulary(column, done)
    elif column.name in ADDRESSES:
        _addresses(done)
    elif column.name in CREDENTIALS:
        _credentials(done, salt, key_field=column.name in KEY_FIELDS)
    return done


def _replace(done: Converted, mask: Mask, values: list[str | None]) -> None:
    done.array = pc.replace_with_mask(done.array, pa.array(mask), pa.array(values, TEXT))


def _vocabulary(column: Column, done: Converted) -> None:
    known = pc.is_in(done.array, value_set=pa.array(column.values, TEXT), skip_nulls=True)
    strange = ~_bits(known) & ~_null_mask(done.array)
    if not strange.any():
        return
    words = [word.strip().lower() for word in done.array.filter(pa.array(strange)).to_pylist()]
    _replace(done, strange, [word if word in column.values else None for word in words])
    bad = strange & _null_mask(done.array)
    if bad.any():
        done.problems[coercion.NOT_IN_VOCABULARY] = bad


def _addresses(done: Converted) -> None:
    plain = pc.match_substring_regex(done.array, _IPV4)
    other = ~_bits(plain) & ~_null_mask(done.array)
    if not other.any():
        return
    encoded = done.array.filter(pa.array(other)).dictionary_encode()
    cleaned = pa.array([coercion.clean_address(address) for address in encoded.dictionary.to_pylist()], TEXT)
    done.array = pc.replace_with_mask(done.array, pa.array(other), cleaned.take(encoded.indices))
    bad = other & _null_mask(done.array)
    if bad.any():
        done.problems[coercion.NOT_AN_ADDRESS] = bad


def _credentials(done: Converted, salt: bytes, *, key_field: bool) -> None:
    likely = _bits(pc.match_substring_regex(done.array, STARTS_LIKE_KEY))
    if not likely.any():
        return
    # The engine tells what begins as a key does; whether it is one is judged once for each value.
    encoded = done.array.filter(pa.array(likely)).dictionary_encode()
    values = encoded.dictionary.to_pylist()
    digests = [
        credential_digest(value, salt) if looks_like_credential(value, key_field=key_field) else None
        for value in values
    ]
    found = pa.array(digests, TEXT).take(encoded.indices)
    raw = likely.copy()
    raw[likely] = ~_null_mask(found)
    if raw.any():
        _replace(done, raw, found.drop_null().to_pylist())
        done.problems[DIGESTED] = raw


def _filled_numbers(array: pa.Array) -> Numbers:
    """A primitive array as numpy, null as 0."""
    filled = array.fill_null(0) if array.null_count else array
    numbers: Numbers = filled.to_numpy(zero_copy_only=False)
    return numbers


def _with_nulls(numbers: Numbers, bad: Mask, kind: pa.DataType) -> pa.Array:
    return pa.array(numbers, kind, mask=bad) if bad.any() else pa.array(numbers, kind)


def _noted(problems: dict[str, Mask]) -> dict[str, Mask]:
    return {reason: mask for reason, mask in problems.items() if mask.any()}


def _numbers(array: pa.Array) -> pa.Array | None:
    """Integers or floats of a numeric or numeric-text array; None when it is neither throughout."""
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return array.cast(pa.float64()) if array.type == pa.float16() else array
    if not _is_text(array.type):
        return None
    trimmed = pc.ascii_trim_whitespace(array.cast(TEXT))
    # Only the forms that both ways read alike; "1e5", "nan", "+1" and the rest go value by value.
    array = pc.if_else(pc.equal(pc.binary_length(trimmed), 0), pa.scalar(None, TEXT), trimmed)
    if pc.all(pc.match_substring_regex(array, r"^-?[0-9]{1,18}$")).as_py() is not False:
        return array.cast(pa.int64())
    if pc.all(pc.match_substring_regex(array, r"^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$")).as_py() is not False:
        return array.cast(pa.float64())
    return None


def _integer(column: Column, array: pa.Array) -> Converted | None:
    found = _numbers(array)
    if found is None:
        return None
    absent = _null_mask(found) if found.null_count else np.zeros(len(found), dtype=np.bool_)
    numbers = _filled_numbers(found)
    limit = max_integer(column)
    negative, large = numbers < 0, numbers > limit
    if pa.types.is_floating(found.type):
        wild = ~np.isfinite(numbers)
        safe = np.where(wild | negative | large, 0, numbers)
        broken = safe != np.floor(safe)
        problems = {
            NOT_FINITE: wild,
            NEGATIVE: negative & ~wild,
            TOO_LARGE: large & ~wild,
            WRONG_TYPE: broken,
        }
        numbers = np.where(broken, 0, safe)
    else:
        problems = {NEGATIVE: negative, TOO_LARGE: large}
    if not (negative.any() or large.any() or pa.types.is_floating(found.type)):
        return Converted(found.cast(column.type))
    bad = np.logical_or.reduce(list(problems.values()))
    whole = np.where(bad, 0, numbers).astype(np.int64)
    return Converted(_with_nulls(whole, bad | absent, column.type), _noted(problems))


def _double(array: pa.Array) -> Converted | None:
    found = _numbers(array)
    if found is None:
        return None
    found = found.cast(pa.float64(), safe=False)
    numbers: npt.NDArray[np.float64] = found.to_numpy(zero_copy_only=False)  # null as NaN
    fine = (numbers >= 0) & (numbers <= coercion.MAX_COUNT)
    absent = _null_mask(found) if found.null_count else np.zeros(len(found), dtype=np.bool_)
    if (fine | absent).all():
        return Converted(found)
    wild = ~np.isfinite(numbers) & ~absent
    problems = {
        NOT_FINITE: wild,
        NEGATIVE: (numbers < 0) & ~wild,
        TOO_LARGE: (numbers > coercion.MAX_COUNT) & ~wild,
    }
    return Converted(_with_nulls(numbers, ~fine, pa.float64()), _noted(problems))


def _boolean(array: pa.Array) -> Converted | None:
    if pa.types.is_boolean(array.type):
        return Converted(array)
    if pa.types.is_integer(array.type):
        done = Converted(array.cast(pa.int64()))
        _drop(done, WRONG_TYPE, pc.invert(pc.is_in(done.array, value_set=pa.array([0, 1, None], pa.int64()))))
        done.array = done.array.cast(pa.bool_())
        return done
    if _is_text(array.type):
        words = pc.ascii_lower(pc.ascii_trim_whitespace(array.cast(TEXT)))
        true = _bits(pc.is_in(words, value_set=pa.array(sorted(coercion.TRUE_WORDS), TEXT)))
        false = _bits(pc.is_in(words, value_set=pa.array(sorted(coercion.FALSE_WORDS), TEXT)))
        absent = _null_mask(words) | _bits(pc.equal(pc.binary_length(words), 0))
        if (true | false | absent).all():
            return Converted(_with_nulls(true, absent, pa.bool_()))
    return None


def _time(array: pa.Array) -> Converted | None:
    kind = array.type
    if pa.types.is_timestamp(kind):
        multiplier, divisor = _TIME_UNITS[kind.unit]
        return _epoch(array.view(pa.int64()), multiplier, divisor)
    if pa.types.is_date32(kind):
        return _epoch(array.view(pa.int32()).cast(pa.int64()), 86_400_000_000, 1)
    if pa.types.is_date64(kind):
        return _epoch(array.view(pa.int64()), 1_000, 1)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _epoch_by_magnitude(array)
    if not _is_text(kind):
        return None
    array = pc.utf8_trim_whitespace(array.cast(TEXT))
    array = pc.if_else(pc.equal(pc.binary_length(array), 0), pa.scalar(None, TEXT), array)
    # Forms that both ways read alike; Arrow holds no more than six digits of a second in microseconds.
    form = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    short = pc.replace_substring_regex(array, r"(\.[0-9]{6})[0-9]+", r"\1")
    if pc.all(pc.match_substring_regex(array, form + "Z$")).as_py() is not False:
        return _epoch(short.cast(TIME).view(pa.int64()), 1, 1)
    if pc.all(pc.match_substring_regex(array, form + "$")).as_py() is not False:
        return _epoch(short.cast(pa.timestamp("us")).view(pa.int64()), 1, 1)
    return None


def _epoch(array: pa.Array, multiplier: int, divisor: int) -> Converted:
    """Times from integers of a known unit, compared in that unit so that nothing overflows."""
    numbers = _filled_numbers(array)
    absent = _null_mask(array) if array.null_count else np.zeros(len(array), dtype=np.bool_)
    first, end = FIRST_US * divisor // multiplier, END_US * divisor // multiplier
    outside = ((numbers < first) | (numbers >= end)) & ~absent
    if multiplier == 1 and divisor == 1 and not outside.any():
        return Converted(array.cast(TIME))
    safe = np.where(outside | absent, first, numbers)
    us = safe * multiplier // divisor
    return Converted(
        _with_nulls(us, outside | absent, pa.int64()).cast(TIME), _noted({TIME_OUT_OF_RANGE: outside})
    )


def _epoch_by_magnitude(array: pa.Array) -> Converted | None:
    """Epoch numbers of s, ms, us or ns, told apart as `coercion.epoch_to_us` does."""
    if pa.types.is_unsigned_integer(array.type):
        array = array.cast(pa.int64())  # fails above int64, which then goes value by value
    absent = _null_mask(array) if array.null_count else np.zeros(len(array), dtype=np.bool_)
    numbers = _filled_numbers(array)
    floating = pa.types.is_floating(array.type)
    numbers = numbers.astype(np.float64 if floating else np.int64)
    if floating and np.isnan(numbers).any():
        return None
    us = np.zeros(len(numbers), dtype=np.int64)
    known = np.zeros(len(numbers), dtype=np.bool_)
    for multiplier, divisor in _TIME_UNITS.values():
        # One unit of slack at either end, so that rounding is judged after it, as for single values.
        first, end = FIRST_US * divisor // multiplier - 1, END_US * divisor // multiplier + 1
        here = (numbers >= first) & (numbers <= end)
        if not here.any():
            continue
        chosen = numbers[here]
        scaled = chosen * multiplier / divisor + 0.5 if floating else chosen * multiplier // divisor
        value = np.floor(scaled).astype(np.int64) if floating else scaled
        fits = (value >= FIRST_US) & (value < END_US)
        places = np.flatnonzero(here)[fits]
        us[places], known[places] = value[fits], True
    outside = ~known & ~absent
    return Converted(
        _with_nulls(us, ~known | absent, pa.int64()).cast(TIME), _noted({TIME_OUT_OF_RANGE: outside})
    )
