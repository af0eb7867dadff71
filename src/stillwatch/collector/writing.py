"""What is written of a validated batch: the one place where columns are left out or put in place of others."""

import pyarrow as pa

from stillwatch.records.schema import USAGE

TEXTS = ("system_text", "input_text")
UNREAD = ("output_text",)
"""Columns that no command reads: answers are the largest part of a log, and need not lie in one more place."""

DICTIONARIES = [
    *("account_id", "credential_id", "end_user_id", "surface", "operation", "model", "conversation_id"),
    *("client_address", "client_network", "client_country", "user_agent", "tls_ja4"),
    *("system_text", "status", "finish_reason"),
]
"""Columns whose values repeat. Parquet turns to plain values by itself where they do not."""


class Written:
    """The columns that are written, with texts or without. `schema` is theirs, and `of` makes them of a batch."""

    def __init__(self, *, text: bool) -> None:
        left_out = UNREAD if text else (*UNREAD, *TEXTS)
        self.text = text
        self.schema = pa.schema([field for field in USAGE.schema if field.name not in left_out])

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What is written of a batch in `USAGE.schema`; each row once, in order."""
        return pa.RecordBatch.from_arrays(
            [batch.column(name) for name in self.schema.names], schema=self.schema
        )
