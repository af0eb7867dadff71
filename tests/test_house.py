"""Rules of the house that no other tool checks: pins, mirrored tests, sizes, what a wheel holds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import stillwatch

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "stillwatch"
MODULES = sorted(PACKAGE.rglob("[!_]*.py"))  # a private module is tested through those that use it
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
DEV = ROOT / "requirements" / "dev.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

TESTED_ELSEWHERE: dict[str, str] = {
    # Declarations: what they say is held against the reference pages, word for word.
    "records/schema.py": "tests/test_docs.py",
    "records/findings.py": "tests/test_docs.py",
    # Declarations of limits, each of which is reached over HTTP.
    "collector/limits.py": "tests/collector/test_app.py",
    # What stands between a request and its answer, each part of which is reached over HTTP.
    "cli/node.py": "tests/cli/test_node_exchange.py",
    "cli/node_parts.py": "tests/cli/test_node_exchange.py",
    "hub/answers.py": "tests/hub/test_app.py",
    "hub/bounds.py": "tests/hub/test_app.py",
    "hub/calls.py": "tests/hub/test_app.py",
    "hub/gate.py": "tests/hub/test_app.py",
    "hub/limits.py": "tests/hub/test_append.py",
    "hub/schemas.py": "tests/hub/test_openapi.py",
    # The one interface of both stores is tested on both.
    # What the store takes, gives and refuses.
    "hub/errors.py": "tests/hub/test_exchange.py",
    "hub/model.py": "tests/hub/test_exchange.py",
    # Declarations that the report is made of.
    "detection/explanation/story.py": "tests/detection/explanation/test_report.py",
}
"""Pattern of a module's path -> the test that covers it, where that is not the mirrored one."""

LONG: dict[str, str] = {
    "records/validation.py": "one pass over a batch: a conversion for each type of column, all with the same helpers",
    "records/adapters/otel.py": "one format in two encodings and two generations of names, which share all but the edge",
    "records/adapters/mapping.py": "the rules of a mapping file beside the reader that tells the line of each mistake",
}
"""Module of more than 400 lines -> the reason why it is one module."""

MOST_LINES = 400

CHECKOUT = re.escape(f"{ROOT}/") if len(ROOT.parts) > 2 else r"(?!)"
MACHINE = re.compile(rf"(?<![\w.-])(?:{CHECKOUT}|/(?:home|Users)/(?!user/|me/|runner/)[a-z][\w-]*/|/root/)")
"""Paths of one person's machine: of this checkout, or in somebody's home."""

REGISTRY_ADDRESS = re.compile(r"pypi\.org/simple|files\.pythonhosted|registry\.(?:npmjs|yarnpkg)")
"""Addresses of package registries."""


def tracked() -> list[Path]:
    """Return the files that git tracks, or, in an unpacked archive, all in the folders of source."""
    try:
        command = ["git", "-C", str(ROOT), "ls-files", "-z"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        folders = (
            ROOT / name for name in (".ci", "benchmarks", "docs", "requirements", "scripts", "src", "tests")
        )
        inside = (path for folder in folders for path in folder.rglob("*"))
        return [
            path for path in (*ROOT.glob("*"), *inside) if path.is_file() and "__pycache__" not in path.parts
        ]
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def pins(lock: Path) -> dict[str, str]:
    """Return the pins of a lock file, by requirement: name and version with marker -> its block of lines."""
    blocks = re.split(
        r"^(?=\S)", re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE), flags=re.MULTILINE
    )
    return {block.partition("\\")[0].strip(): block for block in blocks if block.strip()}


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("lock", LOCKS, ids=ids(LOCKS))
def test_every_pin_has_a_hash(lock):
    found = pins(lock)
    assert len(found) > 10
    for pin, block in found.items():
        assert re.fullmatch(r"[a-z0-9._-]+==[^\s;]+( ; .+)?", pin), pin
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), pin


@pytest.mark.parametrize("lock", LOCKS, ids=ids(LOCKS))
def test_no_lock_file_holds_an_address_or_a_path(lock):
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"--(?:extra-)?index-url|--find-links|^-[ief] | @ ", text, re.MULTILINE)


def test_larger_profiles_hold_the_same_versions():
    base, dev, bench = (
        set(pins(ROOT / "requirements" / f"{name}.lock")) for name in ("base", "dev", "bench")
    )
    assert base <= dev <= bench


def test_every_dependency_of_the_package_is_pinned_within_its_bounds():
    pinned = {}
    for pin in pins(ROOT / "requirements" / "base.lock"):
        requirement = Requirement(pin)
        pinned.setdefault(requirement.name, []).append(next(iter(requirement.specifier)).version)
    for wanted in map(Requirement, PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]):
        versions = pinned.get(canonicalize_name(wanted.name), [])
        assert versions, wanted.name
        assert all(wanted.specifier.contains(version) for version in versions), wanted


def test_extras_are_pinned_within_their_bounds():
    """In dev, where their tests run."""
    pinned = {r.name: next(iter(r.specifier)).version for r in map(Requirement, pins(DEV))}
    extras = PROJECT["project"]["optional-dependencies"]
    for wanted in (Requirement(line) for lines in extras.values() for line in lines):
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), wanted


def closure(wanted):
    """Names of the distributions that these requirements need here, their own needs included."""
    todo, found = [Requirement(line) for line in wanted], set()
    while todo:
        requirement = todo.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(key)
        for line in metadata.requires(requirement.name) or ():
            inner = Requirement(line)
            extras = requirement.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                todo.append(inner)
    return {name for name, _ in found}


