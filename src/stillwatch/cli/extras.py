"""Commands whose packages come with an extra: what is said where these are missing."""

from collections.abc import Iterator, Set
from contextlib import contextmanager

from stillwatch.records.errors import InputError

EXTRAS: dict[str, Set[str]] = {
    "gateway": {"anyio", "google", "h11", "prometheus_client", "starlette", "uvicorn"},
    "hub": {
        "anyio",
        "cryptography",
        "httptools",
        "prometheus_client",
        "psycopg",
        "starlette",
        "uvicorn",
    },
    "node": {"cryptography", "h11", "httpx", "prometheus_client", "starlette", "uvicorn"},
}
"""Extra -> modules at top level that come with it."""


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Import within it. Raises InputError that names the extra, where one of its packages is missing.

    What else is missing is a fault of ours, and stays one.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRAS[extra]:
            raise
        raise InputError(
            f"this command needs packages that are not installed ({error.name})",
            mend=f"install them with pip install 'stillwatch[{extra}]'",
        ) from None
