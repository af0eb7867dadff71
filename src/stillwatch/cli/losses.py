"""What commands that read logs say of what they could not use."""

from collections.abc import Mapping
from typing import Any

from stillwatch.records.rejects import in_words, why

NAMED = 3
"""Files that were passed over are named up to so many."""


def lost(run: Mapping[str, Any]) -> list[str]:
    """Rows, files and values of the input that could not be used, a line each. `run`: the contents of run.json."""
    lines = [
        f"rejected of {table}: {in_words(reasons)}" for table, reasons in run["rejected"].items() if reasons
    ]
    lines += [
        f"not read, or not to its end: {f['source']} ({why(f['reason'], f['detail'])})"
        for f in run["files"]["not_whole"]
    ]
    if run["values_dropped"]:
        lines.append(f"values that could not be used: {in_words(run['values_dropped'])}")
    if names := run["files"]["left_out"]:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines.append(f"not read: {', '.join(names[:NAMED])}{more}")
    return lines
