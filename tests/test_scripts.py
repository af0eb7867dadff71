"""The scripts behind make: when a set-up is current, and the list of tests that did not run."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def scripts(monkeypatch):
    """Let the scripts be imported, as they are no part of the package."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield
    for name in ("setup_venv", "list_not_run"):
        sys.modules.pop(name, None)


@pytest.fixture
def venv(scripts, monkeypatch, tmp_path):
    """The module setup_venv, about a checkout of its own in which nothing is set up."""
    import setup_venv

    (tmp_path / "requirements").mkdir()
    for profile in setup_venv.PROFILES:
        (tmp_path / "requirements" / f"{profile}.lock").write_text(f"{profile}==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(setup_venv, "ROOT", tmp_path)
    monkeypatch.setattr(setup_venv, "VENV", tmp_path / ".venv")
    return setup_venv


def done(venv, profile: str) -> None:
    venv.stamp(profile).write_text(venv.digest(profile, "3.11"))


def test_nothing_is_current_at_first(venv):
    assert [p for p in venv.PROFILES if venv.is_current(p, "3.11")] == []


@pytest.mark.parametrize(
    ("installed", "current"),
    [("base", ["base"]), ("dev", ["base", "dev"]), ("bench", ["base", "dev", "bench"])],
)
def test_a_larger_profile_holds_the_smaller_ones(venv, installed, current):
    done(venv, installed)
    assert [p for p in venv.PROFILES if venv.is_current(p, "3.11")] == current


def test_a_changed_lock_is_noticed(venv, tmp_path):
    done(venv, "dev")
    (tmp_path / "requirements" / "dev.lock").write_text("dev==2\n")
    assert not venv.is_current("dev", "3.11")


def test_a_touched_lock_is_not_a_changed_one(venv, tmp_path):
    done(venv, "dev")
    (tmp_path / "requirements" / "dev.lock").touch()
    assert venv.is_current("dev", "3.11")


def test_another_python_and_another_place_are_noticed(venv, monkeypatch, tmp_path):
    done(venv, "dev")
    assert not venv.is_current("dev", "3.12")
    before = venv.digest("dev", "3.11")
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    monkeypatch.setattr(venv, "ROOT", moved)
    assert venv.digest("dev", "3.11") != before


def test_a_failing_command_is_told_with_its_last_words(venv, capfd):
    with pytest.raises(SystemExit, match="set-up failed"):
        venv.run(sys.executable, "-c", "print('no such wheel'); raise SystemExit(3)")
    assert "no such wheel" in capfd.readouterr().err


def test_commands_do_not_inherit_what_sends_packages_elsewhere(venv, monkeypatch):
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    venv.run(sys.executable, "-c", "import os; assert 'PIP_TARGET' not in os.environ")


JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="ran"/>
<testcase classname="tests.a" name="browser"><skipped type="pytest.skip" message="no Chromium"/></testcase>
<testcase classname="tests.a" name="expected"><skipped type="pytest.xfail" message="known"/></testcase>
</testsuite></testsuites>"""


def test_skipped_tests_are_listed_with_their_reason(scripts, tmp_path, monkeypatch, capsys):
    import list_not_run

    (tmp_path / "tests.xml").write_text(JUNIT)
    assert list_not_run.not_run(tmp_path / "tests.xml") == [("no Chromium", "tests.a::browser")]
    monkeypatch.setattr(sys, "argv", ["list_not_run", str(tmp_path / "tests.xml")])
    list_not_run.main()
    assert "1 TEST(S) COULD NOT RUN HERE" in capsys.readouterr().out
