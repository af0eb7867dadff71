"""What all tests share: an exercise with its scan, and a real browser for the report."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# Nothing is timed in tests: a first call may compile, and machines are shared.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Sandbox and GPU are off because CI runs as root in a container; the rest keeps Chromium itself off the network,
# so that a request seen in a test is the report's own.
CHROMIUM_ARGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """The Chromium named by STILLWATCH_CHROMIUM, or the first one on the path."""
    named = os.environ.get("STILLWATCH_CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium. Absent, a test fails in CI (CI=true) and is skipped elsewhere."""
    path = chromium_path()
    if path is None:
        reason = "no Chromium: run scripts/install-chromium, or set STILLWATCH_CHROMIUM to its path"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def exercise(tmp_path_factory):
    """A small exercise with known truth, made once: a folder as `stillwatch drill` writes it."""
    from stillwatch.drill.writer import Settings, run_drill

    folder = tmp_path_factory.mktemp("exercise") / "drill"
    run_drill(Settings(scenario="small", seed=7), folder)
    return folder


@pytest.fixture(scope="session")
def scan_command():
    """Run `stillwatch scan` on an exercise's tables, in this process: (exit status, stdout, stderr)."""
    from click.testing import CliRunner

    from stillwatch.cli.scan import scan

    def call(usage, tables, out, *options):
        named = [
            f"--{name}={tables / name}.parquet"
            for name in ("accounts", "releases", "agreements")
            if tables is not None and (tables / f"{name}.parquet").exists()
        ]
        result = CliRunner().invoke(scan, [f"--usage={usage}", *named, f"--out={out}", *options])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture(scope="session")
def scanned(exercise, scan_command, tmp_path_factory):
    """What a scan of the small exercise wrote."""
    out = tmp_path_factory.mktemp("scanned") / "out"
    scan_command(exercise / "usage", exercise, out)
    return out
