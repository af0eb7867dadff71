"""Collections (TAXII 2.1, section 5), and what each member may do with them."""

import uuid

from stillwatch.hub.database import Database, Transaction
from stillwatch.hub.errors import forbidden, not_found
from stillwatch.hub.lately import Lately
from stillwatch.hub.model import Collection
from stillwatch.records.errors import InputError

SHARED = ("Shared findings", "shared", "What members share with all the others.")
"""Title, alias and description of the collection that every member may read and write."""


class Collections:
    """The collections of one hub. What is told of them is at most half a second old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: Lately[int, list[tuple[int, Collection]]] = Lately()

    def add(
        self,
        tx: Transaction,
        identifier: str,
        title: str,
        alias: str | None,
        description: str,
        *,
        can_read: bool = True,
        can_write: bool = True,
    ) -> None:
        """Add a collection; the rights are those of members that no `grant` names."""
        line = tx.one("SELECT COALESCE(MAX(number), 0) + 1 FROM collections")
        assert line is not None
        tx.insert(
            "collections",
            ("number", "id", "title", "alias", "description", "can_read", "can_write"),
            [(line[0], identifier, title, alias, description, int(can_read), int(can_write))],
        )

    def new(self, title: str, alias: str | None, description: str, *, can_read: bool, can_write: bool) -> str:
        """Add one with a new id, which this returns. Raises InputError where there is one with the alias."""
        identifier = str(uuid.uuid4())
        with self._database.write() as tx:
            if alias is not None and tx.one("SELECT 1 FROM collections WHERE alias = ?", (alias,)):
                raise InputError(f"there is a collection '{alias}' already", mend="give another alias")
            self.add(tx, identifier, title, alias, description, can_read=can_read, can_write=can_write)
        self._seen.forget()
        return identifier

    def grant(self, member: int, id_or_alias: str, *, can_read: bool, can_write: bool) -> None:
        """Set one member's rights. Raises InputError where there is no such collection."""
        with self._database.write() as tx:
            line = tx.one(
                "SELECT number FROM collections WHERE id = ? OR alias = ?", (id_or_alias, id_or_alias)
            )
            if line is None:
                raise InputError(f"there is no collection '{id_or_alias}'", mend="give its id or alias")
            tx.execute(
                "INSERT INTO grants (collection, member, can_read, can_write) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (collection, member) DO UPDATE"
                " SET can_read = excluded.can_read, can_write = excluded.can_write",
                (line[0], member, int(can_read), int(can_write)),
            )
        self._seen.forget()

    def seen_by(self, member: int) -> list[tuple[int, Collection]]:
        """The collections that a member may read or write, with their numbers, sorted by id."""

        def look_up() -> list[tuple[int, Collection]]:
            lines = self._database.query(
                "SELECT c.number, c.id, c.title, c.alias, c.description,"
                " COALESCE(g.can_read, c.can_read), COALESCE(g.can_write, c.can_write) FROM collections c"
                " LEFT JOIN grants g ON g.collection = c.number AND g.member = ? ORDER BY c.id",
                (member,),
            )
            return [
                (line[0], Collection(line[1], line[2], line[3], line[4], bool(line[5]), bool(line[6])))
                for line in lines
                if line[5] or line[6]
            ]

        return self._seen.get(member, look_up)

    def find(
        self, member: int, id_or_alias: str, *, read: bool = False, write: bool = False
    ) -> tuple[int, Collection]:
        """One of them, with its number. Raises `Refused`: 404 where there is none, 403 where a right is missing."""
        for number, collection in self.seen_by(member):
            if id_or_alias in (collection.id, collection.alias):
                if read and not collection.can_read:
                    raise forbidden("You may not read this collection.")
                if write and not collection.can_write:
                    raise forbidden("You may not write to this collection.")
                return number, collection
        raise not_found("There is no such collection.")

    def readable(self, member: int, only: set[str] | None = None) -> list[int]:
        """Numbers of the collections that a member may read, perhaps only of some by their ids."""
        return [
            number
            for number, collection in self.seen_by(member)
            if collection.can_read and (only is None or collection.id in only)
        ]
