"""Addresses, origins, headers, methods: what the network edge believes and says (rows N)."""

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile, new_member
from tests.battery.conftest import Record
from tests.battery.harness import Answer, Server, running

AN_ADDRESS_MAY = 30  # wrong passwords in five minutes
JUDGED = f"{AN_ADDRESS_MAY} judged, then none: one address"
LIMIT = 16 * 1024
SHOP = "https://shop.example"

_names = (f"nobody-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a trusted proxy, and with one allowed origin."""
    with running(tmp_path_factory.mktemp("bare"), cors_origins=SHOP) as server:
        yield server


def failed_logins(client: Client, headers: Sequence[dict[str, str]]) -> list[Answer]:
    """One failed login for each set of headers, each with a name of its own."""
    answers = []
    for sent in headers:
        body = {"username": next(_names), "password": "wrong-password-1", "group": "pc"}
        answers.append(client.site("login", body, headers=sent))
    return answers


def assert_one_address(answers: Sequence[Answer]) -> None:
    """All of them were counted as one address's: 30 were judged, the rest were not."""
    codes = [answer.code for answer in answers]
    assert codes == [422] * AN_ADDRESS_MAY + [429] * (len(codes) - AN_ADDRESS_MAY)


def seen_address(server: Server) -> str:
    """The address that the last login came from, as the audit trail has it."""
    sql = "select ip from audit_event order by id desc limit 1"
    return str(server.rows(sql)[0][0])


def test_N01_nobody_but_a_trusted_proxy_says_where_a_client_is(
    bare: Server, record: Record
) -> None:
    headers = [
        {
            "X-Forwarded-For": f"203.0.113.{n}",
            "X-Real-IP": f"203.0.113.{n}",
            "Forwarded": f"for=203.0.113.{n}",
            "CF-Connecting-IP": f"203.0.113.{n}",
            "True-Client-IP": f"203.0.113.{n}",
            "X-Client-IP": f"203.0.113.{n}",
        }
        for n in range(50)
    ]
    with Client(bare) as client:
        assert_one_address(failed_logins(client, headers))
    assert bare.rows("select distinct ip from audit_event") == [("127.0.0.1",)]
    record("N01", tried="50 failed logins, six headers changing each time", figure=JUDGED)


def test_N01_a_trusted_proxy_is_believed_in_one_header_only(client: Client) -> None:
    headers = [
        {
            "X-Forwarded-For": "",
            "X-Real-IP": f"203.0.113.{n}",
            "Forwarded": f"for=203.0.113.{n}",
            "CF-Connecting-IP": f"203.0.113.{n}",
        }
        for n in range(35)
    ]
    assert_one_address(failed_logins(client, headers))
    assert seen_address(client.server) == "127.0.0.1"
    client.server.set_clock(400)


def test_N02_what_a_client_writes_to_the_left_is_not_believed(
    client: Client, record: Record
) -> None:
    real = fresh_address()
    forms = (
        f"203.0.113.{{0}}, {real}",
        f"{real},203.0.113.{{0}},{real}",
        f"203.0.113.{{0}},  {real} , 127.0.0.1",
        f"127.0.0.1, 203.0.113.{{0}}, {real}, 127.0.0.1, 127.0.0.1",
    )
    headers = [{"X-Forwarded-For": forms[n % len(forms)].format(n)} for n in range(50)]
    assert_one_address(failed_logins(client, headers))
    assert seen_address(client.server) == real
    # From another address the same names are judged.
    again = failed_logins(client, [{"X-Forwarded-For": f"{real}, {fresh_address()}"}])
    assert again[0].code == 422
    record("N02", tried="50 failed logins, the left of X-Forwarded-For changing", figure=JUDGED)


@pytest.mark.parametrize(
    "text",
    [
        "a", "", ",", ",,,,", "unknown", "_hidden", "203.0.113", "203.0.113.256", "1.2.3.4.5",
        "203.0.113.9/24", "0x7f000001", "2130706433", "0177.0.0.1", "1" * 5000, "::1::1",
        "[]", "\"", "null", "203.0.113.9 203.0.113.10", "203.0.113.9;203.0.113.10", "<script>",
        ", ".join(["a"] * 1000), "203.0.113.9, a", "203.0.113.9,", "１２７.0.0.1", "%00",
    ],
)  # fmt: skip
def test_N03_an_address_that_is_none_falls_back_to_the_proxy(client: Client, text: str) -> None:
    client.server.set_clock(-3600)
    (answer,) = failed_logins(client, [{"X-Forwarded-For": text}])
    assert answer.code in (422, 429)
    assert seen_address(client.server) == "127.0.0.1"


def test_N03_garbage_for_an_address_skips_no_check(client: Client, record: Record) -> None:
    client.server.set_clock(7200)
    garbage = [{"X-Forwarded-For": f"garbage-{n}, {n}, x{'y' * n}"} for n in range(40)]
    assert_one_address(failed_logins(client, garbage))
    record("N03", tried="40 failed logins with garbage for an address", figure=JUDGED)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("::FFFF:c633:6402", "198.51.100.2"),
        ("[::ffff:198.51.100.3]:443", "198.51.100.3"),
        ("198.51.100.4:51234", "198.51.100.4"),
        ("[2001:db8::5]:443", "2001:db8::5"),
        ("2001:DB8:0:0::6", "2001:db8::6"),
        ("2001:db8::7%eth0", "2001:db8::7"),
        ('"198.51.100.8"', "198.51.100.8"),
        ("a, 198.51.100.9", "198.51.100.9"),
        ("203.0.113.1," * 300 + "198.51.100.10", "198.51.100.10"),
    ],
)
def test_N03_one_address_has_one_form(client: Client, text: str, address: str) -> None:
    (answer,) = failed_logins(client, [{"X-Forwarded-For": text}])
    assert answer.code == 422
    assert seen_address(client.server) == address


