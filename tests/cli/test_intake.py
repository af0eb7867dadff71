"""`stillwatch intake serve` as a user meets it: help, mistakes, and packages that are not installed."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from stillwatch.cli.intake import intake

RUN = "from stillwatch.cli.main import run; run(['intake', 'serve', '--dir', {folder!r}, *{options!r}])"


def ended(folder, *options, before=""):
    """Run the command as a process of its own: (exit status, stderr)."""
    code = before + RUN.format(folder=str(folder), options=list(options))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_help_says_what_it_takes_and_what_texts_are_for():
    text = " ".join(CliRunner().invoke(intake, ["serve", "--help"]).output.split())
    for word in ("/v1/litellm", "/v1/traces", "/v1/logs", "/metrics", "stillwatch intake serve --dir"):
        assert word in text
    assert "No content can be weighed then" in text


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "prometheus_client", "google.rpc"])
def test_a_missing_extra_is_one_line(tmp_path, package):
    status, err = ended(tmp_path / "dir", before=f"import sys; sys.modules[{package!r}] = None; ")
    assert status == 2
    assert err.count("\n") == 1
    assert package in err
    assert "pip install 'stillwatch[gateway]'" in err
    assert not (tmp_path / "dir").exists()


def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path):
    status, err = ended(tmp_path / "dir", "--host", "0.0.0.0")
    assert (status, err.count("\n")) == (2, 1)
    assert "--token-file FILE" in err
    assert not (tmp_path / "dir").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--port", "70000"], "70000"),
        (["--rows", "0"], "--rows"),
        (["--seconds", "nan"], "--seconds is not a number"),
        (["--max-body", "1kB"], "not a size of at least 1MB"),
        (["--dir", ""], "--dir is given 2 times"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path, options, problem):
    result = CliRunner().invoke(intake, ["serve", "--dir", str(tmp_path / "dir"), *options])
    assert result.exit_code == 2
    assert problem in result.output


def test_settings_reach_the_collector(tmp_path, monkeypatch):
    from stillwatch.collector import server

    seen = []
    monkeypatch.setattr(server, "serve", seen.append)
    options = [
        "--host=::1",
        "--port=9",
        "--rows=7",
        "--seconds=3",
        "--max-body=5MB",
        "--without-text",
        "--no-auth",
    ]
    result = CliRunner().invoke(
        intake, ["serve", f"--dir={tmp_path}", *options, "--mapping=a", "--mapping=b"]
    )
    assert result.exit_code == 0, result.output
    (settings,) = seen
    assert (settings.folder, settings.host, settings.port) == (tmp_path, "::1", 9)
    assert (settings.rows, settings.seconds, settings.body) == (7, 3.0, 5_000_000)
    assert (settings.text, settings.no_auth) == (False, True)
    assert list(map(str, settings.mappings)) == ["a", "b"]


def test_defaults_are_those_of_the_collector(tmp_path, monkeypatch):
    from stillwatch.collector import server

    seen = []
    monkeypatch.setattr(server, "serve", seen.append)
    CliRunner().invoke(intake, ["serve", f"--dir={tmp_path}"])
    assert seen == [server.Settings(tmp_path)]
