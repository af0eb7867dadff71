"""What tests of engines share: Spark on this machine, a real standalone cluster, and a log with all that a log can have."""

import json
import os
import re
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from stillwatch.engines import open_engine
from stillwatch.records.errors import InputError

MEMORY = 1 << 30
QUICK = {
    "spark.sql.shuffle.partitions": "2",
    # Queries over a few thousand rows are over before the better of Java's compilers has done its work.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}
START_S = 60
"""So long a master or a worker has to start."""


def need_java():
    """Absent, a test fails in CI (CI=true) and is skipped elsewhere."""
    from stillwatch.engines.spark_session import check_java

    try:
        check_java()
    except InputError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def local():
    """Settings of Spark on this machine."""
    need_java()
    return {"spark.master": "local[2]", **QUICK}


@pytest.fixture(scope="session")
def held():
    """What is open from test to test, if anything: a process has one Spark."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def spark(local, held, tmp_path_factory):
    """Spark on this machine, open: engines that are opened with these settings share it."""
    from pyspark.sql import SparkSession

    if SparkSession.getActiveSession() is None:
        scratch = tmp_path_factory.mktemp("spark")
        held.enter_context(open_engine("spark", scratch=scratch, threads=2, memory=MEMORY, settings=local))
    return local


@pytest.fixture
def no_spark(held):
    """No Spark is open in this process."""
    held.close()


@contextmanager
def _process(cluster: Path, name: str, what: str, *options: str):
    """A master or a worker, until the end of the block; yields its log."""
    import pyspark

    home = Path(pyspark.__file__).parent
    log = cluster / f"{name}.log"
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOG_DIR": str(cluster),
        "SPARK_DAEMON_MEMORY": "256m",
        "OMP_NUM_THREADS": "1",
    }
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{what}", "--host", "127.0.0.1"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *options], env=environment, stdout=file, stderr=subprocess.STDOUT, cwd=cluster
        )
    try:
        yield log, process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(log: Path, process: subprocess.Popen, pattern: str) -> str:
    limit = time.monotonic() + START_S
    while time.monotonic() < limit and process.poll() is None:
        if found := re.search(pattern, log.read_text("utf-8", "replace")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"{pattern!r} did not come: {log.read_text('utf-8', 'replace')[-2000:]}")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A standalone cluster on loopback, of a master and two workers with one core each: settings that name it."""
    need_java()
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        master = stack.enter_context(
            _process(folder, "master", "master.Master", "--port", "0", "--webui-port", "0")
        )
        url = _wait_for(*master, r"Starting Spark master at (spark://\S+)")
        workers = [
            stack.enter_context(
                _process(
                    folder,
                    f"worker-{n}",
                    "worker.Worker",
                    *("--cores", "1", "--memory", "1g", "--port", "0", "--webui-port", "0"),
                    *("--work-dir", str(folder / f"worker-{n}"), url),
                )
            )
            for n in range(2)
        ]
        for worker in workers:
            _wait_for(*worker, r"Successfully registered with master (spark://\S+)")
        yield {
            "spark.master": url,
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executor.memory": "600m",
            **QUICK,
        }


@pytest.fixture(scope="session")
def mixed_log(tmp_path_factory):
    """All classes of campaigns and look-alikes in files of three forms, with repeats, nulls and rows that cannot be used."""
    from stillwatch.drill.writer import Settings, run_drill

    folder = tmp_path_factory.mktemp("mixed") / "drill"
    run_drill(Settings(scenario="all", exchanges=12_000, accounts=700, seed=3), folder)
    (made,) = (folder / "usage").iterdir()
    rows = pq.read_table(made)
    made.unlink()
    # Every seventh address and every ninth status is not known.
    for name, each in (("client_address", 7), ("status", 9), ("tool_count", 11)):
        at = rows.column_names.index(name)
        known = pa.array([i % each != 0 for i in range(rows.num_rows)])
        blank = pa.nulls(rows.num_rows, rows.schema.field(name).type)
        rows = rows.set_column(at, name, pa.compute.if_else(known, rows[name], blank))
    third = rows.num_rows // 3
    first, second, last = rows.slice(0, third), rows.slice(third, third), rows.slice(2 * third)
    usage = folder / "usage"
    pq.write_table(first, usage / "a.parquet", row_group_size=400)
    # Some of the first third once more: the same rows, and rows of the same id an hour later.
    again = first.slice(100, 150)
    at = again.column_names.index("time")
    later = pa.compute.add(again["time"], pa.scalar(3_600_000_000, pa.duration("us")))
    repeats = pa.concat_tables([again, again.slice(0, 50).set_column(at, again.schema.field(at), later[:50])])
    lines = [json.dumps(row, default=str) for row in pa.concat_tables([second, repeats]).to_pylist()]
    lines.insert(7, '{"event_id": "cut", "time": "2026-03-')
    lines.insert(50, json.dumps({"event_id": "x1", "time": "soon", "account_id": "acc", "model": "m"}))
    lines.insert(500, json.dumps({"event_id": "x2", "time": "2026-03-03T10:00:00Z", "account_id": "acc"}))
    (usage / "b.jsonl").write_text("\n".join(lines) + "\n")
    pa.csv.write_csv(last, usage / "c.csv")
    with (usage / "c.csv").open("a") as out:
        out.write("too,few,fields\n")
    return folder
