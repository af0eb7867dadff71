"""Make .venv hold a profile's pinned packages and this checkout, once; run by scripts/setup.

Uses the standard library only. A stamp in .venv records a digest of what was installed, so that a second
run has nothing to do; a lock lets runs at the same time wait for one another.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PROFILES = ("base", "dev", "bench")
"""Each holds all that the one before it holds, in the same versions (tests/test_house.py sees to that)."""

SOURCES = ("cpe", "pyspark")
"""Packages of dev that are published as source only (cpe: needed by stix2-validator; of pyspark nothing is compiled)."""

UNISOLATED = ("--no-build-isolation", "--use-pep517")
"""Build with the setuptools that is installed, rather than with one fetched for the purpose."""

INHERITED = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")
"""Variables of the user's own that would send packages elsewhere than into .venv."""


def digest(profile: str, python: str) -> str:
    """Return what identifies a finished set-up: the pins, the package's own metadata, Python, the place."""
    parts = [
        (ROOT / "requirements" / f"{profile}.lock").read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        python.encode(),
        os.fsencode(ROOT),
    ]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def stamp(profile: str) -> Path:
    """Return the file that says with which digest `profile` was installed."""
    return VENV / f".stamp-{profile}"


def is_current(profile: str, python: str) -> bool:
    """Whether .venv holds `profile`, or a larger one, as the files say now."""
    larger = PROFILES[PROFILES.index(profile) :]
    return any(stamp(p).is_file() and stamp(p).read_text() == digest(p, python) for p in larger)


def is_usable(python: str) -> bool:
    """Whether .venv was made here by this version of Python (one that was moved has wrong paths inside)."""
    home = VENV / ".made-at"
    return PYTHON.exists() and home.is_file() and home.read_text() == f"{ROOT}\n{python}"


def run(*command: str | Path) -> None:
    """Run a command of the set-up; end with its last words, and what to try, when it fails."""
    environment = {k: v for k, v in os.environ.items() if k not in INHERITED}
    environment |= {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    done = subprocess.run(  # noqa: S603
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        what = " ".join(str(part) for part in command[1:4])
        sys.exit(f"stillwatch: set-up failed in: {what}; mend what is said above, then run make again")


def install(profile: str, python: str) -> None:
    """Make .venv if need be, and install the pinned packages and this checkout into it."""
    for each in PROFILES:
        stamp(each).unlink(missing_ok=True)
    version = python.split(maxsplit=1)[0]
    print(f"stillwatch: setting up .venv ({profile}, Python {version}); about a minute", file=sys.stderr)
    if not is_usable(python):
        # Not the virtual environment's own Python, which the next line takes away.
        maker = getattr(sys, "_base_executable", None) or sys.executable
        shutil.rmtree(VENV, ignore_errors=True)
        run(maker, "-I", "-m", "venv", VENV)
        (VENV / ".made-at").write_text(f"{ROOT}\n{python}")
    pip = (PYTHON, "-m", "pip", "install", "--quiet")
    # Wheels only, but for the exceptions: building in isolation would fetch tools that no hash pins.
    pinned = (*pip, "--require-hashes", "--only-binary", ":all:")
    run(*pinned, "-r", "requirements/base.lock")
    if profile != "base":
        # The exceptions are built with the setuptools that the base holds.
        sources = [option for name in SOURCES for option in ("--no-binary", name)]
        run(*pinned, *sources, *UNISOLATED, "-r", f"requirements/{profile}.lock")
    run(*pip, "--no-deps", *UNISOLATED, "--editable", ROOT)
    stamp(profile).write_text(digest(profile, python))


def main() -> None:
    """Set up the profile that the command line names."""
    profile = sys.argv[1] if len(sys.argv) > 1 else "dev"
    if profile not in PROFILES:
        sys.exit(f"stillwatch: no profile {profile!r}; use one of {', '.join(PROFILES)}")
    python = sys.version
    if is_current(profile, python):
        return
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(profile, python):
            install(profile, python)


if __name__ == "__main__":
    main()
