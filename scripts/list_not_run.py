"""Print loudly which tests could not run, with the reason of each, from a JUnit file of pytest."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def not_run(results: Path) -> list[tuple[str, str]]:
    """Return (reason, test) of every skipped test in the JUnit file `results`, sorted.

    The file is our own pytest's, so the standard library's parser is good enough.
    """
    cases = ElementTree.parse(results).iter("testcase")  # noqa: S314
    return sorted(
        (skipped.get("message") or "no reason given", f"{case.get('classname')}::{case.get('name')}")
        for case in cases
        if (skipped := case.find("skipped")) is not None and skipped.get("type") != "pytest.xfail"
    )


def main() -> None:
    """Print the list for the file that the command line names."""
    rows = not_run(Path(sys.argv[1]))
    if not rows:
        print("Every test ran.")
        return
    print(f"\n!!! {len(rows)} TEST(S) COULD NOT RUN HERE:")
    for reason, test in rows:
        print(f"!!!   {test}: {reason}")


if __name__ == "__main__":
    main()
