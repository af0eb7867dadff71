"""A column-mapping file: usage records from any table or log, told which field is which of our columns.

YAML (or JSON, which is YAML too):

    version: 1
    adapter: envoy                 # optional: begin with the columns that this adapter finds
    salt_env: STILLWATCH_SALT      # optional: environment variable with the salt for digests
    columns:
      event_id: request_id         # short form: the field of the source
      time: {from: ts, unit: ms}   # s, ms, us or ns; or format: "%d/%m/%Y %H:%M" (strptime; UTC without %z)
      account_id: {from: auth.api_key, digest: true}     # BLAKE2b digest, never the key itself
      model: {constant: large-1}   # the same for every row
      status: {from: http.code, values: {200: ok, 429: rate_limited}, otherwise: error}
      input_text: messages.-1.content                     # field of the last element of an array

A path goes into objects, arrays (by index, from the end when negative) and text that holds JSON. A name that
itself has dots is tried whole before it is taken apart. Every column of the usage table may be named.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from stillwatch.records.adapters.base import Adapter, AdapterSettings, Row, Sample
from stillwatch.records.adapters.envoy import EnvoyAdapter
from stillwatch.records.adapters.litellm import LiteLLMAdapter
from stillwatch.records.adapters.native import NativeAdapter
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.digests import credential_digest
from stillwatch.records.errors import InputError, plainly
from stillwatch.records.formats.json_values import BadJson, decode
from stillwatch.records.formats.otlp_frames import Frame
from stillwatch.records.schema import USAGE
from stillwatch.records.validation import python_values

ADAPTERS: dict[str, type[Adapter]] = {
    adapter.name: adapter for adapter in (NativeAdapter, LiteLLMAdapter, OtelAdapter, EnvoyAdapter)
}
_TOP_FIELDS = ("version", "adapter", "salt_env", "columns")
_COLUMN_FIELDS = ("from", "constant", "unit", "format", "digest", "values", "otherwise")
_UNITS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
_NAMES = tuple(column.name for column in USAGE.columns)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Shown for a time outside what Python can hold; validation finds it out of range.
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ColumnRule:
    """How one of our columns is made from a record."""

    path: str | None = None
    constant: object = None
    unit: str | None = None
    format: str | None = None
    digest: bool = False
    values: Mapping[str, object] | None = None
    otherwise: object = None

    @property
    def plain(self) -> bool:
        """Whether the source's value is taken as it is."""
        return not (self.unit or self.format or self.digest or self.values is not None)

    def change(self, value: object, salt: bytes) -> object:
        """Our value for one value of the source."""
        if value is None or self.plain:
            return value
        if self.digest:
            return credential_digest(_shown(value), salt) if value != "" else None
        if self.values is not None:
            return self.values.get(_shown(value), self.otherwise)
        if self.unit is not None:
            return _moment(value, _UNITS[self.unit])
        return _parsed(value, self.format or "")


