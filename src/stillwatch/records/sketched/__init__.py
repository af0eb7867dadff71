"""Usage tables with sketches in place of texts: their form, and how they are made, written and read.

`sketched` turns a validated batch into one of this form, `open_sketched` opens a file to write such batches to, and
`SketchedWriter` writes them to as many files as it takes. `open_usage` reads them. `job` goes the whole way, from logs to
files.
"""

from stillwatch.records.sketched.batches import sketched, sketches_of
from stillwatch.records.sketched.form import SKETCHED_SCHEMA, TEXT_COLUMNS, VERSION
from stillwatch.records.sketched.writer import SketchedWriter, open_sketched

__all__ = [
    "SKETCHED_SCHEMA",
    "TEXT_COLUMNS",
    "VERSION",
    "SketchedWriter",
    "open_sketched",
    "sketched",
    "sketches_of",
]
