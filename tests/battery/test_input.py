"""Wrong types, wrong numbers, wrong characters: refused, and nothing else (rows I01 to I07)."""

import json
import time
from collections.abc import Iterator, Mapping
from urllib.parse import quote_from_bytes

import pytest

from denglu.security.digests import HmacSecrets
from tests.battery.client import (
    BOUNDARY,
    Client,
    encode,
    fresh_mobile,
    new_member,
    new_password,
)
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Server

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

WRONG = (
    "null", "true", "false", "0", "-1", "1.5", "1e400", "-1e400", "NaN", "Infinity", '""',
    '" "', "[]", '["x"]', "[[]]", "{}", '{"$ne":1}', '{"0":"x"}', str(2**63), str(-(2**63) - 1),
    "1e2", "-0", '{"$gt":""}', '["a","b"]',
)  # fmt: skip
MISSING = ("null", '""', '" "')
# What the rageframe profile does not ask for.
OPTIONAL = {
    ("refresh", "group"),
    ("register", "nickname"),
    ("register", "password_repetition"),
    ("up-pwd", "password_repetition"),
}
USAGES = {"mobile-login": "login", "register": "register", "up-pwd": "up-pwd"}
Bodies = dict[str, dict[str, object]]


def good_bodies(client: Client) -> Bodies:
    """A body for every endpoint that would succeed, with live codes and tokens."""
    member, newcomer = fresh_mobile(), fresh_mobile()
    tokens = client.register(member).data
    client.server.set_clock(61)
    login_code = client.code_for(member, "login")
    register_code = client.code_for(newcomer, "register")
    client.server.set_clock(122)
    reset_code = client.code_for(member, "up-pwd")
    return {
        "login": {"username": member, "password": PASSWORD, "group": "pc"},
        "refresh": {"refresh_token": tokens["refresh_token"], "group": "pc"},
        "sms-code": {"mobile": fresh_mobile(), "usage": "login"},
        "mobile-login": {"mobile": member, "code": login_code, "group": "h5"},
        "register": new_member(newcomer, register_code),
        "up-pwd": new_password(member, reset_code, "another-harbour-18"),
        "verify-access-token": {"token": tokens["access_token"]},
    }


def assert_still_good(client: Client, bodies: Bodies) -> None:
    """None of what was refused used up a code or a token."""
    for name, body in reversed(bodies.items()):
        if name != "up-pwd":
            answer = client.site(name, body)
            assert answer.code == 200, (name, answer.text)
    assert client.site("up-pwd", bodies["up-pwd"]).code == 200


def assert_refused(answer: Answer, *codes: int, what: object = "") -> None:
    """The envelope of a refusal, with one of these codes."""
    assert answer.status == 200, (what, answer.status, answer.text)
    assert answer.code in (codes or (400, 401, 413, 415, 422, 429)), (what, answer.text)
    assert list(answer.body)[:3] == ["code", "message", "data"], what
    assert answer.body["message"], what


def with_raw(body: Mapping[str, object], field: str, raw: bytes) -> bytes:
    """The body as JSON, with these bytes as the value of a field."""
    pairs = [
        json.dumps(name).encode() + b":" + (raw if name == field else json.dumps(value).encode())
        for name, value in body.items()
    ]
    return b"{" + b",".join(pairs) + b"}"


def state(server: Server) -> list[tuple[int, ...]]:
    """How many members and sessions there are, and how many passwords were changed."""
    return server.rows(
        "select (select count(*) from member), (select count(*) from session),"
        " (select sum(password_version) from member)"
    )


def compared(server: Server) -> int:
    """How many codes have been compared so far."""
    sql = "select count(*) from audit_event where event = 'sms_code_compared'"
    return int(server.rows(sql)[0][0])


def fields_of(bodies: Bodies) -> Iterator[tuple[str, dict[str, object], str]]:
    for name, body in bodies.items():
        for field in body:
            yield name, body, field


