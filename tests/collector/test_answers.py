"""Answers, read as each protocol's clients read them."""

import json
from collections import Counter

import pytest
from google.protobuf.json_format import Parse
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from stillwatch.collector.answers import OtlpAnswers, PlainAnswers
from stillwatch.collector.committer import Receipt
from stillwatch.collector.payloads import LOGS, TRACES
from stillwatch.serving.admission import Refused

RECEIPT = Receipt(5, Counter({"missing time": 2, "missing model": 1}), Counter({"not a model call": 4}))


def test_plain():
    answer = PlainAnswers().taken(RECEIPT)
    assert answer.media_type == "application/json"
    assert json.loads(answer.body) == {
        "accepted": 5,
        "rejected": {"missing model": 1, "missing time": 2},
        "skipped": {"not a model call": 4},
    }
    answer = PlainAnswers().refused(Refused(503, "wait", 7))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert json.loads(answer.body) == {"error": "wait"}


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("signal", [TRACES, LOGS])
def test_otlp(signal, as_json):
    def read(answer, message):
        assert answer.headers["content-type"] == ("application/json" if as_json else "application/x-protobuf")
        if as_json:
            return Parse(answer.body, message)
        message.MergeFromString(answer.body)
        return message

    answers = OtlpAnswers(signal, as_json=as_json)
    full = read(answers.taken(Receipt(5, Counter(), Counter({"not a model call": 4}))), signal.response())
    assert not full.HasField("partial_success")
    partial = read(answers.taken(RECEIPT), signal.response()).partial_success
    assert getattr(partial, signal.rejected) == 3
    assert partial.error_message == "can't be used: 2 missing time, 1 missing model"
    answer = answers.refused(Refused(413, "too large"))
    status = read(answer, Status())
    assert (answer.status_code, status.code, status.message) == (413, Code.RESOURCE_EXHAUSTED, "too large")
    assert read(answers.refused(Refused(418, "no")), Status()).code == Code.UNKNOWN


def test_who_is_refused_is_told_how_to_come_in():
    assert PlainAnswers().refused(Refused(401, "no token")).headers["www-authenticate"].startswith("Bearer")
    assert "retry-after" not in PlainAnswers().refused(Refused(400, "bad")).headers