def _shown(value: object) -> str:
    """A value as a key of `values` has it: 200.0, 200 and "200" are one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _moment(value: object, us_per_unit: float) -> object:
    """A time from a number of a known unit; whatever is no number is left to validation."""
    if isinstance(value, bool | datetime):
        return value
    try:
        exact = int(value) if isinstance(value, int | str) else None
    except ValueError:
        exact = None
    try:
        if exact is not None:
            us = exact * int(us_per_unit) if us_per_unit >= 1 else exact // round(1 / us_per_unit)
            return _EPOCH + timedelta(microseconds=us)
        return _EPOCH + timedelta(microseconds=float(value) * us_per_unit)  # type: ignore[arg-type]
    except OverflowError:
        return _NEVER
    except (ValueError, TypeError):
        return value


def _parsed(value: object, form: str) -> object:
    try:
        return datetime.strptime(_shown(value).strip(), form)
    except ValueError:
        return "not of this format"


def follow(value: object, path: str) -> object:
    """The value at a path inside a record; None where the path leads nowhere."""
    if isinstance(value, str | bytes) and value[:1] in ("{", "[", b"{", b"["):
        try:
            value = decode(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
        except BadJson:
            return None
    if isinstance(value, list | tuple):
        head, _, rest = path.partition(".")
        try:
            item = value[int(head)]
        except (ValueError, IndexError):
            return None
        return follow(item, rest) if rest else item
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    # Names with dots: the longest piece that is there wins.
    end = path.rfind(".")
    while end > 0:
        if path[:end] in value:
            return follow(value[path[:end]], path[end + 1 :])
        end = path.rfind(".", 0, end)
    return None


class MappingAdapter(Adapter):
    """Columns by a mapping file, alone or on top of another adapter."""

    name = "mapping"

    def __init__(
        self,
        rules: Mapping[str, ColumnRule],
        base: Adapter | None = None,
        settings: AdapterSettings | None = None,
    ) -> None:
        super().__init__(settings)
        self.rules = dict(rules)
        self.base = base

    @property
    def limit(self) -> int:
        """The longest JSON value that is one document."""
        return self.base.max_value_bytes if self.base is not None else self.max_value_bytes

    def recognises(self, sample: Sample) -> int:
        """Always: the user said so."""
        return 1

    def row(self, record: Mapping[str, object]) -> Row:
        """The row of one record."""
        return self._over(self.base.row(record) if self.base is not None else Row({}, record))

    def rows(self, value: object) -> Iterator[Row]:
        """The rows of one JSON value."""
        yield from map(self._over, self.base.rows(value)) if self.base is not None else super().rows(value)

    def documents(self, data: bytes) -> Iterator[Row]:
        """The rows of the bytes of one JSON value."""
        yield from (
            map(self._over, self.base.documents(data)) if self.base is not None else super().documents(data)
        )

    def broken(self, data: bytes) -> Iterator[Row]:
        """What the base can save of bytes that are no JSON value."""
        yield from map(self._over, self.base.broken(data)) if self.base is not None else super().broken(data)

    def frames(self, frame: Frame) -> Iterator[Row]:
        """The rows of one OTLP message, when the base is `otel`."""
        if isinstance(self.base, OtelAdapter):
            yield from map(self._over, self.base.frames(frame))

    def messages(self, groups: Iterable[Any]) -> Iterator[Row]:
        """The rows of ResourceSpans or ResourceLogs messages, when the base is `otel`."""
        if isinstance(self.base, OtelAdapter):
            yield from map(self._over, self.base.messages(groups))

    def _over(self, row: Row) -> Row:
        if row.skipped is not None or row.rejected is not None:
            return row
        values = dict(row.values)
        for name, rule in self.rules.items():
            raw = rule.constant if rule.path is None else follow(row.raw, rule.path)
            if self.base is not None and isinstance(raw, str) and raw in self.base.blanks:
                raw = None
            values[name] = rule.change(raw, self.settings.salt)
        return Row(values, row.raw)

    def columns(self, batch: pa.RecordBatch) -> Mapping[str, pa.Array] | None:
        """Our raw columns of a batch; None when the base needs rows."""
        if self.base is not None and not isinstance(self.base, NativeAdapter):
            return None
        found: dict[str, Any] = dict(self.base.columns(batch) or {}) if self.base is not None else {}
        for name, rule in self.rules.items():
            if rule.path is None:
                found[name] = [rule.change(rule.constant, self.settings.salt)] * batch.num_rows
                continue
            column = _extract(batch, rule.path)
            if not rule.plain:
                values = python_values(column) if isinstance(column, pa.Array) else column
                column = [rule.change(value, self.settings.salt) for value in values]
            found[name] = column
        return found

    def source_columns(self, names: Sequence[str]) -> list[str] | None:
        """The columns at the top that some path begins with."""
        if self.base is not None:
            return None
        paths = [rule.path for rule in self.rules.values() if rule.path is not None]
        return [name for name in names if any(path == name or path.startswith(name + ".") for path in paths)]

    def absent(self, sample: Sample) -> list[str]:
        """Paths of required columns that nothing in a tabular sample begins."""
        if not sample.tabular or self.base is not None:
            return []
        required = [c.name for c in USAGE.columns if c.required]
        paths = [rule.path for name, rule in self.rules.items() if name in required and rule.path is not None]
        return [p for p in paths if not any(p == name or p.startswith(name + ".") for name in sample.columns)]


def _extract(batch: pa.RecordBatch, path: str) -> pa.Array | list[object]:
    """The column at a path: through structs in Arrow, through all else value by value."""
    names = batch.schema.names
    if path in names:
        return batch.column(names.index(path))
    end = path.rfind(".")
    while end > 0 and path[:end] not in names:
        end = path.rfind(".", 0, end)
    if end <= 0:
        return pa.nulls(batch.num_rows)
    array, rest = batch.column(names.index(path[:end])), path[end + 1 :]
    while pa.types.is_struct(array.type) and rest:
        fields = [array.type.field(i).name for i in range(array.type.num_fields)]
        here = rest
        while here and here not in fields:
            here = here.rpartition(".")[0]
        if not here:
            return pa.nulls(batch.num_rows)
        array, rest = pc.struct_field(array, here), rest[len(here) + 1 :]
    return array if not rest else [follow(_as_mapping(value), rest) for value in python_values(array)]


def _as_mapping(value: object) -> object:
    """Arrow gives maps as lists of pairs."""
    if isinstance(value, list) and value and all(isinstance(v, tuple) and len(v) == 2 for v in value):
        return dict(value)
    return value


def load_mapping(path: Path, settings: AdapterSettings | None = None) -> MappingAdapter:
    """Read a mapping file. Raises InputError that names file, line and field, and what is allowed there."""
    where = str(path)
    try:
        node = yaml.compose(path.read_text("utf-8-sig"), yaml.SafeLoader)
    except OSError as error:
        raise InputError(
            f"the mapping file can't be read ({plainly(error)})",
            where=where,
            mend="give the path of a YAML file with --mapping",
        ) from None
    except UnicodeDecodeError:
        raise InputError("the mapping file is not UTF-8", where=where, mend="save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        what = str(getattr(error, "problem", None) or "it is not YAML")
        raise InputError(what, where=where + line, mend="mend the YAML or JSON of the mapping file") from None
    return _Loader(where, settings or AdapterSettings()).adapter(node)


SEE_EXAMPLE = "see the example in docs/reference/adapters.md"


class _Loader:
    """Reads the nodes of a mapping file, so that every error can tell its line."""

    def __init__(self, where: str, settings: AdapterSettings) -> None:
        self.where = where
        self.settings = settings

    def fail(self, node: yaml.Node | None, what: str, mend: str) -> InputError:
        line = f" line {node.start_mark.line + 1}" if node is not None else ""
        return InputError(what, where=self.where + line, mend=mend)

    def fields(self, node: yaml.Node | None, of: str, allowed: Sequence[str] | None) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(
                node,
                f"{of} must be a mapping of names to values",
                SEE_EXAMPLE,
            )
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(self.plain(key))
            if allowed is not None and name not in allowed:
                raise self.fail(key, f"{of} has no field {name!r}", f"allowed are {', '.join(allowed)}")
            if name in found:
                raise self.fail(key, f"{name!r} is there twice", "leave one")
            found[name] = value
        return found

    def plain(self, node: yaml.Node) -> object:
        """A scalar's value."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.fail(node, "a single value belongs here", SEE_EXAMPLE)
        try:
            value: object = yaml.safe_load(yaml.serialize(node))
        except (yaml.YAMLError, ValueError):
            raise self.fail(node, f"{node.value!r} can't be read", "put it in quotes") from None
        return value

    def text(self, node: yaml.Node, field: str) -> str:
        value = self.plain(node)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise self.fail(node, f"{field!r} must be a name", "write text here")
        return str(value)

    def adapter(self, node: yaml.Node | None) -> MappingAdapter:
        top = self.fields(node, "the mapping file", _TOP_FIELDS)
        if "version" in top and self.plain(top["version"]) != 1:
            raise self.fail(top["version"], "this version of mapping files is not known", "write version: 1")
        settings = self.settings
        if "salt_env" in top:
            variable = self.text(top["salt_env"], "salt_env")
            salt = os.environ.get(variable)
            if not salt:
                raise self.fail(
                    top["salt_env"], f"the environment variable {variable} is not set", "set it to the salt"
                )
            settings = AdapterSettings(salt.encode("utf-8", "surrogateescape"), settings.account_fields)
        base = None
        if "adapter" in top:
            name = self.text(top["adapter"], "adapter")
            if name not in ADAPTERS:
                raise self.fail(top["adapter"], f"no adapter {name!r}", f"allowed are {', '.join(ADAPTERS)}")
            base = ADAPTERS[name](settings)
        if "columns" not in top:
            raise self.fail(
                node, "the field 'columns' is missing", "name our columns and their fields under it"
            )
        rules = {
            name: self.rule(name, rule)
            for name, rule in self.fields(top["columns"], "'columns'", _NAMES).items()
        }
        lacking = [c.name for c in USAGE.columns if c.required and c.name not in rules]
        if base is None and lacking:
            raise self.fail(
                top["columns"], f"no field is named for {', '.join(lacking)}", "these columns are needed"
            )
        return MappingAdapter(rules, base, settings)

    def rule(self, name: str, node: yaml.Node) -> ColumnRule:
        if isinstance(node, yaml.ScalarNode):
            return ColumnRule(path=self.text(node, name))
        fields = self.fields(node, f"column {name!r}", _COLUMN_FIELDS)
        if ("from" in fields) == ("constant" in fields):
            raise self.fail(node, f"column {name!r} needs either 'from' or 'constant'", "name one of them")
        changes = [field for field in ("unit", "format", "digest", "values") if field in fields]
        if len(changes) > 1:
            raise self.fail(node, f"column {name!r} has {' and '.join(changes)}", "use one of them")
        is_time = pa.types.is_timestamp(USAGE[name].type)
        for field in ("unit", "format"):
            if field in fields and not is_time:
                raise self.fail(
                    fields[field], f"{field!r} is for times, and {name!r} is none", "leave it out"
                )
        unit = self.text(fields["unit"], "unit") if "unit" in fields else None
        if unit is not None and unit not in _UNITS:
            raise self.fail(fields["unit"], f"no unit {unit!r}", f"allowed are {', '.join(_UNITS)}")
        digest = self.plain(fields["digest"]) if "digest" in fields else False
        if not isinstance(digest, bool):
            raise self.fail(fields["digest"], "'digest' must be true or false", "write true or false")
        if "otherwise" in fields and "values" not in fields:
            raise self.fail(
                fields["otherwise"], "'otherwise' needs 'values'", "add the values or leave it out"
            )
        return ColumnRule(
            path=self.text(fields["from"], "from") if "from" in fields else None,
            constant=self.constant(name, fields["constant"]) if "constant" in fields else None,
            unit=unit,
            format=self.text(fields["format"], "format") if "format" in fields else None,
            digest=digest,
            values=self.values(name, fields["values"]) if "values" in fields else None,
            otherwise=self.constant(name, fields["otherwise"]) if "otherwise" in fields else None,
        )

    def values(self, name: str, node: yaml.Node) -> dict[str, object]:
        return {
            _shown(self.plain(key)): self.constant(name, value)
            for key, value in (node.value if isinstance(node, yaml.MappingNode) else self.not_a_map(node))
        }

    def not_a_map(self, node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
        raise self.fail(
            node, "'values' must map values of the source to ours", "write values: {theirs: ours}"
        )

    def constant(self, name: str, node: yaml.Node) -> object:
        """A value of ours, held against the column's vocabulary."""
        value = self.plain(node)
        allowed = USAGE[name].values
        if allowed and value is not None and _shown(value) not in allowed:
            raise self.fail(
                node, f"{_shown(value)!r} is no value of {name!r}", f"allowed are {', '.join(allowed)}"
            )
        return value
