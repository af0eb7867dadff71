"""No secret of a known shape is left in what is kept aside."""

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillwatch.records.masking import MASK, MAX_TEXT, mask, mask_text, passes_luhn

SECRETS = [
    "sk-proj-abcdEFGH1234567890",
    "sk-ant-api03-abcdefghijklmnop",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "xoxb-123456789012-abcdefGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123-_",
    "hf_abcdefghijklmnopqrstuvwx",
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "378282246310005",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "the key is {}, keep it", '{{"a": "{}"}}', "x={};y"])
def test_secrets_of_known_shapes(secret: str, around: str) -> None:
    shown = mask_text(around.format(secret))
    assert secret not in shown
    assert MASK in shown


def test_headers_urls_and_private_keys() -> None:
    assert "c2VjcmV0c2VjcmV0" not in mask_text("Authorization: Basic c2VjcmV0c2VjcmV0")
    assert "opaque.token.123" not in mask_text("authorization=Bearer opaque.token.123")
    assert mask_text("postgres://bob:hunter2@db/x") == f"postgres://bob:{MASK}@db/x"
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
    assert mask_text(f"a {pem} b") == f"a {MASK} b"
    assert "MIIEow" not in mask_text(pem[:40])
    assert "hunter2" not in mask_text('{"a": 1, "password": "hunter2", "b')


def test_fields_by_name_and_counts_of_tokens_stay() -> None:
    row = {
        "Authorization": "x",
        "x-api-key": "y",
        "client_secret": "z",
        "input_tokens": 5,
        "genai_tokens_input": 7,
    }
    assert mask(row) == {
        "Authorization": MASK,
        "x-api-key": MASK,
        "client_secret": MASK,
        "input_tokens": 5,
        "genai_tokens_input": 7,
    }
    assert mask({"token": None, "refresh_token": "abc"}) == {"token": None, "refresh_token": MASK}


def test_ordinary_values_stay_and_long_ones_are_cut() -> None:
    assert mask({"a": [1, 2.5, True, None, "text"]}) == {"a": [1, 2.5, True, None, "text"]}
    assert mask(1_760_000_000_000) == 1_760_000_000_000
    assert len(str(mask("x" * 100_000))) < MAX_TEXT + 40
    assert mask(float("nan")) == "nan"
    assert mask_text("4111 1111 1111 1112") == "4111 1111 1111 1112"


def test_luhn() -> None:
    assert passes_luhn("79927398713")
    assert not any(passes_luhn(f"7992739871{d}") for d in "012456789")


