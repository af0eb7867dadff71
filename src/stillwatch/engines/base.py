"""The interface behind which relational work runs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import ibis.expr.types as ir
import pyarrow as pa

Share = TypeVar("Share")
Done = TypeVar("Done")


class Engine(ABC):
    """Runs Ibis expressions over Parquet files and small Arrow tables.

    Callers build expressions from the tables that an engine hands out and never name the engine. An engine
    owns its scratch space and gives it back when it is closed.
    """

    name: str
    version: str
    """Of the engine's own software, for run.json."""
    memory: int
    """The soft limit that it was opened with, in bytes."""
    workers: int
    """How many shares `distribute` works on at once, as far as is known before; 1: it works in this process."""

    @abstractmethod
    def parquet(self, files: Sequence[Path]) -> ir.Table:
        """The rows of these files (at least one, all of one schema), read when an expression runs."""

    @abstractmethod
    def table(self, name: str, data: pa.Table) -> ir.Table:
        """Register a small table under a name, in place of an earlier one of that name."""

    @abstractmethod
    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """Compute an expression once and hand out its rows under a name; they may lie on disk."""

    def reuse(self, name: str, expression: ir.Table) -> ir.Table:
        """An expression that many others read. An engine that would compute it for each of them keeps it, as `keep` does."""
        return expression

    @abstractmethod
    def drop(self, name: str) -> None:
        """Forget what `keep`, `table` or `reuse` made."""

    @abstractmethod
    def fetch(self, expression: ir.Table) -> pa.Table:
        """Compute an expression and bring its rows here. For results that fit into memory."""

    @abstractmethod
    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """Compute an expression and bring its rows here part by part, in no order. For results that may not fit."""

    @abstractmethod
    def distribute(self, work: Callable[[Share], Done], shares: Sequence[Share]) -> Iterator[Done]:
        """Call `work` on each share, where the engine's own work is done, and bring what it returns here, in their order.

        What `work` returns should be small. With more than one of `workers` it runs in other processes, perhaps on other
        machines: `work`, shares and results are pickled, a share may be worked on twice (whatever the first time left
        behind is not named in a result), and files are seen only where storage is shared. An InputError that `work`
        raises is raised here; of several that of any share.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back memory and scratch space."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
