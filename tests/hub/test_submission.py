import json


def test_the_log_of_refusals_names_field_and_rule_and_no_value(store, hub, anna, parts):
    secret = "Acme GmbH, Kennwort"
    anna.post(
        parts.indicator(pattern=secret),
        parts.indicator(**{secret: 1}),
        parts.indicator(name=secret),
        json.dumps({"type": secret, "id": secret}).encode(),
    )
    told = store.told.getvalue()
    assert "object_refused" in told
    assert '"field": "pattern"' in told
    assert "Acme" not in told
    assert "Kennwort" not in told


def test_a_failure_has_an_id_only_where_it_is_one(anna, parts):
    item = parts.indicator(description="x")
    status = anna.post(item, {**item, "id": "secret words"}, b"{")
    assert [one.id for one in status.failures] == [item["id"], "", ""]
    assert "description" in status.failures[0].message


def test_a_bundle_is_no_object(anna, parts):
    bundle = {
        "type": "bundle",
        "id": "bundle--6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f22",
        "objects": [parts.indicator()],
    }
    (failure,) = anna.post(bundle).failures
    assert "bundle" in failure.message


def test_refusals_are_counted_by_rule(hub, anna, parts):
    item = parts.indicator()
    anna.post(
        item, {**item, "confidence": 50}, parts.indicator(description="x"), parts.indicator(description="y")
    )
    counts = sorted(hub.stats().refused.values())
    assert counts == [1, 2]


def test_what_is_stored_is_canonical(anna, parts):
    item = parts.indicator()
    anna.post(json.dumps(item, indent=3).encode())
    (row,) = anna.all()
    assert row.body == parts.canonical(item)
    assert anna.post(item).successes[0].message is not None
