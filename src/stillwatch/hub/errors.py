"""Refusals that a client is told of, in the terms of HTTP, so that the application shapes them all in one way."""

from collections.abc import Mapping


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """The hub does not do what was asked: HTTP status, a short title, one sentence, and perhaps when to come again.

    `details` are fields of TAXII's error message (TAXII 2.1, section 3.6.1), all of them strings. `retry_after` is in
    seconds. Nothing in a refusal repeats what an object holds.
    """

    def __init__(
        self,
        status: int,
        title: str,
        description: str,
        details: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status, self.title, self.description = status, title, description
        self.details = dict(details) if details else None
        self.retry_after = retry_after
        super().__init__(f"{status} {title}: {description}")


def bad_request(description: str, **details: str) -> Refused:
    """What was asked makes no sense (400)."""
    return Refused(400, "Bad request", description, details)


def forbidden(description: str) -> Refused:
    """The member may not do that (403)."""
    return Refused(403, "Forbidden", description)


def not_found(description: str) -> Refused:
    """There is no such thing, or none that the member may see (404)."""
    return Refused(404, "Not found", description)


def conflict(description: str) -> Refused:
    """It contradicts what is there already (409)."""
    return Refused(409, "Conflict", description)


def unprocessable(description: str, **details: str) -> Refused:
    """Well formed, and wrong (422)."""
    return Refused(422, "Unprocessable content", description, details)


def too_many(description: str, retry_after: float) -> Refused:
    """The member has used up what it may use in a while (429)."""
    return Refused(429, "Too many requests", description, retry_after=retry_after)


def unavailable(description: str, retry_after: float = 1.0) -> Refused:
    """The hub can't do it now; the same request may succeed later (503)."""
    return Refused(503, "Service unavailable", description, retry_after=retry_after)
