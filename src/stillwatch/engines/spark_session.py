"""Starting and ending Spark: one driver for each process, quiet, and gone when it is closed."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stillwatch.engines.spark_settings import MASTER, RESULTS
from stillwatch.records.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
ANSWER_S = 10
"""So long a master has to take a connection."""
END_S = 20
"""So long the JVM has to end."""
_EXCEPTION = re.compile(
    r"(?:Caused by: |Exception in thread \S+ )?[\w$]+(?:\.[\w$]+)+(?:Exception|Error): (.+)"
)
_LOG = """
rootLogger.level = warn
rootLogger.appenderRef.err.ref = err
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %p %c{1}: %m%n
"""


class Session:
    """A Spark session. One that this process has open already is used as it is and left open.

    `scratch` is an absolute path of a folder. Raises InputError where PySpark, Java or the master is missing or Spark does
    not start.
    """

    def __init__(self, settings: Mapping[str, str], scratch: Path) -> None:
        _check_pyspark()
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        master = settings[MASTER]
        found = SparkSession.getActiveSession()
        self.own = found is None
        self._own_jvm = SparkContext._gateway is None
        if found is None:
            check_java()
            _check_master(master)
            (scratch / "log4j2.properties").write_text(_LOG)
            try:
                found = _start(settings, scratch / "spark.log")
            except BaseException:
                if self._own_jvm:
                    _end_jvm()
                raise
        elif found.sparkContext.master != master:
            raise InputError(
                f"Spark runs already in this process, with the master {found.sparkContext.master}",
                where=master,
                mend="stop that session first, or give its master",
            )
        self.spark: SparkSession = found
        for key, value in RESULTS.items():
            self.spark.conf.set(key, value)

    def close(self) -> None:
        """End a session that was started here, with its JVM, which would hold its memory until this process ends."""
        if not self.own:
            return
        self.spark.stop()
        if self._own_jvm:
            _end_jvm()


def _end_jvm() -> None:
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is None:
        return
    gateway.shutdown()
    # Spark's launcher of the JVM ends it when its standard input does.
    process: subprocess.Popen[bytes] = gateway.proc
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _check_pyspark() -> None:
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise InputError(
            "PySpark is not installed",
            where="--engine spark",
            mend="install stillwatch[spark], or leave --engine out",
        ) from None


def check_java() -> None:
    """Raise InputError unless Java is there, new enough, where Spark looks for it: JAVA_HOME, then the path."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    mend = f"install Java {OLDEST_JAVA} or newer (scripts/install-java does), or set JAVA_HOME"
    if java is None:
        raise InputError("Spark needs Java, and there is none", where="--engine spark", mend=mend)
    try:
        told = subprocess.run(  # noqa: S603
            [java, "-version"], capture_output=True, text=True, timeout=60, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        raise InputError(
            f"Spark needs Java, and {java} does not run", where="--engine spark", mend=mend
        ) from None
    version = told.partition('"')[2].partition('"')[0]
    major = version.partition(".")[0].partition("-")[0]
    if not major.isdigit() or int(major) < OLDEST_JAVA:
        raise InputError(f"Java {version} is too old for Spark", where=java, mend=mend)


def _check_master(master: str) -> None:
    """Ask a standalone master, or one of several, whether it takes connections: Spark itself would try for minutes."""
    if not master.startswith("spark://"):
        return
    for place in master.removeprefix("spark://").split(","):
        host, _, port = place.rpartition(":")
        with (
            suppress(OSError, ValueError),
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S),
        ):
            return
    raise InputError(
        "no Spark master answers there", where=master, mend="give the master's URL, such as spark://host:7077"
    )


def _start(settings: Mapping[str, str], log: Path) -> "SparkSession":
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        with _python_of_workers(settings), _output_into(log):
            return builder.getOrCreate()
    except Exception as error:  # whatever Py4J and Spark raise: what went wrong stands in the log
        raise InputError(
            f"Spark did not start ({_last_words(log) or str(error).splitlines()[0]})",
            where=settings[MASTER],
            mend="check --spark-master, --spark-conf and --memory",
        ) from error


@contextmanager
def _python_of_workers(settings: Mapping[str, str]) -> Iterator[None]:
    """Workers run this Python, unless a setting or the environment names another."""
    name = "PYSPARK_PYTHON"
    before = os.environ.get(name)
    os.environ[name] = settings.get("spark.pyspark.python") or before or sys.executable
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _output_into(log: Path) -> Iterator[None]:
    """What is started here writes into a file: the JVM takes over these two streams and would write between our lines."""
    kept = [os.dup(stream) for stream in (1, 2)]
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    try:
        yield
    finally:
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)


def _last_words(log: Path) -> str:
    """What the first exception in the log says, or its first line."""
    try:
        lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    told = [found[1] for line in lines if (found := _EXCEPTION.match(line))]
    # A JVM that does not take its options says so first.
    return " ".join((told or lines or [""])[0].split())[:300]
