"""How large is a usage table with sketches in place of texts, beside one with texts, and how long does it take to make?

    python benchmarks/sketched.py [--exchanges 100000] [--accounts 4000] [--seed 5]

Makes an exercise of two scenarios, turns it with `stillwatch sketch`, and prints bytes per exchange of both forms on disk,
of the sketch form with other encodings, and of its largest columns; and the most that a sketch can take, which texts of
hundreds of words that share nothing come near. Writes these, and seconds and peak memory of the command, to
benchmarks/results/sketched.json.
"""

import argparse
import io
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from _common import COMMAND, make_drill, peak_and_seconds, show, write
from stillwatch.records.sketched import SKETCHED_SCHEMA
from stillwatch.records.sketches import SKETCH_SCHEMA
from stillwatch.records.sketches.phrases import MOST, SYSTEM_MOST

OTHERS: dict[str, dict[str, Any]] = {
    "snappy": {"compression": "snappy"},
    "zstd, dictionaries everywhere": {"compression": "zstd"},
    "zstd, no dictionaries": {"compression": "zstd", "use_dictionary": False},
}
"""Encodings that were not chosen."""


def size(table: pa.Table, **options: Any) -> int:
    """Bytes of a table as a Parquet file with these options."""
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=1 << 17, **options)
    return out.tell()


def columns(files: list[Path]) -> dict[str, int]:
    """Bytes of each column on disk."""
    found: Counter[str] = Counter()
    for file in files:
        metadata = pq.ParquetFile(file).metadata
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                found[column.path_in_schema.partition(".")[0]] += column.total_compressed_size
    return dict(found.most_common())


def longest() -> int:
    """Bytes of sketch columns that nothing can compress: all lists full, all hashes there, shares at random."""
    widths = (f.type.bit_width // 8 for f in SKETCH_SCHEMA if not pa.types.is_list(f.type))
    return int(sum(widths)) + 8 * (MOST + SYSTEM_MOST)


def measure(scenario: str, options: argparse.Namespace) -> dict[str, Any]:
    """One scenario."""
    with tempfile.TemporaryDirectory() as folder:
        drill, out, key = (Path(folder) / name for name in ("drill", "sketches", "key"))
        key.write_bytes(bytes(16))
        wanted = [f"--exchanges={options.exchanges}", f"--accounts={options.accounts}"]
        if scenario == "published-2026":
            wanted.append(f"--scale={options.exchanges / 30_105_000:.4f}")
        make_drill(drill, scenario, options.seed, *wanted)
        command = [*COMMAND, "sketch", f"--usage={drill / 'usage'}", f"--key={key}", f"--out={out}", "--json"]
        told, peak, seconds = peak_and_seconds(command)
        rows = json.loads(told)["rows"]["written"]
        files = sorted((out / "usage").glob("*.parquet"))
        table = pa.concat_tables(pq.read_table(file) for file in files).cast(SKETCHED_SCHEMA)
        return {
            "exchanges": rows,
            "bytes": {
                "texts": round(sum(f.stat().st_size for f in (drill / "usage").iterdir()) / rows, 1),
                "sketches": round(sum(f.stat().st_size for f in files) / rows, 1),
                **{f"sketches, {name}": round(size(table, **how) / rows, 1) for name, how in OTHERS.items()},
            },
            "columns": {name: round(n / rows, 2) for name, n in columns(files).items()},
            "phrases": round(len(table["phrases"].combine_chunks().flatten()) / rows, 2),
            "seconds": round(seconds, 2),
            "peak_mib": peak,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    if options.exchanges < 10_000:
        sys.exit("give at least 10,000 exchanges: less says nothing about size")
    found = {scenario: measure(scenario, options) for scenario in ("default", "published-2026")}
    show(
        ("bytes per exchange", *found),
        [(name, *(one["bytes"][name] for one in found.values())) for name in found["default"]["bytes"]],
    )
    largest = list(found["default"]["columns"])[:10]
    show(
        ("largest columns", *found),
        [(name, *(one["columns"][name] for one in found.values())) for name in largest],
    )
    print(f"the most that sketch columns of one exchange can take: {longest()} bytes")
    settings = {"exchanges": options.exchanges, "accounts": options.accounts, "seed": options.seed}
    write("sketched", {"settings": settings, "most_bytes_of_a_sketch": longest(), "scenarios": found})


if __name__ == "__main__":
    main()