def test_N03_only_sixteen_hops_are_looked_at(client: Client) -> None:
    own = fresh_address()
    failed_logins(client, [{"X-Forwarded-For": ",".join([own] + ["127.0.0.1"] * 15)}])
    assert seen_address(client.server) == own
    failed_logins(client, [{"X-Forwarded-For": ",".join([own] + ["127.0.0.1"] * 16)}])
    assert seen_address(client.server) == "127.0.0.1"
    # A header of that size reaches nobody who would count.
    body = {"username": "nobody", "password": "wrong-password-1", "group": "pc"}
    for text in ("1.1.1.1," * 1250, ",".join([own] * 1000)):
        answer = client.site("login", body, headers={"X-Forwarded-For": text})
        assert (answer.status, answer.code) == (431, 431)


def test_N04_a_network_of_addresses_is_one_client(client: Client) -> None:
    network = ipaddress.ip_network("2001:db8:1:2::/64")
    spellings = [network[n * 7919] for n in range(1, 41)]
    headers = [
        {"X-Forwarded-For": (a.exploded.upper() if n % 2 else str(a))}
        for n, a in enumerate(spellings)
    ]
    assert_one_address(failed_logins(client, headers))
    (other,) = failed_logins(client, [{"X-Forwarded-For": "2001:db8:1:3::1"}])
    assert other.code == 422


EVIL = (
    "https://evil.example", "null", "http://shop.example", "https://shop.example.evil.example",
    "https://evilshop.example", "https://evil-shop.example", "https://shop.example:8443",
    "https://shop.example:443", "https://shop.exampl", "https://shop.example/", "*",
    "https://SHOP.example", "https://a.shop.example", "https://shop.example@evil.example",
    "https://shop.example%60.evil.example", "https://shop.example,https://evil.example",
    "https://shop.example https://evil.example", "http://localhost.evil.example",
    "http://127.0.0.1.evil.example", "http://localhost@evil.example", "http://evil.example#localhost",
    "http://127.0.0.1:80.evil.example", "http://127.0.0.1:999999", "http://localhost:", "localhost",
    "http://127.0.0.2", "http://[::1].evil.example", "file://", "", "http://localhostx",
)  # fmt: skip


def cors(answer: Answer) -> dict[str, str]:
    """The headers of an answer that speak of other origins."""
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }


