"""Options that commands share: the key, the window, what may be used."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stillwatch.cli.inputs import (
    available_threads,
    check_window,
    lasting_key,
    open_key,
    resource_options,
    resources_of,
    state_folder,
    table_options,
    window_options,
)
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key


def test_the_users_key_is_made_once(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first = open_key(None)
    assert open_key(None).id == first.id
    assert Key.default_path().is_file()


def test_without_a_place_to_keep_it_the_key_is_for_one_run(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file" / "deeper"))
    assert open_key(None).id != open_key(None).id


def test_a_damaged_key_is_not_passed_over(tmp_path):
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(InputError):
        open_key(tmp_path / "key")


def test_a_window_holds_some_time():
    check_window(1, 2)
    check_window(None, 2)
    with pytest.raises(InputError, match="--since is not before --until"):
        check_window(2, 2)


def test_resources_are_as_asked_or_what_there_is():
    asked = resources_of(3, 10**9, "duckdb")
    assert (asked.threads, asked.memory, asked.engine) == (3, 10**9, "duckdb")
    own = resources_of(None, None, "duckdb")
    assert own.threads == available_threads() >= 1
    assert own.memory > 10**8


def test_settings_of_spark_come_from_a_file_and_the_master_from_its_option(tmp_path):
    (tmp_path / "spark.conf").write_text("spark.executor.memory = 8g\n")
    asked = resources_of(
        2, 10**9, "spark", spark_master="spark://a:7077", spark_conf=tmp_path / "spark.conf", work=tmp_path
    )
    assert asked.engine_settings == {"spark.executor.memory": "8g", "spark.master": "spark://a:7077"}
    assert asked.work == tmp_path


@pytest.mark.parametrize("given", [{"spark_master": "local[2]"}, {"spark_conf": Path("spark.conf")}])
def test_settings_of_another_engine_are_refused(given):
    (name,) = given
    with pytest.raises(
        InputError, match=f"--{name.replace('_', '-')} is for the engine spark; add --engine spark"
    ):
        resources_of(2, 10**9, "duckdb", **given)


def test_options_arrive_under_their_names_and_in_order():
    @click.command()
    @table_options
    @window_options
    @resource_options
    def command(**given):
        click.echo(repr(given))

    told = CliRunner().invoke(command, ["--usage=u", "--since=1970-01-02", "--memory=1GB", "--threads=2"])
    given = eval(told.stdout)
    assert given["usage"] == "u"
    assert given["since"] == 86_400_000_000
    assert given["memory"] == 10**9
    assert given["agreements"] is None
    assert [p.name for p in command.params] == [
        "usage", "accounts", "releases", "agreements", "since", "until", "adapter", "mapping", "key", "threads",
        "memory",
    ]  # fmt: skip


def test_sketches_that_are_kept_need_a_key_that_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert lasting_key(None).id == open_key(None).id
    (tmp_path / "own").write_bytes(bytes(16))
    assert lasting_key(tmp_path / "own") == Key(bytes(16))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file" / "deeper"))
    with pytest.raises(InputError, match="cannot make a sketch key"):
        lasting_key(None)


def test_a_state_is_a_folder_with_or_without_retention(tmp_path):
    assert state_folder(None, None) is None
    assert state_folder(tmp_path, 30).retain == 30
    with pytest.raises(InputError, match="--retain without --state"):
        state_folder(None, 30)
