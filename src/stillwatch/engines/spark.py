"""Spark, on this machine or on a cluster.

What is kept, and what comes here part by part, are Parquet files in scratch: no executor has to stay alive for them, and
the driver holds one batch of them. So scratch must lie where the driver and all executors see the same files.
"""

import pickle
import shutil
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

import stillwatch
from stillwatch.engines.base import Done, Engine, Share
from stillwatch.engines.spark_session import Session
from stillwatch.engines.spark_settings import MASTER, complete, is_local
from stillwatch.records.errors import InputError
from stillwatch.records.schema import TIME

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BATCH_ROWS = 1 << 16
EXECUTORS_S = 300
"""So long a cluster has to give the first executors."""


class SparkEngine(Engine):
    """A Spark driver in this process, of whose settings `settings` are given and the others ours.

    `memory` and `threads` are those of the driver, and so of everything where the master is local (the default:
    `local[threads]`); what executors on a cluster take, settings say. Raises InputError where Spark cannot run.
    """

    name = "spark"

    def __init__(self, *, scratch: Path, threads: int, memory: int, settings: Mapping[str, str]) -> None:
        self.memory = memory
        self._scratch = scratch.resolve()
        self._scratch.mkdir(parents=True, exist_ok=True)
        wanted = complete(settings, self._scratch, threads, memory)
        self._session = Session(wanted, self._scratch)
        try:
            self._spark = self._session.spark
            self._ibis = ibis.pyspark.connect(self._spark)
            self._mark, self._numbers = uuid4().hex[:8], count()
            self._folders: dict[str, Path] = {}
            """By the caller's name for a table: its folder, whose own name is that of its view."""
            if not is_local(wanted[MASTER]):
                self._check_executors()
            # At least two: work is handed to Python processes beside the JVM even where there is one thread.
            self.workers = max(2, self._spark.sparkContext.defaultParallelism)
            self.version = self._spark.version
        except BaseException:
            self._session.close()
            raise

    def parquet(self, files: Sequence[Path]) -> ir.Table:
        """See `Engine.parquet`."""
        frame = self._spark.read.parquet(*(f.resolve().as_uri() for f in files))
        return self._view(self._fresh("input"), frame)

    def table(self, name: str, data: pa.Table) -> ir.Table:
        """See `Engine.table`."""
        self.drop(name)
        folder = self._scratch / self._fresh(name)
        folder.mkdir()
        pq.write_table(data, folder / "part-0.parquet", compression="zstd", compression_level=1)
        return self._stored(name, folder, self._spark.read.parquet(folder.as_uri()))

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.keep`."""
        self.drop(name)
        frame = self._frame(expression)
        folder = self._written(name, frame)
        return self._stored(name, folder, self._spark.read.schema(frame.schema).parquet(folder.as_uri()))

    def reuse(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.reuse`. A join of all rows would be shuffled anew for each reader."""
        return self.keep(name, expression)

    def drop(self, name: str) -> None:
        """See `Engine.drop`."""
        folder = self._folders.pop(name, None)
        if folder is not None:
            self._spark.catalog.dropTempView(folder.name)
            shutil.rmtree(folder, ignore_errors=True)

    def fetch(self, expression: ir.Table) -> pa.Table:
        """See `Engine.fetch`."""
        table: pa.Table = self._frame(expression).toArrow()
        return table.cast(_schema(expression))

    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine.batches`."""
        schema = _schema(expression)
        folder = self._written("batches", self._frame(expression))
        try:
            for file in sorted(folder.glob("*.parquet")):
                with pq.ParquetFile(file) as parquet:
                    for batch in parquet.iter_batches(BATCH_ROWS):
                        yield batch.cast(schema)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def distribute(self, work: Callable[[Share], Done], shares: Sequence[Share]) -> Iterator[Done]:
        """See `Engine.distribute`. One task for each share, in the Python workers of executors, as an Arrow UDF."""
        if not shares:
            return
        folder = self._scratch / self._fresh("shares")
        folder.mkdir()
        for number, share in enumerate(shares):
            (folder / str(number)).write_bytes(pickle.dumps(share))
        # One row in each partition, which is one task: the number of its share.
        numbers = self._spark.range(0, len(shares), 1, len(shares))
        done = numbers.mapInArrow(_worker(work, str(folder)), "number long, result binary").toArrow()
        shutil.rmtree(folder, ignore_errors=True)
        for pickled in done.sort_by("number")["result"]:
            result = pickle.loads(pickled.as_py())  # noqa: S301 - our own, from our executors
            if isinstance(result, InputError):
                raise result
            yield result

    def close(self) -> None:
        """See `Engine.close`."""
        for name in list(self._folders):
            self.drop(name)
        self._session.close()

    def _frame(self, expression: ir.Table) -> "DataFrame":
        return self._spark.sql(self._ibis.compile(expression))

    def _fresh(self, name: str) -> str:
        """A name that no view or folder has: engines of one session would else take one another's."""
        return f"{name}_{self._mark}_{next(self._numbers)}"

    def _view(self, name: str, frame: "DataFrame") -> ir.Table:
        frame.createOrReplaceTempView(name)
        return self._ibis.table(name)

    def _written(self, name: str, frame: "DataFrame") -> Path:
        folder = self._scratch / self._fresh(name)
        frame.write.parquet(folder.as_uri(), compression="zstd")
        return folder

    def _stored(self, name: str, folder: Path, frame: "DataFrame") -> ir.Table:
        self._folders[name] = folder
        return self._view(folder.name, frame)

    def _check_executors(self) -> None:
        """Ask executors whether they have this package and see scratch. Raises InputError, which says what is missing."""
        context = self._spark.sparkContext
        token = self._scratch / "seen"
        token.write_text(stillwatch.__version__)
        limit = threading.Timer(EXECUTORS_S, context.cancelAllJobs)
        limit.daemon = True
        limit.start()
        tasks = max(2, context.defaultParallelism)
        try:
            told = (
                self._spark.range(0, tasks, 1, tasks)
                .mapInArrow(_probe(str(token)), "problem string")
                .toArrow()
            )
        except Exception as error:  # whatever Spark raises
            if limit.is_alive():
                last = [line.strip() for line in str(error).splitlines() if line.strip()][-1:]
                raise InputError(
                    f"executors cannot do Python's work ({''.join(last)[:200]})",
                    where=context.master or "",
                    mend="install the same Python and stillwatch[spark] on them, and name it as spark.pyspark.python",
                ) from error
            raise InputError(
                f"no executor came within {EXECUTORS_S} s",
                where=context.master or "",
                mend="ask for fewer cores or less memory with --spark-conf (spark.cores.max, spark.executor.memory)",
            ) from error
        finally:
            limit.cancel()
        problems = sorted(filter(None, told["problem"].to_pylist()))
        if problems:
            raise InputError(
                problems[0],
                where=str(self._scratch),
                mend="let executors have what the driver has: this version of stillwatch, and --work on shared storage",
            )