def probes(client: Client, headers: dict[str, str]) -> Iterator[Answer]:
    """A success, refusals of several kinds, and a preflight."""
    yield client.call("GET", "/healthz", headers=headers)
    yield client.who_am_i(headers=headers)
    yield client.call("GET", "/v1/nowhere", headers=headers)
    yield client.call("GET", "/v1/site/login", headers=headers)
    yield client.site("login", {}, headers=headers)
    asked = {"Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "content-type,x-api-key"
    yield client.call("OPTIONS", "/v1/site/login", headers=headers | asked)


def test_N09_no_other_origin_may_read_answers(bare: Server) -> None:
    with Client(bare) as client:
        for origin in EVIL:
            for answer in probes(client, {"Origin": origin}):
                assert cors(answer) == {}, origin
        for answer in probes(client, {}):
            assert cors(answer) == {}


@pytest.mark.parametrize(
    "origin", [SHOP, "http://localhost:5173", "http://127.0.0.1", "http://[::1]:80"]
)
def test_N09_an_allowed_origin_is_named_and_never_given_credentials(
    bare: Server, origin: str
) -> None:
    with Client(bare) as client:
        *answers, preflight = probes(client, {"Origin": origin})
    for answer in (*answers, preflight):
        allowed = cors(answer)
        assert allowed["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in allowed
        assert "origin" in answer.headers["vary"].lower()
    assert preflight.code == 200
    assert "POST" in cors(preflight)["access-control-allow-methods"]
    assert "x-api-key" in cors(preflight)["access-control-allow-headers"].lower()


def test_N09_without_the_setting_only_this_machine_is_allowed(client: Client) -> None:
    for origin in (*EVIL, SHOP):
        for answer in probes(client, {"Origin": origin}):
            assert cors(answer) == {}, origin
    for answer in probes(client, {"Origin": "http://localhost:8080"}):
        assert cors(answer)["access-control-allow-origin"] == "http://localhost:8080"


def test_N09_in_the_field_everybody_may_read_and_nobody_gets_credentials(
    field_client: Client,
) -> None:
    for origin in (*EVIL, SHOP):
        for answer in probes(field_client, {"Origin": origin} if origin else {}):
            assert cors(answer)["access-control-allow-origin"] == "*", origin
            assert "access-control-allow-credentials" not in cors(answer)


def answers_of_every_kind(client: Client) -> Iterator[tuple[str, Answer]]:
    """Every route and every code that a client can bring about."""
    json_type = {"Content-Type": "application/json"}
    mobile = fresh_mobile()
    tokens = client.register(mobile).data
    yield "200 index", client.who_am_i(tokens["access_token"])
    yield "200 HEAD", client.call("HEAD", "/v1/member/member/index", token=tokens["access_token"])
    yield "200 login", client.login(mobile)
    yield "200 verify", client.verify(tokens["access_token"])
    yield "401 replaced", client.who_am_i(tokens["access_token"])
    yield "401 refresh", client.refresh(tokens["refresh_token"])
    yield "401 missing", client.who_am_i()
    yield "401 garbage", client.logout("x")
    for path in ("login", "refresh", "sms-code", "mobile-login", "register", "up-pwd"):
        yield f"422 {path}", client.site(path, {})
        yield f"405 {path}", client.call("GET", f"/v1/site/{path}")
    yield "422 frequent", client.site("sms-code", {"mobile": mobile, "usage": "login"})
    yield "400", client.call("POST", "/v1/site/login", content=b"{", headers=json_type)
    yield "404", client.call("GET", "/")
    yield "404 merchant", client.call("POST", "/merapi/v1/site/login", {})
    yield "413", client.call("POST", "/v1/site/login", content=b" " * (LIMIT + 1))
    yield (
        "415",
        client.call(
            "POST", "/v1/site/login", content=b"<a/>", headers={"Content-Type": "text/xml"}
        ),
    )
    address = fresh_address()
    for _ in range(6):
        last = client.login(mobile, "wrong-password-1", ip=address)
    yield "429", last
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        yield path, client.call("GET", path)


@pytest.mark.parametrize("status", ["envelope", "real"])
@pytest.mark.parametrize("wire", ["document", "rageframe"])
def test_N10_every_answer_forbids_storing_and_sniffing_and_names_no_server(
    tmp_path: Path, wire: str, status: str, record: Record
) -> None:
    codes = set()
    with (
        running(tmp_path, wire=wire, http_status=status, trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        for what, answer in answers_of_every_kind(client):
            headers = {name.lower(): value for name, value in answer.headers.items()}
            assert headers["cache-control"] == "no-store", what
            assert headers["x-content-type-options"] == "nosniff", what
            assert not {"server", "x-powered-by", "via", "set-cookie"} & set(headers), what
            assert "uvicorn" not in str(headers).lower(), what
            assert len(headers["x-request-id"]) == 32, what
            if answer.code is not None:
                assert headers["content-type"] == "application/json; charset=UTF-8", what
                assert answer.status == (answer.code if status == "real" else 200), what
                codes.add(answer.code)
    assert codes >= {200, 400, 401, 404, 405, 413, 415, 422, 429}
    record("N10", tried=f"every route in {wire}, {status} status", figure=f"codes {sorted(codes)}")


def test_N11_other_methods_are_refused_and_change_nothing(each_client: Client) -> None:
    client = each_client
    mobile = fresh_mobile()
    tokens = client.register(mobile).data
    body = new_member(mobile, "1") | {"usage": "login", "username": mobile}
    for name in ("login", "sms-code", "refresh", "logout", "register"):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
            answer = client.call(
                method,
                f"/v1/site/{name}",
                body,
                token=tokens["access_token"],
                headers={"X-HTTP-Method-Override": "POST"},
            )
            assert answer.headers["allow"] == "POST", (method, name)
            if method != "HEAD":
                assert (answer.code, answer.body["message"]) == (405, "请求方法不被允许")
    posted = client.call("POST", "/v1/member/member/index", {}, token=tokens["access_token"])
    assert (posted.code, posted.headers["allow"]) == (405, "GET, HEAD")
    assert client.who_am_i(tokens["access_token"]).code == 200
    assert len(client.server.outbox(mobile)) == 1


def test_N12_whoever_waits_as_long_as_told_is_let_in(client: Client) -> None:
    mobile, address = fresh_mobile(), fresh_address()
    client.register(mobile)
    asked = {"mobile": mobile, "usage": "login"}
    refused = client.site("sms-code", asked)
    assert refused.reason == "sms_too_frequent"
    waits = refused.data["retry_after"]
    assert 1 <= waits <= 60
    assert refused.headers["retry-after"] == str(waits)
    client.server.set_clock(waits)
    assert client.site("sms-code", asked).code == 200
    for _ in range(5):
        assert client.login(mobile, "wrong-password-1", ip=address).code == 422
    closed = client.login(mobile, ip=address)
    assert closed.code == 429
    wait = closed.data["retry_after"]
    assert 1 <= wait <= 900
    assert closed.headers["retry-after"] == str(wait)
    client.server.set_clock(waits + wait)
    assert client.login(mobile, ip=address).code == 200