def test_I01_every_wrong_type_in_every_field_is_refused(
    each_client: Client, record: Record
) -> None:
    client = each_client
    bodies = good_bodies(client)
    loose = client.server.settings.get("DENGLU_WIRE") == "rageframe"
    before, sent = state(client.server), client.sent
    for name, body, field in fields_of(bodies):
        for raw in WRONG:
            if loose and (name, field) in OPTIONAL and raw in MISSING:
                continue
            content = with_raw(body, field, raw.encode())
            answer = client.call("POST", f"/v1/site/{name}", content=content, headers=JSON)
            assert_refused(answer, 422, what=(name, field, raw))
        absent = {key: value for key, value in body.items() if key != field}
        if not (loose and (name, field) in OPTIONAL):
            assert_refused(client.site(name, absent), 422, what=(name, field, "absent"))
    assert state(client.server) == before
    record("I01", tried=f"{client.sent - sent} JSON bodies with one wrong field", figure="all 422")
    assert_still_good(client, bodies)


def test_I01_forms_cannot_smuggle_arrays_or_files(client: Client, record: Record) -> None:
    bodies = good_bodies(client)
    before, sent = state(client.server), client.sent
    for name, body, field in fields_of(bodies):
        rest = {key: value for key, value in body.items() if key != field}
        for spelling in (f"{field}[]", f"{field}[0]", f"{field}[$ne]", f"{field}.x", f" {field}"):
            for encoding in ("form", "multipart"):
                answer = client.site(name, rest | {spelling: body[field]}, encoding=encoding)
                assert_refused(answer, 422, what=(name, spelling, encoding))
        assert_refused(
            client.call(
                "POST", f"/v1/site/{name}", content=with_file(rest, field), headers=MULTIPART
            ),
            422,
            what=(name, field, "file"),
        )
        for encoding, content in doubled(body, field):
            headers = FORM if encoding == "form" else MULTIPART
            answer = client.call("POST", f"/v1/site/{name}", content=content, headers=headers)
            assert_refused(answer, 400, what=(name, field, encoding, "twice"))
    assert state(client.server) == before
    record("I01", tried=f"{client.sent - sent} forms: arrays, files, doubles", figure="all 4xx")
    assert_still_good(client, bodies)


def with_file(rest: Mapping[str, object], field: str) -> bytes:
    """A multipart body that uploads a file where a text belongs."""
    part = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="a.txt"\r\n'
        "Content-Type: text/plain\r\n\r\npc\r\n"
    )
    return part.encode() + encode(rest, "multipart")[1]


def doubled(body: Mapping[str, object], field: str) -> Iterator[tuple[str, bytes]]:
    """The body with one field given twice."""
    yield "form", encode(body, "form")[1] + b"&" + encode({field: body[field]}, "form")[1]
    whole = encode(body, "multipart")[1].removesuffix(f"--{BOUNDARY}--\r\n".encode())
    yield "multipart", whole + encode({field: body[field]}, "multipart")[1]


def plant_code(server: Server, mobile: str, usage: str, code: str) -> None:
    """Make the live code of a number this one."""
    key = (server.folder / "denglu.db.key").read_bytes().strip()
    secrets = HmacSecrets(key)
    number = secrets.key("mobile", 0, mobile)
    where = "where number_key = ? and code_usage = ? and live = 1"
    ((salt,),) = server.rows(f"select salt from sms_code {where}", number, usage)
    digest = secrets.code_digest(salt, mobile, usage, code)
    server.rows(f"update sms_code set digest = ? {where}", digest, number, usage)


NO_CODES = (
    '"01234"', '" 004213"', '"004213 "', '"+04213"', '"-04213"', '"4.213e3"', '"4213"',
    '"0x1075"', '"0004213"', '"004213\\n"', '"\\n004213"', '"００４２１３"', '"٠٠٤٢١٣"',
    '"00421³"', '"00_4213"', '"4_213"', '"00421"', '"004213.0"', '"004213\\u0000"',
    '"004213\\u200b"', "4213.0", "4213e0", "4.213e3", "-4213", "1004213", str(10**6),
    str(4213 + 10**6), str(2**63), "true", "[4213]", '["004213"]', '{"0":"004213"}',
)  # fmt: skip


