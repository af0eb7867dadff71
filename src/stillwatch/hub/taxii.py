"""TAXII 2.1 (OASIS standard, 10 June 2021): resources and endpoints, on top of an exchange."""

from collections.abc import Callable, Iterable

import msgspec

from stillwatch.hub.bounds import MAX_BODY_BYTES
from stillwatch.hub.calls import TAXII, Answer, Call, Endpoint
from stillwatch.hub.model import Collection, Outcome, Page, Query, Row, Status
from stillwatch.hub.requests import (
    COLLECTION_FILTERS,
    OBJECT_FILTERS,
    VERSIONS_FILTERS,
    envelope_of,
    flag,
    format_version,
    object_id,
    query_of,
)
from stillwatch.hub.times import stamp

DISCOVERY, API_ROOT = "/taxii2/", "/taxii2/api/"
STIX = "application/stix+json;version=2.1"
_COLLECTION = f"{API_ROOT}collections/{{collection_id}}/"
_OBJECT = f"{_COLLECTION}objects/{{object_id}}/"

Resource = dict[str, object]

RECEIPTS = "x_stillwatch_receipts"
"""Where in the log the objects of a POST stand: for those who ask for it with `receipts=1`."""


def _answer(resource: Resource, status: int = 200) -> Answer:
    return Answer(msgspec.json.encode(resource), TAXII, status)


def discovery(call: Call) -> Answer:
    """Section 4.1: what the server is and where its API roots are, as whole URLs."""
    root = call.base + API_ROOT
    return _answer(
        {
            "title": "Stillwatch exchange",
            "description": "Findings about adversarial distillation of language models, shared among members",
            "default": root,
            "api_roots": [root],
        }
    )


def api_root(call: Call) -> Answer:
    """Section 4.2: `versions` holds media types."""
    return _answer(
        {
            "title": "Exchange",
            "description": "Collections of the exchange",
            "versions": [TAXII],
            "max_content_length": MAX_BODY_BYTES,
        }
    )


def status(call: Call) -> Answer:
    """Section 4.3: what became of a POST of the member's own."""
    return _answer(_status(call.exchange.status(call.member, call.path["status_id"])))


def _status(found: Status) -> Resource:
    resource: Resource = {
        "id": found.id,
        "status": found.status,
        "request_timestamp": stamp(found.request_timestamp),
        "total_count": found.total_count,
        "success_count": found.success_count,
    }
    for name, count, outcomes in (
        ("success", found.success_count, found.successes),
        ("failure", found.failure_count, found.failures),
        ("pending", found.pending_count, found.pendings),
    ):
        resource[f"{name}_count"] = count
        if outcomes:
            named = {"success": "successes", "failure": "failures", "pending": "pendings"}[name]
            resource[named] = [_outcome(outcome, found.request_timestamp) for outcome in outcomes]
    return resource


def _outcome(outcome: Outcome, received: int) -> Resource:
    # `version` is required (section 4.3.2): where an object has none, it is when the object was received.
    detail: Resource = {"id": outcome.id, "version": format_version(outcome.version or received)}
    return detail if outcome.message is None else {**detail, "message": outcome.message}


def collections(call: Call) -> Answer:
    """Section 5.1: what the member may see, sorted by id."""
    found = sorted(call.exchange.collections(call.member), key=lambda collection: collection.id)
    return _answer({"collections": [_collection(each) for each in found]} if found else {})


def collection(call: Call) -> Answer:
    """Section 5.2, by id or alias."""
    return _answer(_collection(_found(call)))


def _found(call: Call) -> Collection:
    return call.exchange.collection(call.member, call.path["collection_id"])


def _collection(found: Collection) -> Resource:
    resource: Resource = {"id": found.id, "title": found.title}
    if found.description:
        resource["description"] = found.description
    if found.alias is not None:
        resource["alias"] = found.alias
    return {**resource, "can_read": found.can_read, "can_write": found.can_write, "media_types": [STIX]}


def manifest(call: Call) -> Answer:
    """Section 5.3."""
    page = call.exchange.manifest(call.member, _found(call).id, query_of(call.query, COLLECTION_FILTERS))
    return _page(page, b"objects", (msgspec.json.encode(_record(row)) for row in page.rows))


