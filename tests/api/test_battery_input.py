"""Rows I01–I07, I08, I11 of the battery: wrong types, odd digits, broken JSON, extra fields."""

import json
from typing import Any

import pytest

from tests.api.bodies import PATHS, good_bodies
from tests.api.conftest import Serve

LOGIN, REGISTER = "/v1/site/login", "/v1/site/register"
MOBILE_LOGIN, SMS = "/v1/site/mobile-login", "/v1/site/sms-code"
VERIFY = "/v1/site/verify-access-token"

# As they stand in the body: some of them are no JSON at all.
WRONG_TYPES = [
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e400",
    "NaN",
    "-Infinity",
    '""',
    "[]",
    '["x"]',
    "{}",
    '{"$ne":1}',
    '{"0":"x"}',
    str(2**63),
    str(-(2**63) - 1),
]


def body_with(path: str, field: str, text: str, wire: str = "document") -> str:
    """A good body's JSON with the text of one value exchanged."""
    rest = {name: value for name, value in good_bodies(wire)[path].items() if name != field}
    return json.dumps(rest)[:-1] + (", " if rest else "") + f'"{field}": {text}}}'


FIELDS = [(path, field) for path in PATHS for field in good_bodies("document")[path]]


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_I01_wrong_type_for_every_field(serve: Serve, path: str, field: str) -> None:
    server = serve()
    for text in WRONG_TYPES:
        answer = await server.post_text(path, body_with(path, field, text))
        if field == "code" and text == "0":
            # A code may be an integer: this one is 000000, and the flow's to judge.
            assert server.flows.calls.pop()[1]["code"] == "000000"
            continue
        if field == "code" and text.lstrip("-").isdigit():
            assert server.flows.calls.pop()[1]["code"] == ""
            continue
        assert answer["code"] == 422, text
        expected = "missing_field" if text in ("null", '""') else "invalid_type"
        assert answer["data"]["fields"] == {field: expected}
    assert server.flows.calls == []


@pytest.mark.parametrize("wire", ["document", "rageframe"])
async def test_I02_code_variants(serve: Serve, wire: str) -> None:
    length = 4 if wire == "rageframe" else 6
    right = "0123456"[:length]
    accepted = {json.dumps(right): right, str(int(right)): right, "7": "7".zfill(length)}
    judged_wrong = [
        '"01234567"',
        f'" {right}"',
        f'"{right} "',
        f'"+{right[1:]}"',
        '"1.234e3"',
        '"12"',
        "-1",
        str(10**length),
    ]
    refused = ["true", "false", "1234.0", "1.0e3", "[1234]"]
    server = serve(wire)
    for text, digits in accepted.items():
        await server.post_text(MOBILE_LOGIN, body_with(MOBILE_LOGIN, "code", text, wire))
        assert server.flows.calls.pop()[1]["code"] == digits
    for text in judged_wrong:
        # No code can look like this: the flow gets none, and answers bad_code.
        await server.post_text(MOBILE_LOGIN, body_with(MOBILE_LOGIN, "code", text, wire))
        assert server.flows.calls.pop()[1]["code"] == "", text
    for text in refused:
        answer = await server.post_text(MOBILE_LOGIN, body_with(MOBILE_LOGIN, "code", text, wire))
        assert answer["code"] == 422
    assert server.flows.calls == []


ODD_DIGITS = ["１２３４５６", "١٢٣٤٥٦", "12345²", "1_2_34", "+12345", "123456\n", "\n123456"]


async def test_I03_unicode_digits(serve: Serve) -> None:
    server = serve()
    for code in ODD_DIGITS:
        await server.post(MOBILE_LOGIN, good_bodies("document")[MOBILE_LOGIN] | {"code": code})
        assert server.flows.calls.pop()[1]["code"] == "", code
    for mobile in (
        "１３８００００００００",
        "١٣٨٠٠٠٠٠٠٠٠",
        "1380000000²",
        "138_0000_0000",
        "13800000000\n",
        "13800000000\x00",
        "+1 380 000 0000",
    ):
        answer = await server.post(SMS, {"mobile": mobile, "usage": "login"})
        assert answer["data"]["fields"] == {"mobile": "invalid_mobile"}, mobile
    assert server.flows.calls == []


