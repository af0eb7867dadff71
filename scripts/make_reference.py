"""Write the mechanical parts of docs/reference/ from the code; with --check, say which of them differ.

A page holds blocks between `<!-- begin NAME -->` and `<!-- end NAME -->`. This script owns what is inside
them, people own the rest. tests/test_docs.py fails when a block and the code differ.
"""

import dataclasses
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from stillwatch.cli.main import COMMANDS
from stillwatch.cli.main import cli as group
from stillwatch.intelligence.extension import EXTENSION
from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.wording import worded
from stillwatch.records import findings, schema
from stillwatch.records.sketches import MARKS, SCRIPTS, SKETCH_SCHEMA

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
WIDTH = 100
NOT_YET = "Not built yet.\n"

FINDINGS: dict[str, str] = {
    "campaign_id": "the group",
    "verdict": "`extraction` accuses, `review` asks a person to look, `legitimate` was examined and cleared",
    "kind_of_use": "the best explanation",
    "data_state": "with `insufficient` data the verdict is never `extraction`",
    "probability": "that this is unauthorised extraction, under the prior that run.json states",
    "log10_bayes_factor": "the evidence alone, so that another prior can be put in",
    "accounts": "how many accounts",
    "exchanges": "of the campaign itself, without relayed and other traffic of its accounts",
    "first_time": "first exchange of the campaign",
    "last_time": "last exchange of the campaign",
    "detected_at": "first whole hour at which a scan of what came before gives `extraction` to a group with"
    " at least half of these accounts, as far as looks at the end of each day (32 at most) find it; null for other verdicts",
    "reasons": "reasons for and against",
    "reasons.behaviour": "name of the behaviour",
    "reasons.family": "family of evidence",
    "reasons.statement": "the reason in plain words, with its figures",
    "reasons.statistic": "the figure that was tested",
    "reasons.p_value": "null where there is none",
    "reasons.supports": "false for a reason against an accusation",
    "reasons.null": "what the figure is compared with, in words: the null of the p-value, or how often the best rival and"
    " extraction show as much; null where nothing was tested",
    "reasons.examples": "a few accounts of the group in which it shows most; none for figures of the whole group",
    "members.campaign_id": "the group; an account may be in several",
    "members.account_id": "the account",
    "members.role": "a `relay` mixes the campaign with other people's traffic; `suspected` is linked only, or exempt",
    "members.probability": "that this account takes part in this unauthorised extraction",
    "members.exchanges": "its exchanges in the campaign",
    "history.sequence": "number of a change that the state keeps, from 1; null where the group did not change, and where"
    " it was cleared before and after",
    "history.scan": "number of the scan of this state; the last one's rows are all of its groups",
    "history.at": "time of the newest exchange of that scan",
    "history.recorded_at": "when the scan ended, by the clock of the machine",
    "history.campaign_id": "the group, by the id that it keeps",
    "history.event": "what became of it since the scan before: `grown` and `shrunk` from a tenth of its accounts on,"
    " counted from the last change that was told",
    "history.previous_ids": "groups of the scan before that it comes from, itself first",
    "history.next_ids": "of an ended group: the groups in which it goes on",
    "history.id_in_full_scan": "its id in a scan of all input so far without `--state`; null for one that ended",
    "history.verdict_before": "null for a new group",
    "history.verdict_after": "null for one that ended",
    "history.accounts_before": "null for a new group",
    "history.accounts_after": "null for one that ended",
    "history.joined": "accounts that it did not have before",
    "history.left": "accounts that it has no more",
    "history.exchanges": "as in campaigns.parquet",
    "history.probability": "as in campaigns.parquet",
    "history.behaviours": "what speaks for an accusation: names of behaviours, and `rival:` figures",
    "hits.signature_id": "the signature, by the id in the file that was given",
    "hits.account_id": "the account",
    "hits.exchanges": "its exchanges with a text that matches, of those that were looked at one by one",
    "hits.share": "of its exchanges that were looked at",
    "hits.first_time": "of the first of these exchanges",
    "hits.last_time": "of the last",
    "leads.organisation": "as accounts declare it",
    "leads.accounts": "how many declare it",
    "leads.verified_accounts": "how many of these the provider verified",
    "leads.listed_name": "main name of the entry on the list",
    "leads.matched_name": "that name or another name of the entry: the one that resembles most",
    "leads.score": "90 to 100: share of characters in common, in order, after words were sorted; 100 is the same name",
    "leads.source": "the list that the entry is from",
    "leads.entity_number": "its number there",
}
"""Meanings of the columns that a scan writes; the code holds their names and types."""

