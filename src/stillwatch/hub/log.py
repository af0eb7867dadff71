"""The hub's transparency log: entries, tiles, signed checkpoints and the cosignatures of members.

Bytes of entries are canonical JSON (RFC 8785). The tree is RFC 6962's, in tiles and bundles as C2SP tlog-tiles has them. A
partial tile is the beginning of what the whole one will be, so the store keeps each once and cuts earlier ones from it.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.hub import times
from stillwatch.hub.database import Database, Transaction
from stillwatch.hub.errors import bad_request, conflict, forbidden, unprocessable
from stillwatch.hub.limits import COSIGNED_SECONDS
from stillwatch.records.errors import InputError
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency import cosignature, merkle, tiles
from stillwatch.transparency.canonical import canonical
from stillwatch.transparency.checkpoint import Checkpoint
from stillwatch.transparency.notes import COSIGNATURE, Note, Verifier

COMMITMENT = b"stillwatch object commitment v1\n"
SALT_BYTES = 32


class Heads(NamedTuple):
    """Where the hub stands: the newest numbers that were given."""

    seq: int
    date_added: int
    log_size: int


def heads(tx: Transaction) -> Heads:
    """Read them; in a write nobody else can give numbers meanwhile."""
    (line,) = tx.query("SELECT seq, date_added, log_size FROM heads")
    return Heads(*line)


def commitment(salt: bytes, collection: str, body: bytes) -> bytes:
    """What the log says of an object: nobody can tell or guess its content from it without the salt."""
    return hashlib.sha256(COMMITMENT + salt + collection.encode() + b"\n" + body).digest()


def object_entry(committed: bytes, seq: int) -> bytes:
    """The entry of an object version. Written by hand, since there are many; equals `canonical` of the same."""
    return b'{"commitment":"%b","kind":"object","seq":%d,"v":1}' % (base64.b64encode(committed), seq)


def epoch_entry(number: int, template_key: bytes, rules: str) -> bytes:
    """The entry of a new epoch."""
    digest = hashlib.sha256(template_key).hexdigest()
    return canonical({"kind": "epoch", "number": number, "rules": rules, "template_key": digest, "v": 1})


def pseudonym_entry(pseudonym: str, epoch: int, public_key: bytes, certificate: bytes) -> bytes:
    """The entry of a pseudonym; `certificate` is the payload of its envelope."""
    return canonical(
        {
            "certificate": base64.b64encode(hashlib.sha256(certificate).digest()).decode(),
            "epoch": epoch,
            "kind": "pseudonym",
            "pseudonym": pseudonym,
            "public_key": base64.b64encode(public_key).decode(),
            "v": 1,
        }
    )


def erasure_entry(seq: int) -> bytes:
    """The entry that says that an object version's content is gone."""
    return b'{"kind":"erasure","seq":%d,"v":1}' % seq