everything = st.recursive(
    st.one_of(
        st.none(), st.integers(), st.floats(), st.text(st.characters(codec=None)), st.binary(), st.datetimes()
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@settings(max_examples=200)
@given(everything)
def test_anything_becomes_plain_json(value: object) -> None:
    json.dumps(mask(value), allow_nan=False, ensure_ascii=False).encode()


@settings(max_examples=100)
@given(st.text(max_size=40), st.sampled_from(SECRETS[:7]), st.text(max_size=40))
def test_a_secret_between_words_is_always_found(before: str, secret: str, after: str) -> None:
    assert secret not in mask_text(f"{before} {secret} {after}")


SHAPES = [
    "sk-proj-abcdEFGH1234567890",
    "sk-ant-api03-AbCdEf0123456789-AbCdEf0123",
    "sk-WHQ5L0fnJ8Q9xZ0f_abcdeQ",
    "gsk_abcdefghij0123456789abcdefghij0123456789",
    "xai-abcdefghij0123456789abcdefghij0123456789",
    "ya29.a0AfH6SMBx0123456789abcdefghijklmnopqrstuvwxyz",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi-AgEIcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3A",
    "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "r8_abcdefghij0123456789abcdefghij01234567",
    "nvapi-abcdefghij0123456789abcdefghij0123456789-_abc",
    "pplx-abcdefghij0123456789abcdefghij0123456789",
    "shpat_0123456789abcdef0123456789abcdef",
    "whsec_abcdefghij0123456789abcdefghij01",
    "glrt-abcdefghij0123456789",
    "dop_v1_0123456789abcdef0123456789abcdef",
    "GOCSPX-abcdefghijklmnopqrstuvwxyz12",
    "hvs.CAESIabcdefghijklmnopqrstuvwxyz0123",
    "dapi0123456789abcdef0123456789abcdef",
    "api_org_abcdefghijklmnopqrstuvwxyz",
    "123456789:AAHabcdefghijklmnopqrstuvwxyz0123456",
    "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "https://discord.com/api/webhooks/123456789012345678/abcdefghijABCDEFGHIJ0123456789",
    *SECRETS[2:7],
]
"""A secret of every shape, none of which needs a name beside it to be told."""

SECRET_FIELDS = [
    "userPassword",
    "openaiApiKey",
    "OPENAI_API_KEY",
    "X-Goog-Api-Key",
    "accessToken",
    "authToken",
    "pwd",
    "pass",
    "key",
    "virtual_key",
    "user_api_key",
    "bearer",
    "dsn",
    "connection_string",
    "connectionString",
    "sessionId",
    "api_key_value",
    "AccountKey",
    "SharedAccessKey",
    "X-Amz-Signature",
    "sig",
    "Authorization",
    "proxy-authorization",
    "cookie",
    "jwt",
    "passphrase",
    "client_secret",
]


def at(way: list[str | int], leaf: object) -> object:
    """`leaf` deep inside JSON: behind a name for text, at a place in an array for a number."""
    for step in way:
        leaf = {step: leaf, "model": "m"} if isinstance(step, str) else [*range(step), leaf]
    return leaf


def escaped(value: object, times: int) -> object:
    """A value as JSON in JSON in text."""
    for _ in range(times):
        value = json.dumps(value)
    return value


ways = st.lists(
    st.one_of(st.sampled_from(["messages", "content", "body", "é", "x y"]), st.integers(0, 2)), max_size=4
)
words = st.lists(
    st.sampled_from(["use", "the", "密钥是", "(", "key:", "=", "\n", '"', "\\", "é", "now."]), max_size=4
)


@settings(max_examples=300)
@given(st.sampled_from(SHAPES), words, words, ways, st.integers(0, 3), st.integers(0, 30), st.booleans())
def test_no_planted_secret_is_left_wherever_it_stands(
    secret: str,
    before: list[str],
    after: list[str],
    way: list[str | int],
    times: int,
    cut: int,
    as_bytes: bool,
) -> None:
    leaf = " ".join([*before, secret, *after])
    planted = escaped(at(way, leaf), times)
    if isinstance(planted, str):
        # Damaged JSON can't be read by its fields; the secret itself stays whole.
        end = planted.rfind(secret) + len(secret)
        planted = planted[: max(end, len(planted) - cut)] if secret in planted else planted
        planted = planted.encode() if as_bytes else planted
    shown = mask(planted)
    assert secret not in json.dumps(shown, ensure_ascii=False)
    assert mask(shown) == shown


@settings(max_examples=300)
@given(st.sampled_from(SECRET_FIELDS), ways, st.integers(0, 3), st.integers(0, 30))
def test_no_value_of_a_secret_field_is_left_wherever_it_stands(
    name: str, way: list[str | int], times: int, cut: int
) -> None:
    planted = escaped(at(way, {"a": 1, name: "hunter2hunter2", "b": "shown"}), times)
    if isinstance(planted, str) and cut:
        planted = planted[:-cut]
    shown = mask(planted)
    # In text that is damaged, a short word behind "key" is more often the name of a key than one.
    least = 8 if name == "key" and isinstance(planted, str) else 7
    assert "hunter2hunter2"[:least] not in str(shown)
    assert mask(shown) == shown


@settings(max_examples=300)
@given(everything)
@example({"x" * 90 + "api_key" + "x" * 20: "a"})
@example("word " * 200)
@example('{"password": "x", "b": "' + "y" * 600)
@example("a" * 70_000)
def test_masking_twice_changes_nothing(value: object) -> None:
    once = mask(value)
    assert mask(once) == once


PIECES = [
    "password",
    "token",
    "key",
    "value",
    "bearer",
    "Digest",
    "is",
    ":",
    "=",
    "'",
    "[masked]",
    "[",
    "]",
    "{",
    "}",
    ",",
    "://",
    "@",
    "4111111111111111",
    "x7Qy",
]
pieces = st.sampled_from(
    [
        *PIECES,
        '"',
        "\\",
        "\\n",
        "\\u0022",
        " ",
        "\n",
        "Authorization: ",
        "bearer ",
        'a="b"',
        "sk-0123456789ab",
    ]
)


@settings(max_examples=500)
@given(st.lists(pieces, max_size=30).map("".join))
def test_masking_text_twice_changes_nothing(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: ApiKey abcdef0123456789", "Authorization: [masked]"),
        ("Authorization: ApiKey abc", "Authorization: [masked]"),
        ('Authorization: Digest username="x", response="abc"', "Authorization: [masked]"),
        ("Authorization: Bearer abc\nAccept: text/html", "Authorization: [masked]\nAccept: text/html"),
        ("Cookie: a=b; c=d", "Cookie: [masked]"),
        ("postgres://u:p@ss/word@h", "postgres://u:[masked]@h"),
        ("http://host:8080/path/@user", "http://host:8080/path/@user"),
        ("AccountName=x;AccountKey=abcd0123==;", "AccountName=x;AccountKey=[masked];"),
        ("https://x/c?sv=2020&sig=abcd%2B&se=1", "https://x/c?sv=2020&sig=[masked]&se=1"),
        ("Token abcdef0123456789", "Token [masked]"),
        ("my password is hunter2hunter2", "my password is [masked]"),
        (r'"{\"api_key\": \"abcd\", \"a\": 1', r'"{\"api_key\": \"[masked]\", \"a\": 1'),
        (r"a\napi_key=abc\ntoken=abc\nend", r"a\napi_key=[masked]\ntoken=[masked]\nend"),
        (r"\u0070assword\u003dhunter2 x", "password=[masked] x"),
        ('7,"{""apiKey"": ""abcd"", ""a"": 1}"', '7,"{""apiKey"": ""[masked]"", ""a"": 1}"'),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc\n", "[masked]"),
        (
            '{"key": "x-api-key", "value": {"stringValue": "abcd"}, ',
            '{"key": "x-api-key", "value": {"stringValue": "[masked]"}, ',
        ),
    ],
)
def test_examples_in_text(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_pairs_of_name_and_value() -> None:
    header = {"key": "http.request.header.authorization", "value": {"stringValue": "hunter2"}}
    assert mask(header) == header | {"value": MASK}
    assert mask([["x-api-key", "hunter2"], ["accept", "*/*"]]) == [["x-api-key", MASK], ["accept", "*/*"]]
    plain = {"key": "gen_ai.request.model2", "value": {"stringValue": "m"}}
    assert mask(plain) == plain


def test_a_short_master_key_is_hidden_in_fields_about_keys() -> None:
    assert mask({"user_api_key_hash": "sk-1234", "key_alias": "prod"}) == {
        "user_api_key_hash": MASK,
        "key_alias": "prod",
    }


@pytest.mark.parametrize(
    "row",
    [
        {"event_id": "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"},
        {"id": "chatcmpl-AbC3dEf5GhI7jKl9MnO1pQr3StU5v"},
        {"note": "see msg_01XFDUDYJgAACzvnptvVoYELxY7z12ab"},
        {"note": "6f1ed002-ab55-4598-9014-ebf0951522d9 and " + "0af1" * 16},
        {"note": "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZyAxMjM="},
        {"path": "deployments/Prod-EuWest1/models/Large2024/versions/12"},
        {"error": "the token is invalid; the password is required; basic arithmetic; Token limit exceeded"},
        {"model": "sk-1", "max_tokens": 5, "cache_key": "abc", "keyword": "x", "pass": 3, "bypass": "yes"},
        {"text": r"C:\users\u0041 and \/ stay as they were written"},
        {"body": '{"messages": [ {"role": "user", "content": "hi"} ]}'},
    ],
)
def test_rows_stay_useful(row: dict[str, object]) -> None:
    assert mask(row) == row


@pytest.mark.parametrize(
    "piece", ["a", "a.", '"', "\\", "key:", "://a:", "Authorization: ", "{", "[", "A1", "sk-", "token "]
)
def test_hostile_text_costs_bounded_time(piece: str) -> None:
    start = time.process_time()
    mask_text(piece * (70_000 // len(piece)))
    assert time.process_time() - start < 5
