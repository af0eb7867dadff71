"""Settings of Spark: what a file may say, and what holds where it says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.engines.spark_settings import MASTER, RESULTS, complete, is_local, read_settings
from stillwatch.records.errors import InputError

keys = st.from_regex(r"spark\.x\.[a-zA-Z0-9.\-]{1,20}", fullmatch=True)
values = st.from_regex(r"[!-~]([ -~]*[!-~])?", fullmatch=True).filter(lambda v: v[0] not in "=:")


@given(st.dictionaries(keys, values), st.sampled_from([" ", " = ", "=", "\t", " : "]))
def test_what_is_written_is_read(tmp_path_factory, settings, between):
    path = tmp_path_factory.mktemp("conf") / "spark.conf"
    lines = [f"{key}{between}{value}" for key, value in settings.items()]
    path.write_text("# a remark\n\n" + "\n".join(lines) + "\n")
    assert read_settings(path) == settings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "spark.a 1\nexecutor.memory 8g\n",
            "line 2: not a setting of Spark; write spark.executor.memory = 8g",
        ),
        ("spark.executor.memory\n", "line 1: not a setting of Spark"),
        ("spark.a 1\nspark.a 2\n", "line 2: spark.a stands there twice; keep one of them"),
        ("spark.master local\n", "line 1: spark.master cannot be set here; give it with --spark-master"),
        ("spark.sql.session.timeZone CET\n", "all times are UTC"),
    ],
)
def test_what_is_no_setting_is_told_with_its_line(tmp_path, text, told):
    path = tmp_path / "spark.conf"
    path.write_text(text)
    with pytest.raises(InputError) as met:
        read_settings(path)
    assert told in str(met.value)


@pytest.mark.parametrize("content", [None, b"spark.a \xff\n"])
def test_a_file_that_cannot_be_read_is_told(tmp_path, content):
    path = tmp_path / "spark.conf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"spark\.conf: cannot be read"):
        read_settings(path)


def test_what_is_given_goes_before_ours_but_for_what_results_depend_on(tmp_path):
    given = {
        "spark.driver.memory": "7g",
        "spark.driver.extraJavaOptions": "-Xss2m",
        "spark.sql.ansi.enabled": "false",
    }
    found = complete(given, tmp_path, threads=3, memory=4 << 30)
    assert found["spark.driver.memory"] == "7g"
    assert found[MASTER] == "local[3]"
    assert found["spark.driver.extraJavaOptions"].endswith(" -Xss2m")
    assert "log4j2" in found["spark.driver.extraJavaOptions"]
    assert found.items() >= RESULTS.items()


def test_the_driver_keeps_to_memory_and_to_loopback_unless_a_cluster_has_to_reach_it(tmp_path):
    local = complete({}, tmp_path, threads=2, memory=4 << 30)
    assert local["spark.driver.memory"] == "3072m"
    assert local["spark.driver.bindAddress"] == "127.0.0.1"
    assert all(str(tmp_path) in local[name] for name in ("spark.local.dir", "spark.sql.warehouse.dir"))
    assert "spark.driver.bindAddress" not in complete(
        {MASTER: "spark://a:7077"}, tmp_path, threads=2, memory=1 << 30
    )
    assert complete({}, tmp_path, threads=2, memory=1 << 20)["spark.driver.memory"] == "512m"


def test_masters_on_this_machine():
    assert is_local("local[2]")
    assert is_local("local")
    assert not is_local("spark://host:7077")
    assert not is_local("local-cluster[2,1,1024]")
