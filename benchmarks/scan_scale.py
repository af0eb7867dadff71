"""How long does a scan take, beside the least that any scan of the same files could, and how does it grow?

    python benchmarks/scan_scale.py [--exchanges 3000000 --accounts 50000] [--seed 10002] [--dated] [--drill FOLDER]
                                    [--kind "with text"] [--memory 8GiB]

Makes an exercise (or takes one that lies in FOLDER), and measures, each in a process of its own, after a small scan that
nobody measures:

- the floor: one DuckDB pass that reads every column which a scan uses, texts apart, and groups by account and hour; and one
  pass that sketches all texts. Both read the files of the exercise, on as many threads as the scan has.
- `stillwatch scan` with all tables, as a user runs it; and the same on the same files without the texts, whose floor is the
  first pass alone.

Prints exchanges a second, the ratio to the floor, peak memory (of all processes, in MiB) and what each stage took, and adds
the run, with how many accounts of campaigns and how many others were accused, to benchmarks/results/scan_scale.json, one
entry for each size (a kind that was not measured stays in it if it is of the same version); growth is the ratio of two sizes
there. Not `--dated` means no look at the past (looks: 0): accusations are not dated.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from _common import RESULTS, made_by, make_drill, peak_and_seconds, run_score, show, warm_up
from stillwatch.detection.intake import KEPT
from stillwatch.records.sketches import Key, sketch

RESULT = RESULTS / "scan_scale.json"
KEY = Key(bytes(16))


def engine_pass(usage: Path, threads: int) -> None:
    """The first half of the floor."""
    counted = ", ".join(f"count({name})" for name in KEPT if name not in ("account_id", "time"))
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {threads}")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            "SELECT count(*) FROM (SELECT account_id, date_trunc('hour', time) AS hour, count(*),"
            f" {counted} FROM read_parquet('{usage}/*.parquet') GROUP BY ALL)"
        ).fetchall()


def sketching_pass(usage: Path, threads: int) -> None:
    """The second half of the floor."""
    for file in sorted(usage.glob("*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(65536, columns=["input_text", "system_text"]):
            sketch(batch.column(0), batch.column(1), KEY, threads)


WITH_TEXT, WITHOUT_TEXT = "with text", "without text"
PASSES = {"engine": engine_pass, "sketching": sketching_pass}


def floor(usage: Path, which: str, threads: int) -> dict[str, float]:
    """Seconds and peak memory of one pass in a process of its own; libraries and compiled code are loaded before."""
    code = (
        f"import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r}); import scan_scale as s;"
        " import pyarrow as pa;"
        " s.sketch(pa.array(['warm']), pa.array(['up']), s.KEY, 1);"
        f" begin = time.perf_counter(); s.PASSES[{which!r}](s.Path({str(usage)!r}), {threads});"
        " print(time.perf_counter() - begin)"
    )
    done, peak, _ = peak_and_seconds([sys.executable, "-c", code])
    return {"seconds": round(float(done.split()[-1]), 2), "peak_mib": peak}


def scanned(drill: Path, out: Path, memory: str, *, dated: bool, usage: Path) -> dict[str, Any]:
    """Seconds, peak memory, stages and findings of a scan."""
    tables = [f"--{name}={drill / name}.parquet" for name in ("accounts", "releases", "agreements")]
    if not dated:
        (out.parent / "undated.yaml").write_text("looks: 0\n")
        tables.append(f"--settings={out.parent / 'undated.yaml'}")
    command = [
        sys.executable,
        "-m",
        "stillwatch",
        "scan",
        f"--usage={usage}",
        *tables,
        f"--out={out}",
        f"--memory={memory}",
        "--json",
    ]
    told, peak, seconds = peak_and_seconds(command)
    run = json.loads(told)
    score = run_score(drill, out)
    return {
        "exchanges": run["rows"]["scanned"],
        "accounts": run["accounts"],
        "seconds": round(seconds, 2),
        "peak_mib": peak,
        "stages": run["seconds"],
        "groups": run["groups"],
        "score": {name: value for name, value in score.items() if name != "groups"},
    }


def without_text(drill: Path, folder: Path) -> Path:
    """The exercise's usage files without their texts, in `folder`."""
    folder.mkdir()
    for file in sorted((drill / "usage").glob("*.parquet")):
        parquet = pq.ParquetFile(file)
        names = [name for name in parquet.schema_arrow.names if not name.endswith("_text")]
        with pq.ParquetWriter(
            folder / file.name, pq.read_schema(file).empty_table().select(names).schema
        ) as writer:
            for batch in parquet.iter_batches(1 << 18, columns=names):
                writer.write_batch(batch)
    return folder


