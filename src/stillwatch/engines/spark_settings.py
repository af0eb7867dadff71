"""Settings of Spark: what the user gave, and what ours are by default."""

import re
from collections.abc import Mapping
from pathlib import Path

from stillwatch.records.errors import InputError, plainly

MASTER = "spark.master"
_OPTIONS = "spark.driver.extraJavaOptions"
_LINE = re.compile(r"(?P<key>[^\s=:]+)(?:\s*[=:]\s*|\s+)(?P<value>.*)")
_NOT_TO_BE_SET = {
    MASTER: "give it with --spark-master",
    "spark.sql.session.timeZone": "leave it out: all times are UTC",
    "spark.sql.ansi.enabled": "leave it out: a number that does not fit must not become null",
}
_LEAST_HEAP = 512 << 20
"""Spark refuses to start with less than 450 MiB."""
_HEAP_SHARE = 0.75
"""Of the memory that is kept to; the rest is for what a JVM holds beside its heap, and for Python workers."""

RESULTS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
"""What results depend on, set on every session; spark.sql.* that can be set at any time."""


def read_settings(path: Path) -> dict[str, str]:
    """Settings of a file in the form of spark-defaults.conf: `key value` or `key = value` on a line, # for remarks.

    Raises InputError, with the line, for what is no such setting, stands twice, or is not to be set.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = plainly(error) if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"cannot be read ({why})", where=str(path), mend="check the path") from None
    found: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith(("#", "!")):
            continue
        where = f"{path}, line {number}"
        match = _LINE.fullmatch(line)
        if match is None or not match["key"].startswith("spark."):
            raise InputError(
                "not a setting of Spark", where=where, mend="write spark.executor.memory = 8g, for example"
            )
        key = match["key"]
        if key in _NOT_TO_BE_SET:
            raise InputError(f"{key} cannot be set here", where=where, mend=_NOT_TO_BE_SET[key])
        if key in found:
            raise InputError(f"{key} stands there twice", where=where, mend="keep one of them")
        found[key] = match["value"].strip()
    return found


def is_local(master: str) -> bool:
    """Whether a master is this process's own JVM, with no executors elsewhere."""
    return master.startswith("local") and not master.startswith("local-cluster")


def complete(given: Mapping[str, str], scratch: Path, threads: int, memory: int) -> dict[str, str]:
    """All settings of a session: those that were given, over ours.

    `scratch` is an absolute path; `memory` in bytes is what the driver keeps to, which in local mode does all the work.
    """
    master = given.get(MASTER, f"local[{threads}]")
    heap = max(int(memory * _HEAP_SHARE), _LEAST_HEAP) >> 20
    log = scratch / "log4j2.properties"
    ours = {
        MASTER: master,
        "spark.app.name": "stillwatch",
        "spark.driver.memory": f"{heap}m",
        # What comes to the driver is bounded by what is asked for (docs/how-to/large-scale.md), not by a setting.
        "spark.driver.maxResultSize": "0",
        _OPTIONS: f"-Dlog4j2.configurationFile={log.as_uri()} -XX:-UsePerfData",
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.catalogImplementation": "in-memory",
    }
    if is_local(master):
        ours |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            # Spark's 200 are for clusters: tasks of a few kilobytes cost more than their work.
            "spark.sql.shuffle.partitions": str(4 * threads),
        }
    whole = {**ours, **given, **RESULTS}
    whole[_OPTIONS] = f"{ours[_OPTIONS]} {given.get(_OPTIONS, '')}".strip()
    return whole
