"""The documentation keeps up with the code."""

import configparser
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from stillwatch.cli.main import COMMANDS
from stillwatch.intelligence import objects
from stillwatch.intelligence.extension import EXTENSIONS
from stillwatch.intelligence.markings import TLP, USES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
PACKAGE = ROOT / "src" / "stillwatch"
ROOMS = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}


def script(name: str) -> ModuleType:
    """Load scripts/NAME.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_reference_pages_are_what_the_code_says():
    stale = [name_of(page) for page, _ in script("make_reference").stale()]
    assert not stale, f"{stale} differ from the code: run make reference"


def test_a_block_that_has_no_place_is_noticed():
    with pytest.raises(ValueError, match="begin absent"):
        script("make_reference").renew("no blocks here", {"absent": lambda: ""})


def test_a_stale_block_is_noticed():
    renew = script("make_reference").renew
    page = "before\n<!-- begin a -->\nold\n<!-- end a -->\nafter\n"
    renewed = renew(page, {"a": lambda: "new"})
    assert renewed == "before\n<!-- begin a -->\n\nnew\n\n<!-- end a -->\nafter\n"
    assert renew(renewed, {"a": lambda: "new"}) == renewed


def rooms_of_the_tour() -> dict[str, set[str]]:
    """Return the rooms in the tour's table, each with the rooms that it may import."""
    text = (DOCS / "architecture.md").read_text()
    table = text.split("## Rooms")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", table, re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", allowed)) for room, allowed in rows}


def test_tour_lists_the_rooms_on_disk():
    assert set(rooms_of_the_tour()) == ROOMS


def test_tour_and_import_contracts_agree():
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    forbidden = {}
    for section in config.sections():
        room = section.rpartition(":")[2]
        if room in ROOMS:
            assert config[section]["source_modules"].split() == [f"stillwatch.{room}"]
            assert config[section]["type"] == "forbidden"
            forbidden[room] = {
                m.removeprefix("stillwatch.") for m in config[section]["forbidden_modules"].split()
            }
    for room, allowed in rooms_of_the_tour().items():
        assert forbidden.get(room, set()) == ROOMS - allowed - {room}, room


def test_paths_in_the_tour_exist():
    table = (DOCS / "architecture.md").read_text().split("## Where things are")[1]
    paths = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(paths) > 3
    assert [path for path in paths if not (ROOT / path).exists()] == []