WITHOUT = """
import importlib, importlib.abc, sys
absent, modules = set(sys.argv[1].split()), sys.argv[2].split()

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
for module in modules:
    importlib.import_module(module)
"""


ROOMS = {
    "": ("cli", "detection", "drill", "intelligence", "records", "watch"),
    "gateway": ("cli", "collector"),
    "hub": ("cli", "hub", "intelligence", "serving", "transparency"),
    "node": ("cli", "intelligence", "node", "serving", "transparency"),
}
"""What has to run with the package and one extra, or none."""

SIGNED = "intelligence/signed_rules.py"
"""Is of the exchange alone."""


@pytest.mark.parametrize("extra", ROOMS)
def test_every_package_that_is_imported_is_asked_for(extra):
    """As where only the package and an extra are installed: what the tests need would hide what is missing."""
    asked = list(PROJECT["project"]["dependencies"])
    if extra:
        asked += PROJECT["project"]["optional-dependencies"][extra]
    there = closure(asked)
    absent = {
        module
        for module, holders in metadata.packages_distributions().items()
        if not {canonicalize_name(holder) for holder in holders} & {*there, "stillwatch"}
    }
    assert {"hypothesis", "pyspark"} <= absent
    files = [
        path.relative_to(PACKAGE) for room in ROOMS[extra] for path in (PACKAGE / room).rglob("[!_]*.py")
    ]
    modules = [
        ".".join(("stillwatch", *file.with_suffix("").parts))
        for file in files
        if extra or str(file) != SIGNED
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, " ".join(sorted(absent)), " ".join(modules)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_version_is_the_same_in_both_places():
    assert PROJECT["project"]["version"] == stillwatch.__version__


def mirrored(module: Path) -> list[Path]:
    """Return where the test of a module must be: mirrored, or where the list of exceptions says."""
    path = module.relative_to(PACKAGE)
    elsewhere = [test for pattern, test in TESTED_ELSEWHERE.items() if fnmatch(str(path), pattern)]
    return [ROOT / test for test in elsewhere] or [ROOT / "tests" / path.parent / f"test_{path.name}"]


def test_every_module_has_its_test():
    missing = {test for module in MODULES for test in mirrored(module) if not test.is_file()}
    assert ids(sorted(missing)) == []


def test_lists_of_exceptions_are_not_stale():
    names = [str(path.relative_to(PACKAGE)) for path in MODULES]
    assert [p for p in TESTED_ELSEWHERE if not any(fnmatch(name, p) for name in names)] == []
    long = {name for name in names if lines(PACKAGE / name) > MOST_LINES}
    assert set(LONG) <= long


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_long_modules_have_a_reason():
    long = {str(path.relative_to(PACKAGE)): lines(path) for path in MODULES if lines(path) > MOST_LINES}
    assert {name: length for name, length in long.items() if name not in LONG} == {}


def test_detection_names_no_engine():
    for module in PACKAGE.glob("detection/**/*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            named = (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "ibis"
            )
            assert not (named and node.attr in ("duckdb", "pyspark", "connect")), f"{module}:{node.lineno}"


def test_no_tracked_file_holds_a_path_of_a_machine_or_a_registry():
    found = []
    for path in tracked():
        text = path.read_bytes()
        if b"\0" in text:
            continue
        decoded = text.decode("utf-8", "replace")
        if path != Path(__file__).resolve():
            hits = [m.group() for pattern in (MACHINE, REGISTRY_ADDRESS) for m in pattern.finditer(decoded)]
            found += [f"{path.relative_to(ROOT)}: {hit}" for hit in hits]
    assert not found


@pytest.mark.parametrize(
    "text", [f"see {ROOT}/x", "at /home/anna/x", "'/root/x'", "https://pypi.org/simple/"]
)
def test_such_paths_are_recognised(text):
    assert MACHINE.search(text) or REGISTRY_ADDRESS.search(text)


@pytest.mark.parametrize(
    "text", ["docs/work/main/x", "/home/user/notes", "s3://lake/root/x", "https://pypi.org/"]
)
def test_harmless_text_is_not(text):
    assert not MACHINE.search(text)
    assert not REGISTRY_ADDRESS.search(text)


def test_scripts_can_be_run():
    for path in [
        ROOT / ".ci" / "run",
        *(p for p in (ROOT / "scripts").iterdir() if p.is_file() and not p.suffix),
    ]:
        assert path.stat().st_mode & 0o111, path.name
        assert path.read_text().startswith("#!"), path.name


def test_wheel_holds_the_package_and_its_data(tmp_path):
    # From a copy, since a build leaves its own folders beside the source.
    source = tmp_path / "source"
    shutil.copytree(
        PACKAGE, source / "src" / "stillwatch", ignore=shutil.ignore_patterns("__pycache__", "*.nb[ic]")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("stillwatch-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(source / "src").as_posix()
        for path in (source / "src" / "stillwatch").rglob("*")
        if path.is_file() and path.suffix != ".md"
    }
    assert wanted - held == set()
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert "stillwatch/py.typed" in held


def test_patterns_do_without_possessive_quantifiers():
    """Python 3.11 before 3.11.5 matches them wrongly, and masks were built on them."""
    possessive = re.compile(r"(?<!\\)(?:[\w)\]}.][*+?]\+|\(\?>)")
    assert possessive.search(r"[a-z]++")
    found = [
        f"{module.name}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and possessive.search(node.value)
    ]
    assert found == []
