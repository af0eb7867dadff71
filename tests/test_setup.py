"""scripts/setup: which Python it takes, and what it says when there is none that will do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("sh", "dirname", "id", "env")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder, with a space in its path, that holds scripts/setup and a second half that says who ran it."""
    scripts = tmp_path / "a checkout" / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", scripts)
    (scripts / "setup_venv.py").write_text("import os, sys; print(os.environ.get('AS'), sys.argv[1])")
    return scripts.parent


def tools(folder: Path) -> Path:
    """Make a folder for PATH with the few tools that the script needs, and no Python."""
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def python(folder: Path, name: str, *, version: str = "ours", venv: bool = True) -> None:
    """Put an interpreter in `folder`: our own (`ours`), one that is too old, or one that does not run."""
    folder.mkdir(exist_ok=True)
    refuses = {"old": "*version_info*", "broken": "*"}.get(version)
    lines = ["#!/bin/sh", 'case "$*" in']
    lines += [f"{refuses}) exit 1 ;;"] if refuses else []
    lines += [] if venv else ["*ensurepip*) exit 1 ;;"]
    lines += ["esac", f"AS='{name}' exec '{sys.executable}' \"$@\""]
    (folder / name).write_text("\n".join(lines) + "\n")
    (folder / name).chmod(0o755)


def setup(checkout: Path, *path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "scripts" / "setup"), "base"],
        env={"PATH": os.pathsep.join(map(str, path)), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_newest_python_is_taken(checkout, tmp_path):
    for name in ("python3", "python3.11", "python3.13"):
        python(tmp_path / "bin", name)
    assert setup(checkout, tools(tmp_path / "tools"), tmp_path / "bin").stdout == "python3.13 base\n"


def test_old_python_is_passed_over(checkout, tmp_path):
    python(tmp_path / "bin", "python3", version="old")
    python(tmp_path / "bin", "python3.12")
    assert setup(checkout, tools(tmp_path / "tools"), tmp_path / "bin").stdout == "python3.12 base\n"


def test_shim_that_does_not_run_hides_nothing(checkout, tmp_path):
    python(tmp_path / "shims", "python3.12", version="broken")
    python(tmp_path / "folder with space", "python3.12")
    done = setup(checkout, tools(tmp_path / "tools"), tmp_path / "shims", tmp_path / "folder with space")
    assert done.stdout == "python3.12 base\n"


def test_python_that_makes_no_environments_is_passed_over(checkout, tmp_path):
    python(tmp_path / "bin", "python3.13", venv=False)
    python(tmp_path / "bin", "python3.11")
    assert setup(checkout, tools(tmp_path / "tools"), tmp_path / "bin").stdout == "python3.11 base\n"


def test_variable_overrides(checkout, tmp_path):
    python(tmp_path / "bin", "python3.13")
    python(tmp_path / "own place", "mine")
    done = setup(
        checkout, tools(tmp_path / "tools"), tmp_path / "bin", PYTHON=str(tmp_path / "own place" / "mine")
    )
    assert done.stdout == "mine base\n"


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2
    assert done.stderr.startswith("stillwatch: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_no_python_is_one_line(checkout, tmp_path):
    python(tmp_path / "bin", "python3", version="old")
    assert "no Python 3.11 or newer was found" in one_line(
        setup(checkout, tools(tmp_path / "tools"), tmp_path / "bin")
    )


def test_useless_variable_is_one_line(checkout, tmp_path):
    done = setup(checkout, tools(tmp_path / "tools"), PYTHON="/no/such/python")
    assert "PYTHON=/no/such/python" in one_line(done)


def test_missing_venv_names_the_package(checkout, tmp_path):
    # No apt-get on this PATH, so not even root can have it installed.
    python(tmp_path / "bin", "python3.11", venv=False)
    line = one_line(setup(checkout, tools(tmp_path / "tools"), tmp_path / "bin"))
    assert f"python{sys.version_info.major}.{sys.version_info.minor}-venv" in line


def test_root_on_debian_gets_the_package(checkout, tmp_path):
    python(tmp_path / "bin", "python3.11", venv=False)
    folder = tools(tmp_path / "tools")
    (folder / "id").unlink()
    # What apt-get would do, as far as this Python shows it: venv is there afterwards.
    sane = tmp_path / "sane"
    python(sane, "python3.11")
    for name, line in (
        ("id", "echo 0"),
        ("apt-get", f"[ $1 = update ] || cp '{sane}/python3.11' '{tmp_path}/bin'"),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    (folder / "cp").symlink_to(shutil.which("cp"))
    done = setup(checkout, folder, tmp_path / "bin")
    assert done.stdout == "python3.11 base\n"
    assert "installing python3." in done.stderr
