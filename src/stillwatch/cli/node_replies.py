"""`stillwatch node` in what a member says of others' objects and of its own, and keeps of its sources."""

from pathlib import Path
from typing import Any

import click

from stillwatch.cli.node_parts import (
    NodeCommand,
    folder_option,
    json_option,
    known,
    node,
    opened,
    print_json,
    told,
)
from stillwatch.cli.options import MOMENT
from stillwatch.cli.text_table import text_table
from stillwatch.intelligence import vocabulary as words

_id = click.argument("object_id", metavar="ID")


@node.command(
    cls=NodeCommand,
    epilog="Example: stillwatch node revoke --dir mine campaign--2f9a6c1e-0b7d-4c55-8a3e-1d4b6f8e9c70",
)
@folder_option
@_id
@json_option
def revoke(folder: Path, object_id: str, as_json: bool) -> int:
    """Withdraw an object that was published from here: a last version of it says so to everybody.

    What waits for its time does not leave any more; where nothing of an object has left, nothing is said of it.
    """
    with opened(folder) as own:
        done = own.withdraw(object_id)
    if done is not None:
        return told(done, as_json)
    if as_json:
        print_json({"cancelled": [object_id]})
    else:
        click.echo(f"{object_id} had not left, and is not queued any more")
    return 0


@node.command(
    cls=NodeCommand,
    epilog="Example: stillwatch node sight --dir mine indicator--2f9a6c1e-0b7d-4c55-8a3e-1d4b6f8e9c70 --count 40",
)
@folder_option
@_id
@click.option(
    "--count", type=click.IntRange(1), help="How often; it leaves as the least of its power of ten."
)
@click.option("--first", type=MOMENT, help="When it was first seen; it leaves as a day.")
@click.option("--last", type=MOMENT, help="When it was last seen; it leaves as a day.")
@json_option
def sight(
    folder: Path, object_id: str, count: int | None, first: int | None, last: int | None, as_json: bool
) -> int:
    """Tell the forum that something shared was seen here, too. Others learn how many members say so, not who."""
    with opened(folder) as own:
        from stillwatch.intelligence import objects
        from stillwatch.node.publishing import handling, moment_of, today

        known(own, object_id)
        made = objects.sighting(
            object_id,
            handling(today()),
            count=count,
            first=None if first is None else moment_of(first),
            last=None if last is None else moment_of(last),
        )
        done = own.say([made])
    return told(done, as_json)


@node.command(
    cls=NodeCommand,
    epilog="""\b
Examples:
  stillwatch node opine --dir mine indicator--2f9a6c1e-0b7d-4c55-8a3e-1d4b6f8e9c70 --false-positive
  stillwatch node opine --dir mine campaign--2f9a6c1e-0b7d-4c55-8a3e-1d4b6f8e9c70 --opinion agree""",
)
@folder_option
@_id
@click.option("--false-positive", is_flag=True, help="It is wrong, as seen from here.")
@click.option("--opinion", type=click.Choice(words.OPINIONS), help="What this member thinks of it.")
@click.option("--explanation", type=click.Choice(words.EXPLANATIONS), help="Why.")
@json_option
def opine(
    folder: Path,
    object_id: str,
    false_positive: bool,
    opinion: str | None,
    explanation: str | None,
    as_json: bool,
) -> int:
    """Tell the forum what this member thinks of an object. A false positive counts against its source here, too."""
    if false_positive == (opinion is not None) or (false_positive and explanation is not None):
        raise click.UsageError("give either --false-positive, or --opinion with or without --explanation")
    with opened(folder) as own:
        from stillwatch.intelligence import objects
        from stillwatch.node.publishing import handling, today

        known(own, object_id)
        said = handling(today())
        made = (
            objects.false_positive(object_id, said)
            if false_positive
            else objects.opinion([object_id], str(opinion), said, explanation)
        )
        done = own.say([made])
        if false_positive and not done.explained.refusals:
            own.false_positive(object_id)
    return told(done, as_json)


@node.command(
    cls=NodeCommand,
    epilog="Example: stillwatch node outcome --dir mine indicator--2f9a6c1e-0b7d-4c55-8a3e-1d4b6f8e9c70 --right",
)
@folder_option
@_id
@click.option("--right/--wrong", default=None, required=True, help="Whether it turned out right here.")
def outcome(folder: Path, object_id: str, right: bool) -> None:
    """Record how something received turned out. It stays here, and counts for or against its source."""
    with opened(folder) as own:
        source = own.sources.record(object_id, right=right)
        (score,) = (each for each in own.sources.all() if each.source == source)
    click.echo(f"{source} was right in {score.right} of {score.right + score.wrong}: {score.mean:.2f}")


@node.command(cls=NodeCommand, epilog="Example: stillwatch node sources --dir mine")
@folder_option
@json_option
def sources(folder: Path, as_json: bool) -> None:
    """List the sources of what was received, by how right each was here. Sources are pseudonyms; the list stays here."""
    with opened(folder) as own:
        found = own.sources.all()
    if as_json:
        print_json({"sources": [vars(each) for each in found]})
        return
    rows = [
        (
            each.source,
            str(each.objects),
            str(each.right),
            str(each.wrong),
            f"{each.mean:.2f} ({each.low:.2f} to {each.high:.2f})",
        )
        for each in found
    ]
    for line in text_table(("source", "objects", "right", "wrong", "share right (90%)"), rows):
        click.echo(line)


@node.group(epilog="Example: stillwatch node faults list --dir mine")
def faults() -> None:
    """What the hub was found to have done wrong, with the evidence, until a person clears it."""


@faults.command("list", cls=NodeCommand, epilog="Example: stillwatch node faults list --dir mine --json")
@folder_option
@json_option
def list_faults(folder: Path, as_json: bool) -> None:
    """List all faults."""
    with opened(folder) as own:
        found = own.faults.all()
        files = [str(own.folder.fault_file(each.id)) for each in found]
    if as_json:
        rows: list[dict[str, Any]] = [
            {**vars(each), "evidence": file} for each, file in zip(found, files, strict=True)
        ]
        print_json({"faults": rows})
        return
    for each in found:
        click.echo(f"{each.id}  {'cleared' if each.cleared else 'OPEN'}  {each.what}")
    if not found:
        click.echo("none")


@faults.command(
    "show",
    cls=NodeCommand,
    epilog="Example: stillwatch node faults show --dir mine 20260301T120000000000Z-fork",
)
@folder_option
@click.argument("fault_id", metavar="FAULT")
def show_fault(folder: Path, fault_id: str) -> None:
    """Print the evidence of a fault, which others can check: what the hub signed, twice and otherwise."""
    with opened(folder) as own:
        print_json(own.faults.evidence(fault_id))


@faults.command(
    "clear",
    cls=NodeCommand,
    epilog="Example: stillwatch node faults clear --dir mine 20260301T120000000000Z-fork",
)
@folder_option
@click.argument("fault_id", metavar="FAULT")
def clear_fault(folder: Path, fault_id: str) -> None:
    """Go on with the hub after a person looked at the evidence, which stays.

    After a fault of the log all of it is read anew, and what was published from here is sent again.
    """
    with opened(folder) as own, own.folder.working():
        own.faults.clear(fault_id)
    click.echo(f"{fault_id} is cleared; the next sync goes on")