SKETCHES: dict[str, str] = {
    "text_words": "words of `input_text`: neighbouring numbers are one, and so is each character of scripts without spaces",
    "text_chars": "code points of `input_text`",
    "script": "script of most of its letters, by number",
    "marks": "what it asks for, by its wording: a bit for each mark",
    "system_marks": "the same of `system_text`",
    "digit_share": "share of digits among its characters",
    "symbol_share": "share of punctuation and symbols",
    "system_hash": "of the whole `system_text`, numbers taken as one",
    "item_hash": "of the whole `input_text`; null where it has nothing but space",
    "prefix_hash": "of its first eight words; null in texts of fewer than twelve",
    "suffix_hash": "of its last eight words, likewise",
    "block_hash": "of a long reasoning block that was pasted into it; null where there is none",
    "phrases": "of about a quarter of its runs of three words, near its beginning and end: 32 at most",
    "system_phrases": "the same of `system_text`: 8 at most",
}
"""Meanings of the columns of sketches."""

VOCABULARIES: dict[str, Sequence[str]] = {
    "verdict": findings.VERDICTS,
    "kind_of_use": findings.KINDS_OF_USE,
    "data_state": findings.DATA_STATES,
    "members.role": findings.ROLES,
    "history.event": findings.CHANGES,
    "history.verdict_before": findings.VERDICTS,
    "history.verdict_after": findings.VERDICTS,
    "reasons.family": findings.FAMILIES,
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def type_name(type_: pa.DataType) -> str:
    """Return the name by which the pages call an Arrow type."""
    if pa.types.is_list(type_):
        return f"list of {type_name(type_.value_type)}"
    if pa.types.is_struct(type_):
        return "struct"
    return "string" if type_ == schema.TEXT else str(type_).replace("tz=", "")


def codes(words: Sequence[str]) -> str:
    """Return the words as code, between commas."""
    return ", ".join(f"`{word}`" for word in words)


def input_table(of: schema.Table) -> str:
    """Return the columns of an input table, and what a scan loses without each."""
    return table(
        ("column", "type", "meaning", "values", "OpenTelemetry", "without it"),
        (
            (
                f"`{c.name}`" + (" *" if c.required else ""),
                type_name(c.type),
                c.meaning,
                codes(c.values),
                f"`{c.otel}`" if c.otel else "",
                "the row is rejected" if c.required else c.without,
            )
            for c in of.columns
        ),
    )


def output_table(columns: pa.Schema | pa.StructType, prefix: str = "") -> str:
    """Return the columns of a table that a scan writes."""
    names = [prefix + field.name for field in columns]
    return table(
        ("column", "type", "meaning", "values"),
        (
            (f"`{field.name}`", type_name(field.type), FINDINGS[name], codes(VOCABULARIES.get(name, ())))
            for field, name in zip(columns, names, strict=True)
        ),
    )


def sketch_table() -> str:
    """Return the columns that stand in place of texts, and whether the key stands between them and a reader."""
    return table(
        ("column", "type", "meaning", "keyed"),
        (
            (
                f"`{f.name}`",
                type_name(f.type),
                SKETCHES[f.name],
                "yes" if f.name.endswith(("hash", "phrases")) else "",
            )
            for f in SKETCH_SCHEMA
        ),
    )


def commands() -> str:
    """Return the help of the program and of every command that exists."""
    top = click.Context(group, info_name="stillwatch", terminal_width=WIDTH, max_content_width=WIDTH)
    parts = [f"```text\n{group.get_help(top)}\n```\n"]
    for name, entry in COMMANDS.items():
        if importlib.util.find_spec(entry.module) is None:
            parts.append(f"\n## stillwatch {name}\n\n{NOT_YET}")
        else:
            parts += helps(entry.load(), name, top)
    return "".join(parts)


def helps(command: click.Command, name: str, above: click.Context) -> Iterator[str]:
    """Return the help of a command, and of those inside it where it is a group, each under a heading."""
    inner = click.Context(command, info_name=name, parent=above, terminal_width=WIDTH)
    yield f"\n## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```\n"
    if isinstance(command, click.Group):
        for word, part in command.commands.items():
            yield from helps(part, word, inner)


def behaviours() -> str:
    """Return every registered behaviour: what it is, what it measures, against which null."""
    from stillwatch.detection.behaviours import REGISTRY

    return "\n".join(
        f"### `{name}`: {b.title}\n\n"
        + table(
            ("", ""),
            (
                ("covers", ", ".join(str(number) for number in b.field_numbers)),
                ("family", b.family),
                ("statistic", b.statistic),
                ("null", b.null),
                ("ATLAS", b.atlas),
                ("reference", b.reference),
            ),
        )
        for name, b in REGISTRY.items()
    )


def knobs(of: type) -> str:
    """Return the knobs of a class of exercises: names, defaults, and the comments that say what they do."""
    lines = re.findall(r"^    (\w+): \w+ = (\S+)(?:  # (.*))?$", inspect.getsource(of), re.MULTILINE)
    if [name for name, _, _ in lines] != [field.name for field in dataclasses.fields(of)]:
        raise ValueError(f"{of.__name__}: every knob wants a line of its own, with an optional comment")
    return table(("knob", "default", "meaning"), ((f"`{name}`", value, text) for name, value, text in lines))


def drill() -> str:
    """Return the classes of campaigns and look-alikes that an exercise can hold, and their knobs."""
    from stillwatch.drill import lookalikes, scenarios
    from stillwatch.drill.campaigns.classes import CLASSES
    from stillwatch.drill.campaigns.knobs import TIERS, Knobs
    from stillwatch.drill.prompts.packs import language_names

    found = table(
        ("class", "what it is", "covers"),
        (
            (f"`{name}`", f"{c.title}. {c.description}", ", ".join(map(str, c.behaviours)))
            for name, c in CLASSES.items()
        ),
    )
    spared = table(
        ("class", "what it is", "expected kind of use"),
        (
            (f"`{name}`", f"{c.title}. {c.description}", f"`{c.expected}`" if c.expected else "")
            for name, c in lookalikes.CLASSES.items()
        ),
    )
    return (
        f"Scenarios: {codes([name for name in scenarios.names() if not name.startswith('class:')])}.\n\n"
        f"Levels of craft: {codes(TIERS)}.\n\n"
        "Languages, by number (`--knob CLASS.language=NUMBER`): "
        f"{', '.join(f'{number} `{name}`' for number, name in enumerate(language_names()))}.\n\n"
        f"### Campaigns, which must be found\n\n{found}\n"
        f"### Look-alikes, which must not be accused\n\n{spared}\n"
        f"### Knobs of campaigns\n\nEach class sets some of them otherwise.\n\n{knobs(Knobs)}\n"
        f"### Knobs of look-alikes\n\n{knobs(lookalikes.LookAlikeKnobs)}"
    )


def rule_text(rule: Mapping[str, Any]) -> str:
    """Return in words what a rule of disclosure lets pass, for a table."""
    return worded(rule, lambda text: codes([text.replace("|", chr(92) + "|")]))


def rule_rows(fields: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, str]]:
    """Return (field, whether it may be absent, what it may hold) of an object, its inner objects unfolded."""
    for key, rule in fields.items():
        name = path + key.removesuffix("?").replace(EXTENSION, "EXTENSION")
        inner = rule.get("fields") or (rule.get("list") or {})
        optional = "yes" if key.endswith("?") else ""
        if "fields" in rule:
            yield from rule_rows(rule["fields"], f"{name}.")
        elif isinstance(inner, Mapping) and "fields" in inner:
            yield from rule_rows(inner["fields"], f"{name}[].")
        else:
            yield f"`{name}`", optional, rule_text(rule)