def test_I02_only_six_ascii_digits_or_an_integer_are_a_code(client: Client) -> None:
    mobile = fresh_mobile()
    client.register(mobile)
    client.server.set_clock(61)
    client.code_for(mobile, "login")
    plant_code(client.server, mobile, "login", "004213")
    before = compared(client.server)
    body = {"mobile": mobile, "code": "004213", "group": "pc"}
    for raw in NO_CODES:
        content = with_raw(body, "code", raw.encode())
        answer = client.call("POST", "/v1/site/mobile-login", content=content, headers=JSON)
        assert_refused(answer, 422, what=raw)
        assert answer.reason in ("bad_code", "invalid_type"), raw
    assert compared(client.server) == before
    # The document says integer: then the zeros in front are missing.
    assert client.site("mobile-login", body | {"code": 4213}).code == 200


def test_I02_four_digits_in_the_field(field_client: Client) -> None:
    client = field_client
    mobile = fresh_mobile()
    client.register(mobile)
    for number, (code, good) in enumerate((("1234", "1234"), ("9999", 9999)), 1):
        client.server.set_clock(61 * number)
        client.code_for(mobile, "login")
        plant_code(client.server, mobile, "login", code)
        before = compared(client.server)
        body = {"mobile": mobile, "group": "pc"}
        for wrong in (f"0{code}", f" {code}", f"+{code}", f"{code}.0", f"{code}\n", True, None):
            assert_refused(client.site("mobile-login", body | {"code": wrong}), 422, what=wrong)
        assert compared(client.server) == before
        assert client.site("mobile-login", body | {"code": good}).code == 200


def odd_mobiles(mobile: str) -> tuple[str, ...]:
    """What Python's int(), \\d or $ might take for the mobile."""
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in mobile)
    arabic = "".join(chr(ord(digit) + 0x630) for digit in mobile)
    return (
        full_width, arabic, full_width[:3] + mobile[3:], mobile[:10] + "²", mobile[:10] + "٣",
        "_".join(mobile), f"+{mobile}", f"{mobile}\n", f"\n{mobile}", f"{mobile}\r\n",
        f"{mobile}\t", f"{mobile}\x00", f"{mobile}\u200b", f"+１{mobile}", f"+1{mobile}",
        f"0{mobile}", f"{mobile}.0", f"{mobile}e0", f"0x{mobile}", f"++86{mobile}",
        f"{mobile},{mobile}", f"86{full_width}",
    )  # fmt: skip


def test_I03_digits_of_other_scripts_and_line_ends_make_no_mobile(each_client: Client) -> None:
    client = each_client
    member, newcomer = fresh_mobile(), fresh_mobile()
    client.register(member)
    client.server.set_clock(61)
    codes = {"mobile-login": client.code_for(member, "login")}
    codes["register"] = client.code_for(newcomer, "register")
    messages = len(client.server.outbox())
    for odd in odd_mobiles(member):
        for name in ("sms-code", "mobile-login", "register", "up-pwd"):
            body = new_member(odd, codes.get(name, "123456")) | {"usage": "login"}
            answer = client.site(name, body)
            assert_refused(answer, 422, what=(name, odd))
            assert answer.body["message"] == "请输入正确的手机号", (name, odd)
            assert answer.reason in ("invalid_mobile", None)
        assert_refused(client.login(odd), 422, what=odd)
    assert len(client.server.outbox()) == messages
    body = {"mobile": member, "code": codes["mobile-login"], "group": "pc"}
    assert client.site("mobile-login", body).code == 200


