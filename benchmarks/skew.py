"""What does a scan cost when logs are skewed, beside the same logs without the skew?

    python benchmarks/skew.py [--scale 1] [--case template ...] [--runs 1] [--drill FOLDER]

Makes an exercise (or takes one that lies in FOLDER) and of each case two copies of its usage files, with and without the
skew: the same rows, the same accounts, as many bytes of text (`_skewed.py` says what each copy holds, and why). At scale 1:

- `template`: 24,000 accounts with one template, beside a template for each;
- `reseller`: one account with half of all exchanges, as of end users with a credential and an address each;
- `heavy`: one account with 10,000,000 exchanges;
- `address`: 100,000 accounts behind one address, beside an address for each.

The exercise has 12,000,000 exchanges of 200,000 accounts. `--scale` makes all of these figures smaller in proportion;
--exchanges, --accounts and the four counts may be given one by one, too.

Every scan is a process of its own, without looks at the past (looks: 0), after a small one that nobody measures, which
compiles what is compiled once for a machine. Prints seconds, CPU seconds and peak memory (of all its processes together) of
both and their ratios, and adds the run to benchmarks/results/skew.json, one entry for each size. With `--runs N`
each scan is run so many times, and the one with the least CPU seconds counts: a machine with other work only ever adds.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import COMMAND, RESULTS, made_by, make_drill, show, used_by, warm_up
from _skewed import CASES, Crowd, Sizes, write_copy

RESULT = RESULTS / "skew.json"
AT_MOST = 1.5
MEASURES = ("cpu_seconds", "seconds", "peak_mib")
WHOLE = {
    "exchanges": 12_000_000, "accounts": 200_000, "template_accounts": 24_000, "reseller_exchanges": 6_000_000,
    "heavy_exchanges": 10_000_000, "address_accounts": 100_000,
}  # fmt: skip
"""Figures at scale 1."""


def scanned(drill: Path, usage: Path, out: Path, runs: int) -> dict[str, Any]:
    """What a scan with all tables takes, by stage, and how much it found."""
    settings = out.parent / "undated.yaml"
    settings.write_text("looks: 0\n")
    tables = [f"--{name}={drill / name}.parquet" for name in ("accounts", "releases", "agreements")]
    command = [
        *(*COMMAND, "scan", f"--usage={usage}", *tables, f"--settings={settings}"),
        *(f"--out={out}", "--json"),
    ]
    best = min((used_by(command) for _ in range(runs)), key=lambda one: one.cpu_seconds)
    run = json.loads(best.told)
    return {
        "exchanges": run["rows"]["scanned"],
        "accounts": run["accounts"],
        "seconds": round(best.seconds, 2),
        "cpu_seconds": round(best.cpu_seconds, 2),
        "peak_mib": best.peak_mib,
        "stages": run["seconds"],
        "groups": run["groups"],
    }


def measure(case: str, drill: Path, crowd: Crowd, sizes: Sizes, work: Path, runs: int) -> dict[str, Any]:
    """One case: both scans and their ratios. Logs that a scan does not take whole end the benchmark."""
    found: dict[str, Any] = {}
    for name, skewed in (("unskewed", False), ("skewed", True)):
        usage = work / f"{case}-{name}"
        rows = write_copy(drill / "usage", usage, crowd, CASES[case](crowd, sizes, skewed=skewed))
        found[name] = scanned(drill, usage, work / "scan", runs)
        shutil.rmtree(usage)
        if (found[name]["exchanges"], found[name]["accounts"]) != (rows, len(crowd.ids)):
            sys.exit(f"{case}, {name}: of {rows:,} rows of {len(crowd.ids):,} accounts not all were scanned")
        print(
            f"{case}, {name}: {found[name]['cpu_seconds']:.1f} CPU seconds {found[name]['stages']}",
            flush=True,
        )
    found["ratio"] = {what: round(found["skewed"][what] / found["unskewed"][what], 2) for what in MEASURES}
    return found


def report(found: dict[str, Any]) -> None:
    """Print a line for each case."""
    rows = []
    for case, one in found.items():
        plain, skewed, ratio = one["unskewed"], one["skewed"], one["ratio"]
        over = [what for what in ("cpu_seconds", "peak_mib") if ratio[what] > AT_MOST]
        rows.append(
            (
                case,
                *(f"{side[what]:,.1f}" for what in ("cpu_seconds", "seconds") for side in (plain, skewed)),
                *(f"{side['peak_mib']:,}" for side in (plain, skewed)),
                *(f"{ratio[what]:.2f}" for what in MEASURES),
                *(sum(side["groups"].values()) for side in (plain, skewed)),
                "no" if over else "yes",
            )
        )
    show(
        (
            *("", "CPU s", "skewed", "seconds", "skewed", "peak MiB", "skewed"),
            *("CPU x", "seconds x", "memory x", "groups", "skewed", f"within {AT_MOST}"),
        ),
        rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of all figures that are not given")
    for name, whole in WHOLE.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"{whole:,} times the scale")
    parser.add_argument("--case", nargs="+", choices=[*CASES], default=[*CASES])
    parser.add_argument("--seed", type=int, default=10041)
    parser.add_argument("--runs", type=int, default=1, help="of each scan")
    parser.add_argument("--drill", type=Path, help="an exercise that was made before, of this size and seed")
    options = parser.parse_args()
    size = {name: getattr(options, name) or round(whole * options.scale) for name, whole in WHOLE.items()}
    sizes = Sizes(**{name: n for name, n in size.items() if name not in ("exchanges", "accounts")})
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        drill = options.drill
        if drill is None:
            drill = work / "drill"
            shape = [f"--{name}={size[name]}" for name in ("exchanges", "accounts")]
            make_drill(drill, "default", options.seed, *shape)
        warm_up(work)
        crowd = Crowd.of(drill)
        found = {
            case: measure(case, drill, crowd, sizes, work, max(options.runs, 1)) for case in options.case
        }
    report(found)
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {"sizes": {}}
    name = f"{int(crowd.rows.sum())} exchanges, {len(crowd.ids)} accounts"
    entry = kept["sizes"].setdefault(name, {})
    for case, one in found.items():
        entry[case] = {
            "made_by": made_by(), "on": time.strftime("%Y-%m-%d"), "seed": options.seed, "runs": options.runs,
            "threads": len(os.sched_getaffinity(0)), "settings": size, **one,
        }  # fmt: skip
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