class Log:
    """The log of one hub, signed with its key."""

    def __init__(self, database: Database, key: Ed25519PrivateKey, origin: str) -> None:
        self._database, self._key, self.origin = database, key, origin
        self.verifier = Verifier.of(origin, key)

    def begin(self) -> str:
        """The checkpoint of the empty log."""
        return str(Checkpoint(self.origin, 0, merkle.EMPTY).signed(self._key))

    def extend(self, tx: Transaction, size: int, entries: Sequence[bytes]) -> str:
        """Append entries to the log of this size; its new checkpoint, which the caller puts into `heads`."""
        _add_to_bundles(tx, size, entries)
        edge: dict[tuple[int, int], bytes] = {}

        def stored(level: int, index: int) -> bytes:
            if (level, index) not in edge:
                line = tx.one("SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, index))
                edge[level, index] = line[0] if line else b""
            return edge[level, index]

        changed = tiles.grown(size, stored, [merkle.leaf_hash(entry) for entry in entries])
        fresh = []
        for (level, index), hashes in changed.items():
            if edge.get((level, index)):
                tx.execute(
                    "UPDATE tiles SET hashes = ? WHERE level = ? AND number = ?", (hashes, level, index)
                )
            else:
                fresh.append((level, index, hashes))
        if fresh:
            tx.insert("tiles", ("level", "number", "hashes"), fresh)
        edge.update(changed)
        total = size + len(entries)
        root = tiles.frontier(total, stored).root()
        return str(Checkpoint(self.origin, total, root).signed(self._key))

    def add(self, tx: Transaction, entries: Sequence[bytes]) -> int:
        """Append entries that are no objects; the index of the first."""
        size = heads(tx).log_size
        note = self.extend(tx, size, entries)
        tx.execute("UPDATE heads SET log_size = ?, checkpoint = ?", (size + len(entries), note))
        return size

    def checkpoint(self, cosignatures: int = 0) -> str | None:
        """The newest checkpoint with at least so many cosignatures, and all that it has."""
        with self._database.read() as tx:
            if cosignatures <= 0:
                (line,) = tx.query("SELECT log_size, checkpoint FROM heads")
            else:
                found = tx.one(
                    "SELECT c.size, c.checkpoint FROM cosigned c WHERE (SELECT COUNT(*) FROM cosignatures s"
                    " WHERE s.size = c.size) >= ? ORDER BY c.size DESC LIMIT 1",
                    (cosignatures,),
                )
                if found is None:
                    return None
                line = found
            lines = tx.query("SELECT line FROM cosignatures WHERE size = ? ORDER BY member", (line[0],))
        return str(line[1]) + "".join(f"{signature}\n" for (signature,) in lines)

    def tile(self, level: int, index: int, width: int | None) -> bytes | None:
        """The first `width` hashes of a tile, or all of a whole one; None where the log has not come so far."""
        wanted = tiles.WIDTH if width is None else width
        if not (0 < wanted <= tiles.WIDTH and 0 <= level < tiles.MOST_LEVELS and 0 <= index < 1 << 62):
            return None
        line = self._database.one("SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, index))
        if line is None or len(line[0]) < wanted * merkle.SIZE:
            return None
        hashes: bytes = line[0]
        return hashes[: wanted * merkle.SIZE]

    def entries(self, index: int, width: int | None) -> bytes | None:
        """The first `width` entries of a bundle, or all of a whole one; None where the log has not come so far."""
        wanted = tiles.WIDTH if width is None else width
        if not (0 < wanted <= tiles.WIDTH and 0 <= index < 1 << 62):
            return None
        line = self._database.one("SELECT entries FROM bundles WHERE number = ?", (index,))
        data: bytes = line[0] if line else b""
        place = 0
        for _ in range(wanted):
            if place >= len(data):
                return None
            place += 2 + int.from_bytes(data[place : place + 2], "big")
        return data[:place]

    def register_witness(self, member: int, vkey: str) -> None:
        """Take a member's key for cosignatures, in the place of an earlier one."""
        try:
            witness = Verifier.parse(vkey)
        except InputError as error:
            raise unprocessable(str(error)) from None
        if witness.kind != COSIGNATURE:
            raise unprocessable("A witness's key is of type 0x04 (C2SP tlog-cosignature).")
        with self._database.write() as tx:
            tx.execute("UPDATE members SET witness = ? WHERE number = ?", (str(witness), member))

    def cosign(self, member: int, text: str) -> None:
        """Keep the cosignature of a member under a checkpoint that this log has signed."""
        try:
            note = Note.parse(text)
            said = checkpoints.opened(note, self.verifier)
        except InputError as error:
            raise bad_request(str(error)) from None
        with self._database.write() as tx:
            line = tx.one("SELECT witness FROM members WHERE number = ?", (member,))
            if line is None or line[0] is None:
                raise forbidden("Register a witness key first.")
            witness = Verifier.parse(line[0])
            if cosignature.time_of(note, witness) is None:
                raise unprocessable("The note has no valid cosignature by your registered key.")
            if said.size > heads(tx).log_size or root_at(tx, said.size) != said.root:
                # Signed by our key all the same: a backup was restored, or somebody else holds the key.
                raise conflict("The log has no such checkpoint.")
            signature = note.of(witness)
            bare = Note(note.text, tuple(one for one in note.signatures if one == note.of(self.verifier)))
            tx.execute(
                "INSERT INTO cosigned (size, checkpoint, first_seen) VALUES (?, ?, ?) ON CONFLICT (size) DO NOTHING",
                (said.size, str(bare), times.now()),
            )
            tx.execute(
                "INSERT INTO cosignatures (size, member, line) VALUES (?, ?, ?)"
                " ON CONFLICT (size, member) DO UPDATE SET line = excluded.line",
                (said.size, member, str(signature)),
            )

    def thin(self, tx: Transaction) -> None:
        """Forget cosigned checkpoints that are old, where a newer one has at least as many cosignatures."""
        counts: dict[int, int] = dict(tx.query("SELECT size, COUNT(*) FROM cosignatures GROUP BY size"))
        best, dominated = 0, []
        for size in sorted(counts, reverse=True):
            if counts[size] <= best:
                dominated.append(size)
            best = max(best, counts[size])
        before = times.now() - COSIGNED_SECONDS * times.MICROSECONDS
        old = {size for (size,) in tx.query("SELECT size FROM cosigned WHERE first_seen < ?", (before,))}
        gone = [size for size in dominated if size in old]
        tx.update_each("DELETE FROM cosignatures WHERE size IN (?*)", gone)
        tx.update_each("DELETE FROM cosigned WHERE size IN (?*)", gone)


def root_at(tx: Transaction, size: int) -> bytes:
    """The root of the first `size` entries."""

    def stored(level: int, index: int) -> bytes:
        line = tx.one("SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, index))
        return line[0] if line else b""

    return tiles.frontier(size, stored).root()


def _add_to_bundles(tx: Transaction, size: int, entries: Sequence[bytes]) -> None:
    number, width = divmod(size, tiles.WIDTH)
    start = 0
    if width:
        start = min(tiles.WIDTH - width, len(entries))
        line = tx.one("SELECT entries FROM bundles WHERE number = ?", (number,))
        before = line[0] if line else b""
        tx.execute(
            "UPDATE bundles SET entries = ? WHERE number = ?",
            (before + tiles.bundle(entries[:start]), number),
        )
        number += 1
    rows = [
        (number + which, tiles.bundle(entries[place : place + tiles.WIDTH]))
        for which, place in enumerate(range(start, len(entries), tiles.WIDTH))
    ]
    if rows:
        tx.insert("bundles", ("number", "entries"), rows)