def anchors(page: Path) -> set[str]:
    """Return the anchors that a Markdown page's headings get."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), target
        if anchor:
            assert anchor in anchors(goal), target


def test_every_page_can_be_reached_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
        todo += [(page.parent / link).resolve() for link in links if not link.startswith("http")]
    assert {page for page in PAGES if page.is_relative_to(DOCS)} <= reached


def command_lines(page: Path) -> list[list[str]]:
    """Return the words of every example command line in the page's code blocks."""
    blocks = re.findall(r"(?:^    .*\n)+|^```.*?^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    lines = [line.removeprefix("$ ") if line.startswith("$ ") else line for line in lines]
    return [line.split() for line in lines if re.match(r"\s*(\.venv/bin/)?(stillwatch|make) +[a-z]", line)]


def test_example_command_lines_are_found():
    assert len(command_lines(ROOT / "README.md")) >= 3


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_example_command_lines_would_run(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for program, name, *rest in command_lines(page):
        if program == "make":
            assert name in targets, f"make {name}"
            continue
        assert name in COMMANDS, f"stillwatch {name}"
        command = COMMANDS[name].load()
        while isinstance(command, click.Group):
            assert rest, f"stillwatch {name}"
            command = command.commands[rest.pop(0)]
        # What a shell does with the output is no part of it.
        own = rest[: rest.index(">")] if ">" in rest else rest
        options = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert {word for word in own if word.startswith("--") and word != "--help"} <= options, rest


def test_every_behaviour_on_disk_is_registered():
    from stillwatch.detection.behaviours import REGISTRY

    folder = PACKAGE / "detection" / "behaviours"
    modules = {path.stem for path in folder.glob("[a-z]*.py")} - {"base"}
    assert modules == set(REGISTRY)


def test_changelog_knows_this_version():
    from stillwatch import __version__

    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in text or f"## {__version__}" in text


def test_every_behaviour_covers_a_line_of_the_page_s_list():
    from stillwatch.detection.behaviours import REGISTRY

    text = (DOCS / "reference" / "behaviours.md").read_text()
    numbers = {int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)}
    assert numbers == set(range(1, 16))
    for behaviour in REGISTRY.values():
        assert behaviour.field_numbers
        assert set(behaviour.field_numbers) <= numbers


def test_sentences_for_counsel_are_those_of_the_report():
    from stillwatch.detection.explanation.report import OPENING

    text = (DOCS / "how-to" / "counsel.md").read_text()
    quoted = [
        re.sub(r"\n?> ?", " ", quote).strip() for quote in re.findall(r"(?:^> .*\n)+", text, re.MULTILINE)
    ]
    assert quoted == list(OPENING)


def test_the_page_of_stix_names_every_extension_marking_and_builder():
    page = (ROOT / "docs/reference/stix.md").read_text("utf-8")
    for identifier, described in EXTENSIONS.items():
        assert f"| {described.name} | {described.description} | `{identifier}` |" in page
    for marking in (*TLP.values(), *USES.values()):
        assert f"`{marking['id']}`" in page
    named = re.findall(r"`([a-z_]+)`", page.partition("## What is shared as what")[2].partition("##")[0])
    builders = {
        name
        for name, made in vars(objects).items()
        if inspect.isfunction(made) and made.__module__ == objects.__name__ and not name.startswith("_")
    }
    assert builders - set(named) == {"template_fields", "user_account"}


def test_behaviours_may_be_shared_by_name():
    from stillwatch.detection.behaviours import REGISTRY
    from stillwatch.intelligence.vocabulary import BEHAVIOURS

    assert set(BEHAVIOURS) == set(REGISTRY)


def test_every_adapter_is_described():
    from stillwatch.records.adapters.mapping import ADAPTERS

    text = (DOCS / "reference" / "adapters.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(ADAPTERS)


def test_the_example_of_a_mapping_file_is_one(tmp_path):
    from stillwatch.records.adapters.mapping import load_mapping

    (example,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "reference" / "adapters.md").read_text(), re.DOTALL)
    file = tmp_path / "mapping.yaml"
    file.write_text(example)
    record = {
        "request_id": "r1",
        "ts": 1_760_000_000_123,
        "auth": {"api_key": "sk-secret"},
        "http": {"code": 429},
        "messages": [{"content": "first"}, {"content": "last"}],
    }
    values = load_mapping(file).row(record).values
    assert (values["event_id"], values["status"], values["input_text"]) == ("r1", "rate_limited", "last")
    assert values["model"] == "large-1"
    assert values["time"].isoformat() == "2025-10-09T08:53:20.123000+00:00"
    assert "secret" not in values["account_id"]


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> list[Path]:
    """The results of two scans of one small log, made by the command itself."""
    folder = tmp_path_factory.mktemp("scans")
    lines = ["event_id,time,account_id,model,input_text"]
    lines += [f"e{n},2026-05-{1 + n % 20:02}T{n % 24:02}:00:00Z,a{n % 30},m,question {n}" for n in range(120)]
    lines += ["e-bad,no time at all,a1,m,question"]
    (folder / "usage.csv").write_text("\n".join(lines) + "\n")
    outs = [folder / "first", folder / "second"]
    for out in outs:
        command = [sys.executable, "-c", "from stillwatch.cli.main import run; run()", "scan"]
        paths = ["--usage", str(folder / "usage.csv"), "--out", str(out)]
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config")}
        subprocess.run([*command, *paths], check=True, capture_output=True, env=environment)
    return outs


def test_page_of_run_json_names_its_keys(scans):
    text = (DOCS / "reference" / "run-json.md").read_text()
    rows = re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE)
    named = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(json.loads((scans[0] / "run.json").read_text()))


def test_counts_of_run_json_add_up_as_the_page_says(scans):
    rows = json.loads((scans[0] / "run.json").read_text())["rows"]
    assert rows["read"] == 121
    assert rows["rejected"] == 1
    assert rows["read"] == (
        rows["rejected"] + sum(rows["skipped"].values()) + rows["outside_window"] + rows["scanned"]
    )


def test_what_the_page_says_may_differ_is_all_that_differs(scans):
    text = (DOCS / "reference" / "run-json.md").read_text()
    (sentence,) = re.findall(r"In `run.json` itself (.*?)may differ", text, re.DOTALL)
    free = set(re.findall(r"`(\w+)`", sentence))
    first, second = (json.loads((out / "run.json").read_text()) for out in scans)
    assert {key for key in first if first[key] != second[key]} <= free
    for name in ("campaigns.parquet", "members.parquet", "bundle.json", "report.html"):
        assert (scans[0] / name).read_bytes() == (scans[1] / name).read_bytes(), name


def test_readme_lists_the_files_of_a_scan(scans):
    text = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE))
    assert listed == {path.name for path in scans[0].iterdir() if path.is_file()}
