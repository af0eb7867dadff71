"""The command group: what it lists, what it imports, how it ends."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

import stillwatch
from stillwatch.cli.main import COMMANDS, Entry, cli, run
from stillwatch.records.errors import InputError

BUILT = [name for name, entry in COMMANDS.items() if importlib.util.find_spec(entry.module)]


def ended(arguments: list[str]) -> int:
    """Run a command line and return its exit status."""
    with pytest.raises(SystemExit) as end:
        run(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """Put a function in the group as the command `probe`, by way of a module as all commands are."""

    def put(function):
        module = ModuleType("probe_module")
        module.probe = click.command("probe")(function)
        monkeypatch.setitem(sys.modules, "probe_module", module)
        monkeypatch.setattr(cli, "entries", {"probe": Entry("probe_module:probe", "Probe.")})

    return put


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    assert text.startswith("stillwatch: "), text
    return text.strip()


def test_version(capsys):
    assert ended(["--version"]) == 0
    assert capsys.readouterr().out == f"stillwatch {stillwatch.__version__}\n"


def test_version_is_that_of_the_metadata():
    from importlib.metadata import version

    assert version("stillwatch") == stillwatch.__version__


def test_help_lists_every_command(capsys):
    assert ended(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name, entry in COMMANDS.items():
        assert f" {name} {entry.help} " in out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["no-such-command"]])
def test_light_command_lines_import_nothing_heavy(arguments):
    heavy = ("duckdb", "ibis", "igraph", "jinja2", "numba", "numpy", "pyarrow", "scipy")
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('HEAVY', sorted(set(sys.modules) & set({heavy!r}))))\n"
        f"from stillwatch.cli.main import run; run({arguments!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", BUILT)
def test_line_in_the_table_is_the_command_s_own(name):
    command = COMMANDS[name].load()
    assert command.name == name
    assert command.help is not None
    assert command.help.split("\n\n")[0].replace("\n", " ").strip() == COMMANDS[name].help


@pytest.mark.parametrize("name", BUILT)
def test_help_of_a_command_has_an_example(name, capsys):
    assert ended([name, "--help"]) == 0
    assert re.search(rf"^  Examples?:\s+stillwatch {name} (\w+ )?--", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("name", BUILT)
def test_unknown_option_is_one_line(name, capsys):
    assert ended([name, "--no-such-option"]) == 2
    captured = capsys.readouterr()
    assert "--no-such-option" in one_line(captured.err)
    assert f"stillwatch {name} --help" in captured.err
    assert captured.out == ""


def test_no_command_is_one_line(capsys):
    assert ended([]) == 2
    assert one_line(capsys.readouterr().err) == "stillwatch: no command given; see stillwatch --help"


def test_unknown_command_names_a_close_one(capsys):
    assert ended(["scna"]) == 2
    line = one_line(capsys.readouterr().err)
    assert "'scna'" in line
    assert "'scan'" in line


def test_input_error_is_printed_as_it_is(command, capsys):
    def probe():
        raise InputError("no column time", where="logs/a.csv", mend="name it with --mapping")

    command(probe)
    assert ended(["probe"]) == 2
    assert one_line(capsys.readouterr().err) == (
        "stillwatch: logs/a.csv: no column time; name it with --mapping"
    )


def test_number_returned_is_the_exit_status(command):
    command(lambda: 4)
    assert ended(["probe"]) == 4


def test_anything_else_returned_is_success(command):
    command(lambda: True)
    assert ended(["probe"]) == 0


def test_exit_of_the_context_is_the_exit_status(command):
    command(lambda: click.get_current_context().exit(3))
    assert ended(["probe"]) == 3


def test_interrupt_is_130_without_a_traceback(command, capsys):
    def probe():
        raise KeyboardInterrupt

    command(probe)
    assert ended(["probe"]) == 130
    assert capsys.readouterr().err == "stillwatch: interrupted; no result was written\n"


def test_shells_get_completions(monkeypatch, capsys):
    monkeypatch.setenv("_STILLWATCH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "stillwatch --v")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert ended([]) == 0
    assert capsys.readouterr().out == "plain,--version\n"


def test_module_without_a_command_is_a_fault_of_ours():
    with pytest.raises(TypeError, match="not a click command"):
        Entry("stillwatch:__version__", "").load()


def test_reader_that_went_away_is_quiet():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", "from stillwatch.cli.main import run; run(['--help'])"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == 141


def test_numba_gets_a_private_cache_only_where_it_has_none(monkeypatch, tmp_path):
    from stillwatch.cli import main

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    main._give_numba_a_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ, "the checkout is writeable"

    monkeypatch.setattr(main.os, "access", lambda *_: False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(main.tempfile, "tempdir", None)
    main._give_numba_a_cache()
    made = os.environ["NUMBA_CACHE_DIR"]
    assert Path(made).stat().st_mode & 0o077 == 0
    monkeypatch.delenv("NUMBA_CACHE_DIR")
