"""Small YAML files that people write: read whole, with one line for what is no YAML."""

from pathlib import Path

import yaml

from stillwatch.records.errors import InputError, plainly


def load_yaml(path: Path, what: str, example: str) -> object:
    """What the file at `path` holds, None where it is empty.

    Raises InputError, with the line, for what cannot be read; `what` names the contents and `example` a line of them.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the {what} ({plainly(error)})", where=str(path), mend="name a YAML file"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or "a character that has no place in it"
        raise InputError(f"not YAML ({problem})", where=place, mend=f"write it as {example}") from None
    except ValueError as error:
        # Dates that no calendar has, such as 2026-02-30.
        raise InputError(
            f"not YAML ({plainly(error)})", where=str(path), mend=f"write it as {example}"
        ) from None
