"""The table of hits: one row for each signature and account, in order, with shares and times."""

from dataclasses import replace

import numpy as np

from stillwatch.detection.outside import Outside
from stillwatch.detection.signature_hits import hits, write_hits
from stillwatch.records.findings import HITS_SCHEMA
from stillwatch.records.signatures import Shared, Signature
from stillwatch.records.signatures.file import NEVER
from stillwatch.records.sketches import Key


def test_rows_are_by_signature_and_account(world, tmp_path):
    evidence = world.evidence()
    signatures = tuple(
        Shared(name, Signature(1, "input", "16-31", bytes(64)), Key(bytes(16)), NEVER, False) for name in "ba"
    )
    exchange = np.array([0, 0, 1, 5, 8])
    found = replace(evidence, outside=Outside(signatures, exchange, np.array([0, 1, 0, 0, 1]), 12))
    table = hits(found)
    names = [str(evidence.accounts.ids[evidence.ex_acc[e]]) for e in (0, 5, 8)]
    rows = [(r["signature_id"], r["account_id"], r["exchanges"], r["share"]) for r in table.to_pylist()]
    expected = [
        ("a", names[0], 1, 0.25),
        ("a", names[2], 1, 0.25),
        ("b", names[0], 2, 0.5),
        ("b", names[1], 1, 0.25),
    ]
    assert rows == expected
    both = table.to_pylist()[2]
    times = [int(evidence.ex_time[e]) for e in (0, 1)]
    assert [int(both[k].timestamp() * 1e6) for k in ("first_time", "last_time")] == times
    write_hits(evidence, tmp_path / "hits.parquet")
    assert hits(evidence).schema == HITS_SCHEMA
