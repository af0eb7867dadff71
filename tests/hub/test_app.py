"""What everybody may ask of a hub, how requests are let in, bounded and refused, and what is written down of them."""

import json
import threading
import time

import pytest


def test_health_needs_no_member(shared):
    assert shared.call("GET", "/healthz", Authorization=None).status == 200
    assert shared.call("GET", "/readyz", Authorization=None).status == 200


def test_metrics_count_without_names(shared, web):
    shared.call("GET", "/exchange/v1/me")
    text = shared.call("GET", "/metrics").body.decode()
    assert "stillwatch_hub" in text
    assert shared.anna.member.member_id not in text
    assert shared.anna.member.name not in text


@pytest.mark.parametrize(
    "path", ["/taxii2/", "/taxii2/api/collections/", "/exchange/v1/me", "/log/checkpoint", "/stream"]
)
def test_everything_else_needs_one(shared, path):
    answer = shared.call("GET", path, Authorization=None)
    assert answer.status == 401
    assert "Basic" in answer.header("WWW-Authenticate")
    assert shared.call("GET", path, Authorization="Bearer nobody").status == 401
    assert shared.call("GET", path, Authorization="Basic !!!").status == 401


def test_a_token_lets_in(shared, web):
    oauth2 = shared.anna.credentials["oauth2"]
    body = f"grant_type=client_credentials&client_id={oauth2['client_id']}&client_secret={oauth2['client_secret']}"
    answer = shared.post(
        "/oauth2/token", body.encode(), "application/x-www-form-urlencoded", Authorization=None
    )
    assert answer.status == 200, answer.body
    assert answer.header("Cache-Control") == "no-store"
    token = answer.json["access_token"]
    me = shared.call("GET", "/exchange/v1/me", Authorization=f"Bearer {token}")
    assert me.json["member_id"] == shared.anna.member.member_id


def test_a_revoked_member_is_out_at_once(running, hub, anna):
    assert running.call("GET", "/exchange/v1/me").status == 200
    hub.revoke_member("anna")
    time.sleep(1)
    assert running.call("GET", "/exchange/v1/me").status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/taxii2/api/collections/nothing/", 404),
        ("PUT", "/taxii2/", 405),
        ("DELETE", "/exchange/v1/me", 405),
        ("PATCH", "/healthz", 405),
    ],
)
def test_what_is_not_there_is_told_as_json(shared, method, path, status):
    answer = shared.call(method, path)
    assert answer.status == status
    assert int(answer.json["http_status"]) == status


def objects_of(running):
    return f"/taxii2/api/collections/{running.anna.collection}/objects/"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"{", 400),
        (b"[" * 200_000, 400),
        (b'{"objects":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b"[]", 422),
        (b'{"objects":{}}', 422),
        (b'{"objects":[]}', 422),
    ],
)
def test_bodies_that_are_none_are_refused(shared, web, body, status):
    answer = shared.post(objects_of(shared), body)
    assert answer.status in (status, 400, 422), answer.body
    assert set(answer.json) >= {"title", "http_status"}


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(shared, web):
    connection = shared.connect()
    connection.putrequest("POST", objects_of(shared))
    for name, value in (
        ("Authorization", shared.authorization),
        ("Content-Type", web.TAXII),
        ("Content-Length", str(1 << 30)),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    connection.close()


def test_a_hundred_thousand_objects_are_refused_cleanly(shared):
    body = json.dumps({"objects": [{}] * 100_000}).encode()
    answer = shared.post(objects_of(shared), body)
    assert answer.status in (202, 413, 422)
    if answer.status == 202:
        assert answer.json["failure_count"] == 100_000
    assert shared.call("GET", "/readyz").status == 200


def test_a_compressed_body_is_refused_or_bounded(shared, web):
    answer = shared.post(objects_of(shared), b"x", Content_Encoding="gzip")
    assert answer.status in (400, 415)


def test_secrets_are_in_no_log(shared):
    log = shared.log.read_text()
    assert shared.anna.credentials["basic"]["password"] not in log
    assert shared.authorization.split()[1] not in log
    for line in log.splitlines():
        json.loads(line)


def test_one_member_does_not_keep_the_others_waiting(running, hub, anna, bert, parts, web):
    """Who asks for much at once waits for itself, and is told so where it is too much."""
    running.anna = anna
    anna.post(*(parts.indicator() for _ in range(500)))
    done, found = threading.Event(), []
    path = f"{objects_of(running)}?match[type]=report&match[version]=all"
    authorization = web.basic(bert.credentials)

    def ask():
        while not done.is_set():
            found.append(running.call("GET", path, Authorization=authorization).status)

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    try:
        answers = {running.call("GET", objects_of(running) + "?limit=1").status for _ in range(20)}
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert answers == {200}
    assert set(found) <= {200, 429}
