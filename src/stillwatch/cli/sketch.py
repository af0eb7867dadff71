"""`stillwatch sketch`: usage logs in, the same with sketches in place of texts out."""

import json
import time
from pathlib import Path
from typing import Any

import click

import stillwatch
from stillwatch.cli.inputs import available_threads, format_options, lasting_key, threads_option
from stillwatch.cli.losses import lost
from stillwatch.cli.meter import Meter
from stillwatch.cli.options import Strict
from stillwatch.detection.explanation.wording import plural
from stillwatch.detection.out_folder import Kind, making
from stillwatch.detection.run_record import of_losses, of_rows, peak_memory
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketched import VERSION
from stillwatch.records.sketched.job import write_sketched
from stillwatch.records.tables import open_usage

SKETCH = Kind("sketch.json", ("sketch.json", "usage", "rejected"))


def summary(run: dict[str, Any], out: Path) -> str:
    """What was written, for a terminal."""
    rows, written = run["rows"], run["written"]
    each = f", {written['bytes'] / rows['written']:.0f} bytes an exchange" if rows["written"] else ""
    return "\n".join(
        [
            f"{plural(rows['written'], 'exchange')} written with sketches in place of texts"
            f" ({plural(rows['rejected'], 'row')} rejected) in {run['seconds']:.1f} s",
            *lost(run),
            f"{plural(written['files'], 'file')} in {out / 'usage'}, {written['bytes']:,} bytes{each}",
            f"the key is {run['sketch_key']}: a scan of them needs the same (--key)",
        ]
    )


@click.command(
    cls=Strict,
    epilog="Example: stillwatch sketch --usage logs/ --key sketch.key --out sketches",
)
@click.option("--usage", required=True, metavar="PATH", help="Usage logs: a file, a folder or a glob.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@format_options
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="File with the local sketch key (16 bytes); your own by default, made at first use.",
)
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print sketch.json instead of a summary.")
def sketch(
    usage: str,
    out: Path,
    adapter: str | None,
    mapping: Path | None,
    key: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Write usage logs with sketches in place of texts, so that texts can stay where they are.

    Writes Parquet files into the folder usage/ of --out, which scan and replay read under the same key, sketch.json
    beside it, and what could not be used into rejected/. Logs that have sketches already are passed on as they are.
    """
    begin = time.perf_counter()
    local = lasting_key(key)
    meter = Meter()
    try:
        with making(out, usage, SKETCH) as folder:
            rejects = RejectLog(folder.made / "rejected")
            reader = open_usage(usage, rejects=rejects, adapter=adapter, mapping=mapping, key=local)
            (folder.made / "usage").mkdir()
            written = write_sketched(
                reader,
                folder.made / "usage",
                local,
                threads=threads or available_threads(),
                progress=lambda rows, share: meter("sketching", rows, share),
            )
            rejects.close()
            run = {
                "versions": {"stillwatch": stillwatch.__version__, "sketches": VERSION},
                "inputs": {
                    "usage": usage,
                    "adapter": adapter,
                    "mapping": None if mapping is None else str(mapping),
                },
                "sketch_key": local.id,
                "rows": {**of_rows(reader, rejects), "written": written.rows},
                **of_losses(reader, rejects),
                "written": {"files": len(written.files), "bytes": written.bytes},
                "seconds": round(time.perf_counter() - begin, 3),
                "peak_memory_bytes": peak_memory(),
            }
            (folder.made / SKETCH.record).write_text(json.dumps(run, indent=2, sort_keys=True) + "\n")
    finally:
        meter.clear()
    click.echo(json.dumps(run, indent=2, sort_keys=True) if as_json else summary(run, out))