def test_I04_a_key_that_comes_twice_is_refused(client: Client) -> None:
    first, second = fresh_mobile(), fresh_mobile()
    for content in (
        f'{{"mobile":"{first}","usage":"login","mobile":"{second}"}}',
        f'{{"mobile":"{first}","usage":"login","usage":"login"}}',
        f'{{"mobile":"{first}","usage":"login","x":{{"a":1,"a":2}}}}',
        f'{{"mobile":"{first}","usage":"login","\\u006dobile":"{second}"}}',
    ):
        answer = client.call("POST", "/v1/site/sms-code", content=content.encode(), headers=JSON)
        assert (answer.code, answer.reason) == (400, "malformed_body"), content
    assert client.server.outbox(first) == client.server.outbox(second) == []


def test_I04_only_the_body_is_read(each_client: Client) -> None:
    client = each_client
    in_body, in_query = fresh_mobile(), fresh_mobile()
    query = f"?mobile={in_query}&usage=register"
    asked = client.call("POST", f"/v1/site/sms-code{query}", {"mobile": in_body, "usage": "login"})
    assert asked.code == 200
    assert [message["usage"] for message in client.server.outbox(in_body)] == ["login"]
    for body in ({}, {"usage": "login"}):
        answer = client.call("POST", f"/v1/site/sms-code{query}", body)
        assert (answer.code, answer.body["message"]) == (422, "手机号码不能为空。")
    for headers, content in (
        (JSON, f"mobile={in_query}&usage=login"),
        (MULTIPART, f"mobile={in_query}&usage=login"),
        (MULTIPART, f'{{"mobile":"{in_query}","usage":"login"}}'),
    ):
        answer = client.call("POST", "/v1/site/sms-code", content=content.encode(), headers=headers)
        assert_refused(answer, 400, what=content)
    mixed = f'{{"mobile":"{in_query}","usage":"login"}}'.encode()
    assert client.call("POST", "/v1/site/sms-code", content=mixed, headers=FORM).code == 422
    assert client.server.outbox(in_query) == []


def slowest(client: Client, bodies: Mapping[str, bytes], *codes: int) -> str:
    """Send each as JSON to an endpoint; all refused, and how long the slowest took."""
    longest = 0.0
    for what, content in bodies.items():
        begun = time.perf_counter()
        answer = client.call("POST", "/v1/site/login", content=content, headers=JSON)
        longest = max(longest, time.perf_counter() - begun)
        assert_refused(answer, *codes, what=what)
        assert client.call("GET", "/healthz").status == 200, what
    return f"all 4xx, {longest * 1000:.0f} ms at most"


def test_I05_numbers_of_thousands_of_digits_are_refused(
    each_client: Client, record: Record
) -> None:
    body = {"username": "alice", "password": PASSWORD, "group": "pc"}
    huge = {}
    for digits in (21, 400, 4301, 5_000, 16_000, 1_000_000):
        for field in (*body, "unknown"):
            raw = b"9" * digits
            wrong = (body | {"username": 1}) if field == "unknown" else body
            huge[f"{field}, {digits} digits"] = with_raw(wrong | {"unknown": 1}, field, raw)
            huge[f"{field}, -{digits} digits"] = with_raw(wrong | {"unknown": 1}, field, b"-" + raw)
    for raw in (b"1e999999999", b"-1e999999999", b"1." + b"0" * 9000, b"0." + b"9" * 9000):
        huge[raw[:12].decode()] = with_raw(body, "password", raw)
    huge["a million digits alone"] = b"9" * 1_000_000
    figure = slowest(each_client, huge, 400, 413, 422)
    record("I05", tried=f"{len(huge)} bodies with numbers of up to a million digits", figure=figure)


def test_I06_nesting_without_end_is_refused(each_client: Client, record: Record) -> None:
    deep = {
        "100,000 [": b"[" * 100_000,
        "16,000 [": b"[" * 16_000,
        "16,000 [ in a field": b'{"username":' + b"[" * 16_000,
        '2,500 {"a":': b'{"a":' * 2_500,
        "pairs": b"[" * 8_000 + b"]" * 8_000,
        "in a field, whole": b'{"username":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        "five levels": b'{"username":[[[[1]]]]}',
        "16,000 {": b"{" * 16_000,
    }
    figure = slowest(each_client, deep, 400, 413)
    record("I06", tried="bodies nested up to 100,000 deep", figure=figure)
    # Brackets inside a text are text.
    body = {"username": "[" * 200, "password": '{"[{\\"[' * 10, "group": "pc"}
    assert each_client.site("login", body).code == 422


