"""The user's own prompts, from --prompts."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.records.errors import InputError, plainly

MOST = 1_000_000  # more texts than this add memory, not variety


def read_prompts(path: Path) -> list[str]:
    """Texts of a Parquet or JSON Lines file with a column `text`, or of a text file with one prompt a line.

    Raises InputError where the file is absent, isn't what its ending says, or holds no text.
    """
    where, mend = (
        str(path),
        "give Parquet or JSON Lines with a column `text`, or a text file with one prompt a line",
    )
    try:
        if path.suffix in (".parquet", ".pq"):
            if "text" not in pq.read_schema(path).names:
                raise InputError("has no column `text`", where=where, mend=mend)
            found = [
                t for t in pq.read_table(path, columns=["text"])["text"].to_pylist() if isinstance(t, str)
            ]
        else:
            lines = path.read_text("utf-8").splitlines()
            if path.suffix in (".jsonl", ".ndjson", ".json"):
                rows = [json.loads(line) for line in lines if line.strip()]
                found = [r["text"] for r in rows if isinstance(r, dict) and isinstance(r.get("text"), str)]
            else:
                found = lines
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, pa.ArrowException) as error:
        raise InputError(f"can't be read as prompts ({plainly(error)})", where=where, mend=mend) from error
    found = list(dict.fromkeys(t for t in (x.strip() for x in found) if t))[:MOST]
    if not found:
        raise InputError("holds no prompt", where=where, mend=mend)
    return found
