from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.ids import id_key


@given(st.text(st.characters(codec=None)))
def test_a_key_fits_a_column(stix_id):
    assert -(2**63) <= id_key(stix_id) < 2**63
    assert id_key(stix_id) == id_key(stix_id)


def test_ids_with_one_number_are_kept_apart(hub, anna, bert, parts, monkeypatch):
    for module in ("deciding", "pages", "erasing"):
        monkeypatch.setattr(f"stillwatch.hub.{module}.id_key", lambda stix_id: 7)
    mine, theirs = parts.indicator(), parts.indicator()
    anna.post(mine, {**mine, "modified": parts.day(320)})
    assert bert.post(theirs).success_count == 1
    assert bert.post({**theirs, "modified": parts.day(320)}).success_count == 1
    assert [row.seq for row in anna.all()] == [2, 4]
    assert [row.seq for row in anna.all(ids=(theirs["id"],))] == [4]
    assert len(hub.versions(anna.member, anna.collection, mine["id"], parts.Query()).rows) == 2
    hub.delete(bert.member, bert.collection, theirs["id"], parts.Query())
    assert [row.seq for row in anna.all(versions=("all",))] == [1, 2]