def odd_contents(
    body: dict[str, object], field: str
) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Bodies with characters that are none in one field."""
    text = str(body[field]).encode()
    for odd in (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\n"):
        yield f"raw {odd!r}", JSON, with_raw(body, field, b'"' + text + odd + b'"')
        part = encode(body | {field: "@@@"}, "multipart")[1].replace(b"@@@", text + odd)
        yield f"multipart {odd!r}", MULTIPART, part
        pairs = encode(body | {field: ""}, "form")[1].replace(
            f"{field}=".encode(), field.encode() + b"=" + quote_from_bytes(text + odd).encode(), 1
        )
        yield f"form {odd!r}", FORM, pairs
    for escape in (b"\\ud800", b"\\udfff", b"\\ud800x", b"\\u0000"):
        yield f"escape {escape!r}", JSON, with_raw(body, field, b'"' + text + escape + b'"')


def test_I07_characters_that_are_none_are_refused_in_every_field(
    each_client: Client, record: Record
) -> None:
    client = each_client
    bodies = good_bodies(client)
    # What would be a new password may well hold a NUL (row P13): the wrong code stops it.
    for name in ("register", "up-pwd"):
        bodies[name] |= {"code": "000000", "password": "another-harbour-18"}
    before, sent = state(client.server), client.sent
    for name, body, field in fields_of(bodies):
        for what, headers, content in odd_contents(body, field):
            answer = client.call("POST", f"/v1/site/{name}", content=content, headers=headers)
            if answer.data != {"token": False}:  # an odd token is no token: that's an answer
                assert_refused(answer, what=(name, field, what))
    assert state(client.server) == before
    record("I07", tried=f"{client.sent - sent} bodies with odd bytes in a field", figure="all 4xx")


def test_I07_other_encodings_than_utf8_are_refused(each_client: Client) -> None:
    client = each_client
    text = json.dumps({"username": "小登", "password": PASSWORD, "group": "pc"}, ensure_ascii=False)
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "gbk"):
        for charset in ("", f"; charset={name}", "; charset=utf-8"):
            headers = {"Content-Type": f"application/json{charset}"}
            answer = client.call(
                "POST", "/v1/site/login", content=text.encode(name), headers=headers
            )
            assert_refused(answer, 400, what=(name, charset))
    # Whatever parameter is named, UTF-8 is read as UTF-8.
    for charset in ("utf-8", "UTF-8", '"utf-8"', "gbk"):
        headers = {"Content-Type": f"application/json; charset={charset}"}
        answer = client.call("POST", "/v1/site/login", content=text.encode(), headers=headers)
        assert answer.body["message"] == "用户名或密码错误"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**63 - 1, 2**64, 10**30])
def test_I08_integers_that_no_database_holds_are_refused(each_client: Client, value: int) -> None:
    for name, body in good_forms().items():
        for field in body:
            assert_refused(each_client.site(name, body | {field: value}), 422, what=(name, field))


def good_forms() -> Bodies:
    """Bodies of the right shape, without live codes."""
    member = new_member("13800000000", "123456")
    return {
        "login": {"username": "alice", "password": PASSWORD, "group": "pc"},
        "refresh": {"refresh_token": "x" * 43, "group": "pc"},
        "sms-code": {"mobile": "13800000000", "usage": "login"},
        "mobile-login": {"mobile": "13800000000", "code": "123456", "group": "pc"},
        "register": member,
        "up-pwd": new_password("13800000000", "123456"),
        "verify-access-token": {"token": "x" * 43},
    }
