"""What an adapter is, and what several of them need: paths into records, texts of messages, statuses."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from stillwatch.records.digests import credential_digest, looks_like_credential
from stillwatch.records.formats.json_values import MAX_VALUE_BYTES, BadJson, decode
from stillwatch.records.rejects import NOT_PARSEABLE

NOT_A_MODEL_CALL = "not a model call"


@dataclass(slots=True)  # not frozen: made once a row, and frozen ones take three times as long
class Row:
    """One row that an adapter made: values by our column names (any types), or why there is none.

    `raw` is what it was made from, for the rejected rows. `skipped`: the record is fine but is no exchange.
    `rejected`: it can't be used.
    """

    values: Mapping[str, object]
    raw: object
    skipped: str | None = None
    rejected: str | None = None


@dataclass(frozen=True)
class Sample:
    """The beginning of a file: the names of its columns, or of its records' fields, and some records.

    `sketched`: the file says that it holds sketches in place of texts, so its other columns are under our names.
    """

    columns: frozenset[str] = frozenset()
    records: tuple[Mapping[str, object], ...] = ()
    head: bytes = b""
    tabular: bool = False
    sketched: bool = False


@dataclass(frozen=True)
class AdapterSettings:
    """What a user may set.

    `salt` keys the digests of raw credentials; `account_fields` names where a gateway's log has the account,
    in order of preference.
    """

    salt: bytes = b""
    account_fields: tuple[str, ...] = field(default=())


class Adapter(ABC):
    """Makes rows of the usage table from the records of one system.

    Records come one by one as JSON values (`documents`) or as Arrow batches (`columns`). Neither raises for
    what a record holds.
    """

    name: ClassVar[str]
    max_value_bytes: ClassVar[int] = MAX_VALUE_BYTES
    blanks: ClassVar[frozenset[str]] = frozenset()
    """What the system writes where it has no value."""

    def __init__(self, settings: AdapterSettings | None = None) -> None:
        self.settings = settings if settings is not None else AdapterSettings()

    @abstractmethod
    def recognises(self, sample: Sample) -> int:
        """How many records of a sample are this system's; for a tabular one 1 or 0."""

    @abstractmethod
    def row(self, record: Mapping[str, object]) -> Row:
        """The row of one record."""

    def rows(self, value: object) -> Iterator[Row]:
        """The rows of one JSON value: an object is one record, an array holds several."""
        if isinstance(value, Mapping):
            yield self.row(value)
        elif isinstance(value, list):
            for item in value:
                yield self.row(item) if isinstance(item, Mapping) else Row({}, item, rejected=NOT_PARSEABLE)
        else:
            yield Row({}, value, rejected=NOT_PARSEABLE)

    def documents(self, data: bytes) -> Iterator[Row]:
        """The rows of the bytes of one JSON value."""
        try:
            value = decode(data)
        except BadJson:
            yield from self.broken(data)
            return
        try:
            yield from self.rows(value)
        except RecursionError:
            yield Row({}, data[:4096], rejected=NOT_PARSEABLE)

    def broken(self, data: bytes) -> Iterator[Row]:
        """What can be saved of bytes that are no JSON value, and a rejected row for the rest."""
        yield Row({}, data[:4096], rejected=NOT_PARSEABLE)

    def columns(self, batch: pa.RecordBatch) -> Mapping[str, pa.Array] | None:
        """Our raw columns of a batch; None when its rows must be taken one by one."""
        return None

    def source_columns(self, names: Sequence[str]) -> list[str] | None:
        """Which of a file's columns are needed; None for all."""
        return None

    def digest(self, value: object) -> str | None:
        """The digest of a raw credential, None for an empty one."""
        return credential_digest(str(value), self.settings.salt) if value not in (None, "", "-") else None

    def identifier(self, value: object, *, key_field: bool = False) -> object:
        """An identifier as it is, but a raw credential as its digest (`key_field`: looks_like_credential)."""
        if isinstance(value, str) and looks_like_credential(value, key_field=key_field):
            return self.digest(value)
        return value


def as_mapping(value: object) -> Mapping[str, object]:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[object]:
    """`value` when it is an array, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def first_of(record: Mapping[str, object], *names: str) -> object:
    """The first of the named fields that is there and not empty."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def text_of(content: object) -> str | None:
    """The text of a message's content: a string, or a list of parts of which those with text are joined.

    Knows OpenAI's and Anthropic's parts (`type` text, input_text, output_text with `text`) and
    OpenTelemetry's (`type` text with `content`). Images, tool calls and reasoning are left out.
    """
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    texts = []
    for part in as_list(content):
        if isinstance(part, str):
            texts.append(part)
            continue
        fields = as_mapping(part)
        if fields.get("type", "text") not in ("text", "input_text", "output_text", "refusal"):
            continue
        shown = first_of(fields, "text", "content", "refusal")
        if isinstance(shown, str):
            texts.append(shown)
    return "\n".join(texts) if texts else None


def content_of(message: Mapping[str, object]) -> str | None:
    """The text of a message, under whichever name it has its content."""
    return text_of(first_of(message, "content", "parts"))


def newest_of_role(messages: object, *roles: str) -> str | None:
    """The text of the last message of a role that has text."""
    for message in reversed(as_list(messages)):
        fields = as_mapping(message)
        if fields.get("role") in roles:
            shown = content_of(fields)
            if shown is not None:
                return shown
    return None


def all_of_role(messages: object, *roles: str) -> str | None:
    """The texts of all messages of a role, joined by line breaks."""
    texts = [
        shown
        for message in as_list(messages)
        if as_mapping(message).get("role") in roles and (shown := content_of(as_mapping(message))) is not None
    ]
    return "\n".join(texts) if texts else None


def turn_of(messages: object) -> int | None:
    """Which turn of a conversation the newest message is, from the user messages sent along with it."""
    users = sum(1 for message in as_list(messages) if as_mapping(message).get("role") == "user")
    return users or None


def difference(start: object, end: object) -> float | None:
    """From `start` to `end`, where both are finite numbers in this order."""
    for moment in (start, end):
        # Beyond this a number is no time in any unit, and floats may overflow.
        if isinstance(moment, bool) or not isinstance(moment, int | float) or not abs(moment) < 1e30:
            return None
    return float(end - start) if end >= start else None  # type: ignore[operator]


def status_of_code(code: object) -> str | None:
    """Our status for an HTTP status code (RFC 9110, section 15; 429: RFC 6585)."""
    try:
        number = int(str(code))
    except ValueError:
        return None
    if number == 429:
        return "rate_limited"
    if number in (401, 403, 451):
        return "blocked"
    if 200 <= number < 400:
        return "ok"
    return "error" if 400 <= number < 600 or number == 0 else None


REFUSING_FINISHES = frozenset({"refusal", "content_filter", "safety", "guardrail_intervened"})


def status_with_finish(status: str | None, finish: object) -> str | None:
    """`refused` when an answer that was given ended in a refusal or content filter."""
    if status in (None, "ok") and isinstance(finish, str) and finish.lower() in REFUSING_FINISHES:
        return "refused"
    return status
