"""What does a new day cost on top of thirty that a state holds, beside a scan of all thirty-one?

    python benchmarks/incremental.py [--exchanges 300000 --accounts 12000] [--days 31] [--seed 20260921] [--undated]

Makes an exercise, cuts its logs before the last day, and runs, each in a process of its own, after a small scan that nobody
measures: a scan of everything; a scan with a new state of all but the last day; and a scan with that state of the last day.
Holds the results of the last against those of the first, prints seconds by stage, and adds the run to
benchmarks/results/incremental.json.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from _common import RESULTS, made_by, make_drill, show, used_by, warm_up

RESULT = RESULTS / "incremental.json"
BEFORE, NEW = "all but the last day", "the last day"


def cut(drill: Path, folder: Path) -> dict[str, Path]:
    """The logs before the last day, and those of the last day."""
    usage = pq.read_table(drill / "usage")
    newest = pc.max(usage["time"]).as_py()
    last = pa.scalar(newest.replace(hour=0, minute=0, second=0, microsecond=0), usage["time"].type)
    found = {}
    for name, part in ((BEFORE, pc.less(usage["time"], last)), (NEW, pc.greater_equal(usage["time"], last))):
        found[name] = folder / f"{name.replace(' ', '-')}.parquet"
        pq.write_table(usage.filter(part), found[name])
    return found


def scanned(drill: Path, usage: Path, out: Path, *more: str) -> dict[str, Any]:
    """Seconds, peak memory and stages of a scan with all tables."""
    tables = [f"--{name}={drill / name}.parquet" for name in ("accounts", "releases", "agreements")]
    command = [
        *(sys.executable, "-m", "stillwatch", "scan", f"--usage={usage}", *tables, f"--out={out}"),
        *("--json", f"--key={drill / 'key'}", *more),
    ]
    used = used_by(command)
    run = json.loads(used.told)
    return {
        "exchanges": run["rows"]["scanned"],
        "seconds": round(used.seconds, 2),
        "cpu_seconds": round(used.cpu_seconds, 2),
        "peak_mib": used.peak_mib,
        "stages": run["seconds"],
        "looks": None if run["state"] is None else run["state"]["looks"],
        "groups": run["groups"],
    }


def found_by(out: Path) -> list[dict[str, Any]]:
    """Groups that a scan found, in its order, without their ids."""
    groups: list[dict[str, Any]] = pq.read_table(out / "campaigns.parquet").to_pylist()
    return [{name: value for name, value in group.items() if name != "campaign_id"} for group in groups]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exchanges", type=int, default=300_000)
    parser.add_argument("--accounts", type=int, default=12_000)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--seed", type=int, default=20260921)
    parser.add_argument("--undated", action="store_true", help="no looks at the past")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        drill = work / "drill"
        size = [f"--{name}={getattr(options, name)}" for name in ("exchanges", "accounts", "days")]
        make_drill(drill, "default", options.seed, *size)
        warm_up(work)
        (drill / "key").write_bytes(bytes(16))
        (drill / "undated.yaml").write_text("looks: 0\n")
        more = (f"--settings={drill / 'undated.yaml'}",) if options.undated else ()
        parts = cut(drill, work)
        state = f"--state={work / 'state'}"
        runs = {"everything": scanned(drill, drill / "usage", work / "full", *more)}
        for name, part in parts.items():
            runs[name] = scanned(drill, part, work / "out", state, *more)
        same = found_by(work / "full") == found_by(work / "out")
        held = sum(path.stat().st_size for path in (work / "state").rglob("*") if path.is_file())
    ratio, cpu_ratio = (runs[NEW][what] / runs["everything"][what] for what in ("seconds", "cpu_seconds"))
    stages = list(dict.fromkeys(stage for run in runs.values() for stage in run["stages"]))
    show(
        ("", "seconds", "of CPU", *stages, "looks", "peak MiB"),
        [
            (
                name,
                f"{run['seconds']:.1f}",
                f"{run['cpu_seconds']:.1f}",
                *(f"{run['stages'].get(stage, 0.0):.1f}" for stage in stages),
                "" if run["looks"] is None else run["looks"]["taken"],
                f"{run['peak_mib']:,}",
            )
            for name, run in runs.items()
        ],
    )
    print(
        f"the last day costs {ratio:.3f} of a scan of everything ({cpu_ratio:.3f} of its CPU seconds);"
        f" results {'the same' if same else 'DIFFER'}"
    )
    report = json.loads(RESULT.read_text()) if RESULT.exists() else {"sizes": {}}
    size_name = f"{options.exchanges} exchanges, {options.accounts} accounts, {options.days} days"
    report["sizes"][size_name + (", undated" if options.undated else "")] = {
        "made_by": made_by(), "on": time.strftime("%Y-%m-%d"), "seed": options.seed,
        "threads": len(os.sched_getaffinity(0)), "runs": runs, "ratio": round(ratio, 4),
        "cpu_ratio": round(cpu_ratio, 4), "same": same,
        "state_mib": held >> 20,
    }  # fmt: skip
    RESULT.write_text(json.dumps(report, indent=1) + "\n")
    if not same:
        sys.exit("the state and the full scan differ")


if __name__ == "__main__":
    main()