def measure(
    drill: Path, work: Path, kinds: Sequence[str], memory: str, *, dated: bool, threads: int
) -> dict[str, Any]:
    """Scans of these kinds, with their floors."""
    found: dict[str, Any] = {}
    for name in kinds:
        texts = name == WITH_TEXT
        usage = drill / "usage" if texts else without_text(drill, work / "bare")
        passes = ("engine", "sketching") if texts else ("engine",)
        least = {which: floor(usage, which, threads) for which in passes}
        scan = scanned(drill, work / name.replace(" ", "-"), memory, dated=dated, usage=usage)
        whole = sum(one["seconds"] for one in least.values())
        found[name] = {
            "floor": least,
            "scan": scan,
            "exchanges_per_second": round(scan["exchanges"] / scan["seconds"]),
            "times_the_floor": round(scan["seconds"] / whole, 2),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exchanges", type=int, default=3_000_000)
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=10002)
    parser.add_argument("--drill", type=Path, help="an exercise that was made before, of this size and seed")
    parser.add_argument("--dated", action="store_true")
    parser.add_argument("--memory", default="8GiB", help="that scans are told to keep to")
    parser.add_argument("--kind", choices=(WITH_TEXT, WITHOUT_TEXT), help="measure this alone, and not both")
    options = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    report = json.loads(RESULT.read_text()) if RESULT.exists() else {"sizes": {}}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        drill = options.drill
        if drill is None:
            drill = work / "drill"
            size = (f"--exchanges={options.exchanges}", f"--accounts={options.accounts}")
            make_drill(drill, "default", options.seed, *size)
        begin = time.strftime("%Y-%m-%d")
        kinds = (options.kind,) if options.kind else (WITH_TEXT, WITHOUT_TEXT)
        warm_up(work)
        found = measure(drill, work, kinds, options.memory, dated=options.dated, threads=threads)
    name = f"{options.exchanges} exchanges, {options.accounts} accounts{', dated' if options.dated else ''}"
    before = report["sizes"].get(name, {})
    kept = {
        kind: one
        for kind, one in before.items()
        if kind in (WITH_TEXT, WITHOUT_TEXT) and before["made_by"] == made_by()
    }
    report["sizes"][name] = {
        **kept, "made_by": made_by(), "on": begin, "seed": options.seed, "threads": threads, "memory": options.memory,
        "dated": options.dated, **found
    }  # fmt: skip
    show(
        ("", "exchanges/s", "seconds", "floor", "times the floor", "peak MiB"),
        [
            (
                kind,
                f"{one['exchanges_per_second']:,}",
                f"{one['scan']['seconds']:,.1f}",
                " + ".join(f"{least['seconds']:.1f}" for least in one["floor"].values()),
                f"{one['times_the_floor']:.2f}",
                f"{one['scan']['peak_mib']:,}",
            )
            for kind, one in found.items()
        ],
    )
    for kind, one in found.items():
        print(kind, json.dumps(one["scan"]["stages"]))
        score = one["scan"]["score"]
        print(
            f"{kind}: accused {score['guilty_accused']:,} of {score['guilty']:,} accounts of campaigns,"
            f" {score['accused'] - score['guilty_accused']:,} others"
        )
    growth(report["sizes"])
    RESULT.write_text(json.dumps(report, indent=1) + "\n")


def growth(sizes: dict[str, Any]) -> None:
    """Print how many times as long the larger of two sizes takes."""
    for dated, kind in product((False, True), (WITH_TEXT, WITHOUT_TEXT)):
        scans = [size[kind]["scan"] for size in sizes.values() if size["dated"] == dated and kind in size]
        for a, b in pairwise(sorted(scans, key=lambda scan: scan["exchanges"])):
            print(
                f"growth, {kind}{', dated' if dated else ''}: {b['exchanges'] / a['exchanges']:.1f} times the"
                f" exchanges, {b['seconds'] / a['seconds']:.1f} times as long"
            )


if __name__ == "__main__":
    main()
