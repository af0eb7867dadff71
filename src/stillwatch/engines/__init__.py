"""Where relational work runs: DuckDB inside the process, or Spark on this machine or many, behind one interface."""

from collections.abc import Mapping
from pathlib import Path

from stillwatch.engines.base import Engine

ENGINES = ("duckdb", "spark")

__all__ = ["ENGINES", "Engine", "open_engine"]


def open_engine(
    name: str, *, scratch: Path, threads: int, memory: int, settings: Mapping[str, str] | None = None
) -> Engine:
    """Open the engine of this name.

    `scratch` is a folder for spilled data (made if need be), `threads` a count, `memory` a soft limit in bytes;
    `settings` are those of the engine's own software (Spark's `spark.*`; DuckDB takes none).
    Raises ValueError for a name that is not in `ENGINES`, and InputError where the engine cannot run.
    """
    # Imported late: the command line lists engines without loading any.
    if name == "duckdb":
        from stillwatch.engines.duckdb import DuckDBEngine

        return DuckDBEngine(scratch=scratch, threads=threads, memory=memory)
    if name == "spark":
        from stillwatch.engines.spark import SparkEngine

        return SparkEngine(scratch=scratch, threads=threads, memory=memory, settings=settings or {})
    raise ValueError(f"no engine is called {name!r}")