async def test_S13_spellings_of_one_number_are_one_number(serve: Serve) -> None:
    server = serve()
    for mobile in (
        "13800000000",
        "+8613800000000",
        "008613800000000",
        "138-0000-0000",
        " 138 0000 0000 ",
    ):
        assert (await server.post(SMS, {"mobile": mobile, "usage": "login"}))["code"] == 200
        assert server.flows.calls.pop()[1]["mobile"] == "13800000000"


DUPLICATES = [
    ("application/json", '{"mobile":"13800000000","mobile":"13900000000","usage":"login"}'),
    ("application/json", '{"mobile":"13800000000","usage":"login","x":{"a":1,"a":2}}'),
    ("application/x-www-form-urlencoded", "mobile=13800000000&mobile=13900000000&usage=login"),
    (
        "multipart/form-data; boundary=b",
        '--b\r\nContent-Disposition: form-data; name="mobile"\r\n\r\n13800000000\r\n'
        '--b\r\nContent-Disposition: form-data; name="mobile"\r\n\r\n13900000000\r\n'
        '--b\r\nContent-Disposition: form-data; name="usage"\r\n\r\nlogin\r\n--b--\r\n',
    ),
]


@pytest.mark.parametrize(("media", "text"), DUPLICATES)
async def test_I04_duplicate_keys(serve: Serve, media: str, text: str) -> None:
    server = serve()
    answer = await server.post_text(SMS, text, media)
    assert (answer["code"], answer["data"]["reason"]) == (400, "malformed_body")
    assert answer["message"] == "请求格式错误"
    assert server.flows.calls == []


async def test_I04_only_the_body_is_read_never_the_query(serve: Serve, wire: str) -> None:
    server = serve(wire)
    await server.post(SMS + "?mobile=13900000000", {"mobile": "13800000000", "usage": "login"})
    assert server.flows.calls.pop()[1]["mobile"] == "13800000000"
    answer = await server.post(SMS + "?mobile=13900000000&usage=login", {})
    assert answer["code"] == 422


async def test_I05_big_numbers(serve: Serve) -> None:
    server = serve()
    for field in ("mobile", "code", "group"):
        text = body_with(MOBILE_LOGIN, field, "9" * 5000)
        answer = await server.post_text(MOBILE_LOGIN, text)
        assert answer["code"] == 422
        assert answer["data"]["fields"] == {field: "invalid_type"}
    unknown = body_with(MOBILE_LOGIN, "unknown", "9" * 5000)
    assert (await server.post_text(MOBILE_LOGIN, unknown))["code"] == 200
    huge = body_with(MOBILE_LOGIN, "code", "9" * 1_000_000)
    assert (await server.post_text(MOBILE_LOGIN, huge))["code"] == 413