def _schema(expression: ir.Table) -> pa.Schema:
    """What an expression's rows are called and hold. Ibis drops the zone of Spark's times, which is UTC."""
    fields: pa.Schema = expression.schema().to_pyarrow()
    return pa.schema(f.with_type(TIME) if pa.types.is_timestamp(f.type) else f for f in fields)


def _worker(
    work: Callable[[Any], Any], folder: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                try:
                    result = work(pickle.loads(Path(folder, str(number)).read_bytes()))  # noqa: S301 - our own
                except InputError as error:
                    result = error
                yield pa.RecordBatch.from_pydict({"number": [number], "result": [pickle.dumps(result)]})

    return run


def _probe(token: str) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    # Uses nothing of ours until it knows that it is there; a closure is sent whole where a module's function is not.
    wanted = stillwatch.__version__

    def look() -> str:
        host = socket.gethostname()
        try:
            import stillwatch
        except ImportError:
            return f"the executor on {host} does not have stillwatch"
        if stillwatch.__version__ != wanted:
            return f"the executor on {host} has stillwatch {stillwatch.__version__}, and the driver {wanted}"
        try:
            Path(token).read_text()
            Path(f"{token}-by-{host}").touch()
        except OSError as error:
            return f"the executor on {host} cannot use the work folder ({error.strerror})"
        return ""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"problem": [look() for _ in batches][:1]})

    return run
