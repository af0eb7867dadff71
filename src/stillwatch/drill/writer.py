"""Writing an exercise to disk: aside first, then renamed, in bounded memory."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.drill import tables
from stillwatch.drill.exercise import Exercise, Settings, make
from stillwatch.drill.render import Renderer
from stillwatch.drill.strings import column, take
from stillwatch.drill.usage_files import UsageFiles
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key

CHUNK = 262_144  # rows rendered at once: some 500 MB at most, texts included; divides the rows of a file
MARK = "drill.json"  # what an exercise's folder is known by


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")


def write_exercise(
    e: Exercise,
    folder: Path,
    *,
    identifiers: bool = False,
    key: Key | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write one lab's tables and truth into `folder`; returns counts. `progress`(rows done, rows).

    With a `key`, usage has sketches under it in place of texts, drawn on `threads` threads (None: all).
    """
    (folder / "usage").mkdir(parents=True)
    (folder / "truth").mkdir()
    _write(tables.accounts_table(e.setting, e.accounts), folder / "accounts.parquet")
    _write(tables.releases_table(e.setting), folder / "releases.parquet")
    _write(tables.agreements_table(e.setting.people, e.agreements), folder / "agreements.parquet")
    _write(tables.truth_accounts(e.setting, e.accounts, e.members), folder / "truth" / "accounts.parquet")
    groups = tables.truth_groups(e.schedule, e.streams, e.groups)
    _write(groups, folder / "truth" / "groups.parquet")
    if identifiers:
        _write(tables.identifiers_table(e.setting, e.accounts), folder / "identifiers.parquet")
    renderer = Renderer(e.setting, e.accounts, e.streams, output_text=e.output_text)
    names = sorted({s.group for s in e.streams if s.group})
    of_stream = np.array([names.index(s.group) if s.group else -1 for s in e.streams])
    extracting = np.array([s.extracting for s in e.streams])
    total, extracted = len(e.schedule), 0
    with (
        UsageFiles(folder / "usage", key, threads) as usage,
        pq.ParquetWriter(
            folder / "truth" / "exchanges.parquet", tables.TRUTH_EXCHANGES, compression="zstd"
        ) as truth,
    ):
        for low in range(0, total, CHUNK):
            high = min(low + CHUNK, total)
            table = renderer.table(e.schedule, low, high)
            usage.write(table)
            stream = e.schedule.stream[low:high]
            rows = np.flatnonzero(of_stream[stream] >= 0)
            marks = extracting[stream[rows]]
            extracted += int(marks.sum())
            truth.write_table(
                pa.table(
                    [
                        table["event_id"].combine_chunks().take(pa.array(rows)),
                        take(column(names), of_stream[stream[rows]]),
                        pa.array(marks),
                    ],
                    schema=tables.TRUTH_EXCHANGES,
                )
                if len(rows)
                else tables.TRUTH_EXCHANGES.empty_table()
            )
            if progress:
                progress(high, total)
    return {
        "accounts": len(e.accounts),
        "exchanges": total,
        "extracting": extracted,
        "groups": [
            {
                "group_id": g["group_id"],
                "class": g["class"],
                "tier": g["tier"],
                "unauthorised": g["unauthorised"],
                "expected_kind_of_use": g["expected_kind_of_use"],
                "accounts": sum(len(n) for n, group, _, _ in e.members if group == g["group_id"]),
            }
            for g in groups.to_pylist()
        ],
    }


def _free(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError("is a file", where=str(out), mend="give a folder with --out")
    if any(out.iterdir()):
        if not (out / MARK).exists():
            raise InputError(
                "is not empty and holds no earlier drill", where=str(out), mend="give a new folder with --out"
            )
        if not force:
            raise InputError(
                "holds an earlier drill", where=str(out), mend="give a new folder, or --force to replace it"
            )


def run_drill(
    settings: Settings,
    out: Path,
    *,
    force: bool = False,
    key: Key | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Make the exercise and write it to `out`; returns the summary that is kept as drill.json.

    With a `key`, the usage table has sketches under it in place of texts, drawn on `threads` threads (None: all).
    Nothing is left at `out` on failure. Raises InputError for bad settings, and for an `out` that holds anything
    but an earlier drill (replaced with `force`).
    """
    if not 1 <= settings.labs <= 64:
        raise InputError(f"{settings.labs} labs", where="--labs", mend="give 1 to 64")
    _free(out, force)
    aside = out.parent / f".{out.name}.partial-{os.getpid()}"
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
    except OSError as error:
        raise InputError(
            f"can't be written ({error.strerror})", where=str(out), mend="give a folder that you may write"
        ) from error
    try:
        labs = []
        for lab in range(settings.labs):
            folder = aside / f"lab-{lab + 1}" if settings.labs > 1 else aside
            folder.mkdir(exist_ok=True)
            labs.append(
                write_exercise(
                    make(settings, lab),
                    folder,
                    identifiers=settings.labs > 1,
                    key=key,
                    threads=threads,
                    progress=progress,
                )
            )
        kept = {
            k: str(v) if isinstance(v, Path) else v
            for k, v in asdict(settings).items()
            if k not in ("prompts", "arrivals")
        }
        summary: dict[str, Any] = {
            "settings": {**kept, "knobs": list(settings.knobs)},
            "sketch_key": None if key is None else key.id,
        }
        summary |= {"labs": labs} if settings.labs > 1 else labs[0]
        (aside / MARK).write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
        if out.exists():
            old = out.parent / f".{out.name}.old-{os.getpid()}"
            out.rename(old)
            aside.rename(out)
            shutil.rmtree(old)
        else:
            aside.rename(out)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return summary
