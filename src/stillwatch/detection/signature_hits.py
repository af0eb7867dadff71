"""Who sent what other members' signatures match: a table, and counts for run.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.detection.candidates import Judged
from stillwatch.detection.evidence import Evidence
from stillwatch.records.findings import HITS_SCHEMA
from stillwatch.records.schema import TIME
from stillwatch.records.signatures import SharedFile


def hits(evidence: Evidence) -> pa.Table:
    """A row for each signature and account with an exchange that matches, of `HITS_SCHEMA`, in order of both ids.

    Counted are exchanges that are looked at: each event id once, and of accounts with very many a sample.
    """
    outside = evidence.outside
    if outside is None or not len(outside.exchange):
        return HITS_SCHEMA.empty_table()
    acc, time = evidence.ex_acc[outside.exchange], evidence.ex_time[outside.exchange]
    looked_at = np.diff(evidence.ex_start)
    key, inverse = np.unique(np.stack([outside.which, acc]), axis=1, return_inverse=True)
    which, who = key
    count = np.bincount(inverse.ravel(), minlength=len(which))
    first = np.full(len(which), np.iinfo(np.int64).max)
    last = np.zeros(len(which), np.int64)
    np.minimum.at(first, inverse.ravel(), time)
    np.maximum.at(last, inverse.ravel(), time)
    columns = [
        pa.array([outside.signatures[i].id for i in which.tolist()], HITS_SCHEMA.field("signature_id").type),
        pa.array(evidence.accounts.ids[who].tolist(), HITS_SCHEMA.field("account_id").type),
        pa.array(count.astype(np.int64)),
        pa.array(count / looked_at[who]),
        pa.array(first).cast(TIME),
        pa.array(last).cast(TIME),
    ]
    table = pa.Table.from_arrays(columns, schema=HITS_SCHEMA)
    return table.sort_by([("signature_id", "ascending"), ("account_id", "ascending")])


def write_hits(evidence: Evidence, path: Path) -> None:
    """Write signature_hits.parquet."""
    pq.write_table(hits(evidence), path)


def counted(
    file: SharedFile, evidence: Evidence, found: Sequence[tuple[str, Judged]], without_text: int
) -> dict[str, Any]:
    """What run.json says of `--signatures`. `found`: groups by id; `without_text`: exchanges that came as sketches."""
    outside = evidence.outside
    assert outside is not None
    begins = int(evidence.ex_time.min()) if len(evidence.ex_time) else 0
    return {
        "signatures": len(file.signatures),
        "rejected": dict(file.rejected),
        "repeated": file.repeated,
        "expired": sum(one.valid_until <= begins for one in file.signatures),
        "texts": outside.texts,
        "without_text": without_text,
        "hit": len(np.unique(outside.which)),
        "exchanges": len(np.unique(outside.exchange)),
        "accounts": len(np.unique(evidence.ex_acc[outside.exchange])),
        "corroborated": {
            name: {
                "factor": judged.corroboration.factor,
                "accounts": judged.corroboration.accounts,
                "signatures": [one.id for one in judged.corroboration.signatures],
            }
            for name, judged in found
            if judged.corroboration is not None
        },
    }