async def test_I06_deep_json(serve: Serve) -> None:
    server = serve(body_limit=300_000)
    for text in (
        "[" * 100_000,
        '{"a":' * 20_000,
        '{"username":' + "[" * 5000 + "]" * 5000 + "}",
        '{"a":[[[[1]]]]}',
    ):
        answer = await server.post_text(LOGIN, text)
        assert (answer["code"], answer["data"]["reason"]) == (400, "malformed_body")
    brackets = good_bodies("document")[LOGIN] | {"password": '[[[[[{{{{{"\\' * 20}
    assert (await server.post(LOGIN, brackets))["code"] == 200
    shallow = body_with(LOGIN, "unknown", "[[[1]]]")
    assert (await server.post_text(LOGIN, shallow))["code"] == 200


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_I07_broken_text_in_every_field(serve: Serve, path: str, field: str) -> None:
    server = serve()
    surrogate = await server.post_text(path, body_with(path, field, '"a\\ud800b"'))
    assert 400 <= surrogate["code"] < 500
    if field not in ("code", "group", "usage"):
        assert surrogate["data"]["reason"] == "malformed_body"
    raw = body_with(path, field, '"a\x00b"').encode().replace(b"\x00", b"\xff\xfe")
    assert (await server.post_text(path, raw))["code"] == 400
    # A raw control character is no JSON; its escape is judged field by field.
    assert (await server.post_text(path, body_with(path, field, '"a\x00b"')))["code"] == 400
    await server.post_text(path, body_with(path, field, '"a\\u0000b"'))
    key = field.removeprefix("refresh_")
    kept = [given.get(key) for _, given in server.flows.calls]
    assert all(value in ("", "a\x00b") for value in kept)
    if kept:
        assert field in ("code", "password", "refresh_token")


async def test_I07_other_encodings_than_utf8(serve: Serve) -> None:
    server = serve()
    text = json.dumps(good_bodies("document")[LOGIN])
    for raw in (
        text.encode("utf-16"),
        text.encode("utf-16-le"),
        text.encode("utf-32"),
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("demo", "登录").encode("gb18030"),
    ):
        answer = await server.post_text(LOGIN, raw, "application/json; charset=gbk")
        assert (answer["code"], answer["data"]["reason"]) == (400, "malformed_body")
    form = await server.post_text(LOGIN, "username=%FF%FE", "application/x-www-form-urlencoded")
    assert form["code"] == 400
    assert server.flows.calls == []


@pytest.mark.parametrize("text", ["[1]", '"x"', "1", "null", "true", "{", "{'a':1}", "x", "{} {}"])
async def test_what_is_no_json_object_is_malformed(serve: Serve, wire: str, text: str) -> None:
    answer = await serve(wire).post_text(LOGIN, text)
    assert (answer["code"], answer["message"]) == (400, "请求格式错误")


MASS: dict[str, Any] = {
    "status": -1,
    "role": 99,
    "type": 3,
    "merchant_id": 7,
    "user_money": "1000000",
    "current_level": 9,
    "id": 1,
    "pid": 1,
    "password_hash": "x",
    "created_at": 0,
    "is_admin": True,
    "__class": "x",
    "__proto__": {"a": 1},
    "caller": "x",
    "labels": {},
}


async def test_I11_mass_assignment(serve: Serve, wire: str) -> None:
    server = serve(wire)
    body = good_bodies(wire)[REGISTER]
    assert (await server.post(REGISTER, body))["code"] == 200
    assert (await server.post(REGISTER, MASS | body))["code"] == 200
    assert server.flows.calls[0] == server.flows.calls[1]


async def test_T02_a_client_cannot_bring_its_own_session(serve: Serve, wire: str) -> None:
    server = serve(wire)
    mine = {"access_token": "M" * 43, "refresh_token": "N" * 43, "session": "M" * 43}
    headers = {"X-Session": "M" * 43, "Cookie": "session=" + "M" * 43, "X-Api-Key": "M" * 43}
    response = await server("POST", LOGIN, json=good_bodies(wire)[LOGIN] | mine, headers=headers)
    assert "M" * 43 not in response.text
    assert "set-cookie" not in response.headers
    assert "M" * 43 not in str(server.flows.calls)


async def test_T03_verify_takes_text_only_and_exactly_as_sent(serve: Serve) -> None:
    server = serve()
    for text in ("0", "true", '["tok"]', "1.5", "{}"):
        answer = await server.post_text(VERIFY, f'{{"token":{text}}}')
        assert answer["data"]["fields"] == {"token": "invalid_type"}
    for token in ("tok ", " tok", "TOK"):
        await server.post(VERIFY, {"token": token})
        assert server.flows.calls.pop() == ("verify_token", {"token": token})
