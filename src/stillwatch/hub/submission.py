"""What is checked of a POST before it waits for the writer: each object against the rules, and the batch's signature."""

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stillwatch.hub import times
from stillwatch.hub.database import Database
from stillwatch.hub.errors import unprocessable
from stillwatch.hub.lately import Lately
from stillwatch.hub.limits import PREVIOUS_EPOCH_SECONDS
from stillwatch.hub.model import Member, Outcome, Status
from stillwatch.intelligence.checking import Accepted, Checker, Refusal
from stillwatch.intelligence.extension import published
from stillwatch.records.errors import InputError
from stillwatch.serving.events import Events
from stillwatch.transparency import batches, merkle
from stillwatch.transparency.canonical import canonical, parse

_PLAIN_FIELD = re.compile(r"(?:[a-z0-9_]{1,40}|extension-definition--[0-9a-f-]{36})(?:\[\d{1,6}\])?")
_BUNDLE = Refusal("", "type", "a bundle is no object of its own", "send its objects")
NAMES = "created_by_ref or where_sighted_refs"
_LEAST_ID = re.compile(r"[a-z0-9-]{1,60}--[0-9a-f-]{36}")


@dataclass
class Submission:
    """One POST on its way to the writer. `items`: place among the objects, and the object."""

    member: Member
    number: int  # of the member, in the store
    collection: int  # its number, in the store
    collection_id: str
    total: int
    size: int
    requested: int
    items: list[tuple[int, Accepted]]
    failures: list[Outcome]
    batch: "Signed | None" = None
    done: threading.Event = field(default_factory=threading.Event)
    status: Status | None = None
    error: BaseException | None = None


@dataclass(frozen=True)
class Signed:
    """A batch whose signature is right: its envelope as JSON, and the leaf hashes of all its objects."""

    envelope: bytes
    leaves: bytes


@dataclass(frozen=True)
class _Pseudonym:
    member: int
    epoch: int
    public_key: bytes
    not_after: int
    ended: int | None  # when the epoch after it began


class Examiner:
    """Checks POSTs; safe to use from many threads."""

    def __init__(self, database: Database, checker: Checker, events: Events) -> None:
        self._database, self._checker, self._events = database, checker, events
        self._pseudonyms: Lately[str, _Pseudonym | None] = Lately()
        self.common: frozenset[str] = frozenset(item["id"] for item in published())
        """Ids of objects that are the same for everybody: they belong to nobody."""
        self._guard = threading.Lock()
        self._refused: Counter[str] = Counter()

    @property
    def refused(self) -> dict[str, int]:
        """How many objects were refused, by the first rule that did."""
        with self._guard:
            return dict(self._refused)

    def examine(self, submission: Submission, objects: Sequence[bytes], batch: bytes | None) -> None:
        """Fill in a submission. Raises `Refused` (422) where the batch's signature does not hold."""
        check = self._checker.check
        items, failures = submission.items, submission.failures
        forms: list[bytes | None] = []
        for place, raw in enumerate(objects):
            found = check(raw)
            if not isinstance(found, list) and found.type == "bundle":
                found = [_BUNDLE]
            if isinstance(found, list):
                failures.append(_failure(found))
                self._count(found)
                forms.append(None)
            else:
                items.append((place, found))
                forms.append(found.canonical)
        if batch is not None:
            self._open(submission, objects, forms, batch)

    def _open(
        self, submission: Submission, objects: Sequence[bytes], forms: Sequence[bytes | None], raw: bytes
    ) -> None:
        try:
            envelope = parse(raw)
            claimed = batches.claimed(envelope)
            pseudonym = self._pseudonyms.get(claimed.pseudonym, lambda: self._pseudonym(claimed.pseudonym))
            # The same words whether there is none or it is somebody else's.
            if pseudonym is None or pseudonym.member != submission.number:
                raise unprocessable("The batch is signed under a pseudonym that is not yours.")
            signed = batches.opened(envelope, Ed25519PublicKey.from_public_bytes(pseudonym.public_key))
            if signed.epoch != pseudonym.epoch:
                raise unprocessable("The batch names another epoch than its pseudonym's certificate.")
            late = submission.requested - PREVIOUS_EPOCH_SECONDS * times.MICROSECONDS
            if pseudonym.not_after < submission.requested or (pseudonym.ended or submission.requested) < late:
                raise unprocessable("The pseudonym's epoch is over: get a new one and sign again.")
            if signed.collection != submission.collection_id:
                raise unprocessable("The batch is signed for another collection.")
            leaves = [
                merkle.leaf_hash(canonical(parse(objects[place])) if form is None else form)
                for place, form in enumerate(forms)
            ]
            batches.require(signed, leaves)
        except InputError as error:
            raise unprocessable(f"The batch can't be taken: {error}") from None
        kept = []
        for place, item in submission.items:
            if item.common or all(name == claimed.pseudonym for name in item.said_by):
                kept.append((place, item))
            else:
                reason = f"{NAMES}: not the pseudonym that signed the batch; make them the same"
                submission.failures.append(Outcome(item.id, item.version, reason))
                self.count(f"{NAMES} is not the batch's pseudonym")
        submission.items = kept
        submission.batch = Signed(canonical(envelope), b"".join(leaves))

    def _pseudonym(self, pseudonym: str) -> _Pseudonym | None:
        line = self._database.one(
            "SELECT p.member, p.epoch, p.public_key, p.not_after, e.began FROM pseudonyms p"
            " LEFT JOIN epochs e ON e.number = p.epoch + 1 WHERE p.id = ?",
            (pseudonym,),
        )
        return None if line is None else _Pseudonym(*line)

    def _count(self, refusals: Sequence[Refusal]) -> None:
        first = refusals[0]
        self.count(first.rule)
        # Which field and which rule, never a value: and a field that nobody knows may itself be one.
        field = ".".join(part if _PLAIN_FIELD.fullmatch(part) else "?" for part in first.field.split("."))
        self._events.sometimes("object_refused", first.rule, field=field[:200])

    def count(self, rule: str) -> None:
        """Count an object that was refused."""
        with self._guard:
            self._refused[rule] += 1


def _failure(refusals: Sequence[Refusal]) -> Outcome:
    first = refusals[0]
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    # TAXII wants an id, and what claims to be one may be anything.
    name = first.object_id if _LEAST_ID.fullmatch(first.object_id) else ""
    return Outcome(name, 0, f"{first.field}: {first.rule}; {first.mend}{more}")