def _record(row: Row) -> Resource:
    # Section 5.3.2: objects without `modified` and `created` have the version of when they were added.
    return {
        "id": row.stix_id,
        "date_added": stamp(row.date_added),
        "version": format_version(row.version or row.date_added),
        "media_type": f"application/stix+json;version={row.spec_version}",
    }


def objects(call: Call) -> Answer:
    """Section 5.4: a page of objects, as they are stored."""
    page = call.exchange.objects(call.member, _found(call).id, query_of(call.query, COLLECTION_FILTERS))
    return _page(page, b"objects", _bodies(page))


def _bodies(page: Page) -> Iterable[bytes]:
    return [row.body for row in page.rows if row.body is not None]


def _page(page: Page, name: bytes, parts: Iterable[bytes]) -> Answer:
    """An envelope, a manifest or versions: an empty resource where there is nothing (sections 3.7, 5.3.1 and 5.8.1)."""
    if not page.rows:
        return Answer(b"{}", TAXII)
    more = b'"more":false,'
    if page.more and page.next is not None:
        more = b'"more":true,"next":%b,' % msgspec.json.encode(page.next)
    headers = {
        "X-TAXII-Date-Added-First": stamp(page.rows[0].date_added),
        "X-TAXII-Date-Added-Last": stamp(page.rows[-1].date_added),
    }
    return Answer(b'{%b"%b":[%b]}' % (more, name, b",".join(parts)), TAXII, headers=headers)


def add_objects(call: Call) -> Answer:
    """Section 5.5: 202 and what became of each object; by then they are on disk."""
    receipts = flag(call.query, "receipts")
    found, batch = envelope_of(call.body)
    collection_id = _found(call).id
    made = call.exchange.submit(call.member, collection_id, found, batch=batch, size=len(call.body))
    status = _status(made)
    if receipts:
        status[RECEIPTS] = call.exchange.placed(call.member, collection_id, made)
    return _answer(status, 202)


def one_object(call: Call) -> Answer:
    """Section 5.6: the newest version of an object, or those that match."""
    stix_id, query = object_id(call.path["object_id"]), query_of(call.query, OBJECT_FILTERS)
    collection_id = _found(call).id
    page = call.exchange.objects(call.member, collection_id, _of(stix_id, query))
    if not page.rows:
        # An object that is there and does not match is an empty envelope; one that is not there is 404.
        call.exchange.versions(call.member, collection_id, stix_id, Query(limit=1))
    return _page(page, b"objects", _bodies(page))


def _of(stix_id: str, query: Query) -> Query:
    return Query(
        query.added_after, query.limit, query.cursor, (stix_id,), (), query.versions, query.spec_versions
    )


def delete_object(call: Call) -> Answer:
    """Section 5.7: erases the member's own versions, all of them or those that match."""
    query = query_of(call.query, OBJECT_FILTERS, paged=False)
    call.exchange.delete(call.member, _found(call).id, object_id(call.path["object_id"]), query)
    return Answer()


def versions(call: Call) -> Answer:
    """Section 5.8."""
    stix_id, query = object_id(call.path["object_id"]), query_of(call.query, VERSIONS_FILTERS)
    page = call.exchange.versions(call.member, _found(call).id, stix_id, query)
    return _page(
        page, b"versions", (b'"%b"' % format_version(r.version or r.date_added).encode() for r in page.rows)
    )


def _get(path: str, handle: Callable[[Call], Answer], name: str) -> Endpoint:
    return Endpoint("GET", path, name, handle, TAXII)


ENDPOINTS = (
    _get(DISCOVERY, discovery, "discovery"),
    _get(API_ROOT, api_root, "api_root"),
    _get(f"{API_ROOT}status/{{status_id}}/", status, "status"),
    _get(f"{API_ROOT}collections/", collections, "collections"),
    _get(_COLLECTION, collection, "collection"),
    _get(f"{_COLLECTION}manifest/", manifest, "manifest"),
    _get(f"{_COLLECTION}objects/", objects, "objects"),
    Endpoint(
        "POST", f"{_COLLECTION}objects/", "add_objects", add_objects, TAXII, (TAXII,), MAX_BODY_BYTES, True
    ),
    _get(_OBJECT, one_object, "object"),
    Endpoint("DELETE", _OBJECT, "delete_object", delete_object, TAXII, writes=True),
    _get(f"{_OBJECT}versions/", versions, "versions"),
)
"""The TAXII endpoints."""
