"""How fast and in how much memory does the drill stream an exercise to disk?

    python benchmarks/drill.py [--exchanges 30000000] [--scenario published-2026] [--seed 201]

Prints seconds, exchanges a second, peak memory (resident set of this process, in GiB) and bytes written, and writes
benchmarks/results/drill.json. The scenario is scaled so that it has about the wanted number of exchanges. The
time to write includes Parquet's compression. The folder is deleted at the end.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

from stillwatch.drill import scenarios
from stillwatch.drill.exercise import Settings
from stillwatch.drill.writer import run_drill

RESULT = Path(__file__).parent / "results" / "drill.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=30_000_000)
    parser.add_argument("--scenario", default="published-2026")
    parser.add_argument("--seed", type=int, default=201)
    options = parser.parse_args()
    scale = options.exchanges / scenarios.find(options.scenario).exchanges
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "drill"
        begin = time.perf_counter()
        made = run_drill(Settings(options.scenario, scale=scale, seed=options.seed), out)
        seconds = time.perf_counter() - begin
        size = sum(f.stat().st_size for f in out.rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found = {
        "scenario": options.scenario,
        "scale": round(scale, 4),
        "seed": options.seed,
        "exchanges": made["exchanges"],
        "accounts": made["accounts"],
        "extracting": made["extracting"],
        "seconds": round(seconds, 1),
        "exchanges_per_second": round(made["exchanges"] / seconds),
        "peak_memory_gib": round(peak, 2),
        "written_gib": round(size / 2**30, 2),
        "cores": os.cpu_count(),
        "load_average_after": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(found, indent=1))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
