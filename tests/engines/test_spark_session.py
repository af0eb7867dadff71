"""Spark starts and ends without a word, and says in one line why it cannot."""

import socket
import subprocess
import sys

import psutil
import pytest

from stillwatch.engines import spark_session
from stillwatch.engines.spark_session import Session, check_java
from stillwatch.engines.spark_settings import complete
from stillwatch.records.errors import InputError

ALONE = """
import sys, psutil
from pathlib import Path
from stillwatch.engines import open_engine
with open_engine("spark", scratch=Path(sys.argv[1]), threads=1, memory=1 << 30,
                 settings={"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"}) as engine:
    java = [p for p in psutil.Process().children(recursive=True) if p.name() == "java"]
    open_ports = {c.laddr.ip for p in java for c in p.net_connections("inet") if c.status == "LISTEN"}
    memory = next(a for a in java[0].cmdline() if a.startswith("-Xmx"))
print(memory, sorted(open_ports), len(java), [p.name() for p in psutil.Process().children(recursive=True)])
"""


def test_it_says_nothing_listens_on_loopback_only_and_ends_its_jvm(local, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    memory, rest = done.stdout.split(" ", 1)
    assert memory == "-Xmx768m"
    assert rest.strip() in (
        "['127.0.0.1'] 1 []",
        "['127.0.0.1', '::ffff:127.0.0.1'] 1 []",
        "['::ffff:127.0.0.1'] 1 []",
    )


def test_a_session_that_is_open_is_used_and_left_open(spark, tmp_path):
    from pyspark.sql import SparkSession

    session = Session(complete(spark, tmp_path, 2, 1 << 30), tmp_path)
    session.close()
    assert session.spark is SparkSession.getActiveSession()
    assert session.spark.range(3).count() == 3


def test_one_of_another_master_is_not_taken_for_it(spark, tmp_path):
    settings = complete({**spark, "spark.master": "local[7]"}, tmp_path, 2, 1 << 30)
    with pytest.raises(
        InputError, match=r"local\[7\]: Spark runs already in this process, with the master local\[2\]"
    ):
        Session(settings, tmp_path)


def test_a_master_that_does_not_answer_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        spark_session._check_master(f"spark://127.0.0.1:1,127.0.0.1:{port}")  # one of two does
    with pytest.raises(InputError, match="no Spark master answers there"):
        spark_session._check_master(f"spark://127.0.0.1:{port}")
    with pytest.raises(InputError, match="no Spark master answers there"):
        spark_session._check_master("spark://127.0.0.1")


def program(folder, version):
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return folder


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_java_that_is_new_enough_will_do(monkeypatch, tmp_path, version):
    monkeypatch.setenv("JAVA_HOME", str(program(tmp_path / "java", version)))
    check_java()


def test_java_that_is_too_old_broken_or_absent_is_told(monkeypatch, tmp_path):
    for version in ("1.8.0_412", "11.0.2"):
        monkeypatch.setenv("JAVA_HOME", str(program(tmp_path / version, version)))
        with pytest.raises(InputError, match=rf"Java {version} is too old for Spark; install Java 17"):
            check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"bin/java does not run; install Java 17 or newer"):
        check_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="Spark needs Java, and there is none"):
        check_java()


def test_without_pyspark_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(InputError, match=r"PySpark is not installed; install stillwatch\[spark\]"):
        spark_session._check_pyspark()


def java():
    return {p.pid for p in psutil.Process().children(recursive=True) if p.name() == "java"}


@pytest.mark.usefixtures("no_spark")
def test_what_spark_says_when_it_does_not_start_is_told_and_nothing_stays(local, tmp_path):
    before = java()
    settings = complete({**local, "spark.driver.memory": "lots"}, tmp_path, 1, 1 << 30)
    with pytest.raises(
        InputError, match=r"local\[2\]: Spark did not start \(.*lots.*\); check --spark-master"
    ):
        Session(settings, tmp_path)
    assert java() == before