def disclosure() -> str:
    """Return what each type of shared object may carry."""
    head = ("field", "may be absent", "what it may hold")
    return f"EXTENSION stands for `{EXTENSION}`.\n\n" + "\n".join(
        f"### {name}\n\n{table(head, rule_rows(fields))}" for name, fields in Rules.default().types.items()
    )


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "commands.md": {"commands": commands},
    "tables.md": {
        **{t.name: partial(input_table, t) for t in schema.TABLES},
        "sketches": sketch_table,
        "codes": lambda: (
            f"Scripts, from 0: {codes(SCRIPTS)}.\n\nMarks, from the lowest bit: {codes(list(MARKS))}."
        ),
        "campaigns": lambda: output_table(findings.CAMPAIGNS_SCHEMA),
        "reasons": lambda: output_table(findings.REASON, "reasons."),
        "members": lambda: output_table(findings.MEMBERS_SCHEMA, "members."),
        "history": lambda: output_table(findings.HISTORY_SCHEMA, "history."),
        "hits": lambda: output_table(findings.HITS_SCHEMA, "hits."),
        "leads": lambda: output_table(findings.LEADS_SCHEMA, "leads."),
    },
    "behaviours.md": {"behaviours": behaviours},
    "drill.md": {"drill": drill},
    "stix.md": {"disclosure": disclosure},
}
"""Page -> name of a block -> what writes it."""


def renew(text: str, blocks: dict[str, Callable[[], str]]) -> str:
    """Return the page `text` with every block written anew; ValueError when one has no place in it."""
    for name, write in blocks.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"wants {begin} and {end} once each")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{write().rstrip()}\n\n{end}{rest.partition(end)[2]}"
    return text


def stale() -> list[tuple[Path, str]]:
    """Return the pages whose blocks differ from the code, each with its renewed text."""
    renewed = [(PAGES / name, renew((PAGES / name).read_text(), blocks)) for name, blocks in BLOCKS.items()]
    return [(page, text) for page, text in renewed if page.read_text() != text]


def main() -> None:
    """Write the pages, or with --check end with status 1 when one is stale."""
    pages = stale()
    if "--check" in sys.argv[1:]:
        for page, _ in pages:
            print(f"docs/reference/{page.name} differs from the code; run make reference", file=sys.stderr)
        sys.exit(bool(pages))
    for page, text in pages:
        page.write_text(text)
        print(f"wrote docs/reference/{page.name}")


if __name__ == "__main__":
    main()
