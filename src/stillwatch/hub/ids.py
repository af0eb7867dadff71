"""The number under which the store finds an object's versions."""

import hashlib


def id_key(stix_id: str) -> int:
    """64 bits of a digest of a STIX id, signed.

    Ids are random, so each insert touches another page of an index over them: over these numbers it has a quarter of the
    pages that it would have over the ids. Two ids may have the same number, so whoever looks for one asks for the id, too.
    """
    return int.from_bytes(
        hashlib.sha256(stix_id.encode("utf-8", "surrogatepass")).digest()[:8], "big", signed=True
    )
