"""Where relational work runs: DuckDB inside the process, behind an interface that other engines can take."""

from pathlib import Path

from stillwatch.engines.base import Engine

ENGINES = ("duckdb",)

__all__ = ["ENGINES", "Engine", "open_engine"]


def open_engine(name: str, *, scratch: Path, threads: int, memory: int) -> Engine:
    """Open the engine of this name.

    `scratch` is a folder for spilled data (made if need be), `threads` a count, `memory` a soft limit in bytes.
    Raises ValueError for a name that is not in `ENGINES`.
    """
    if name == "duckdb":
        # Imported late: the command line lists engines without loading any.
        from stillwatch.engines.duckdb import DuckDBEngine

        return DuckDBEngine(scratch=scratch, threads=threads, memory=memory)
    raise ValueError(f"no engine is called {name!r}")
