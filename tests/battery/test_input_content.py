"""What clients write into fields and headers stays what it is: text (rows I11 to I15)."""

import json
import time
from collections.abc import Iterator, Mapping

import apsw
import pytest

from denglu.api.member_view import columns_of
from denglu.api.wire import PROFILES
from tests.battery.client import (
    ENCODINGS,
    Client,
    fresh_mobile,
    new_member,
    new_password,
)
from tests.battery.conftest import Record
from tests.battery.harness import HOLDERS, PASSWORD, Answer, Server

# What no newcomer may give oneself.
COVETED: dict[str, object] = {
    "id": 1, "status": -1, "role": 9, "type": 3, "merchant_id": 7, "store_id": 7,
    "user_money": 100, "user_integral": 100, "current_level": 9, "level": 9, "pid": 1,
    "tree": "0-1", "password_hash": "x", "auth_key": "x", "created_at": 1, "updated_at": 1,
    "visit_count": 99, "last_ip": "1.2.3.4", "is_admin": 1, "promoter_code": "GOLDGOLD",
    "username": "root", "email": "root@example.com", "realname": "root", "source": "import",
    "account": "x", "memberLevel": "x", "__class": "x", "__proto__": "x", "constructor": "x",
    "mobile_verified": 1, "password_version": 9, "legacy_hash": 1, "head_portrait": "x",
}  # fmt: skip
# Columns in which two clean registrations differ: who, when, and what is drawn or derived.
OWN = {
    "id", "mobile", "mobile_key", "created_at", "updated_at", "last_time", "last_ip",
    "password_hash", "promoter_code", "member_id",
}  # fmt: skip


def row(server: Server, table: str, column: str, value: object) -> dict[str, object]:
    """The row of a table, without the columns in which any two differ."""
    titles = [each[1] for each in server.rows(f"pragma table_info({table})")]
    found = server.rows(f"select * from {table} where {column} = ?", value)[0]
    return {k: v for k, v in zip(titles, found, strict=True) if k not in OWN}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_I11_a_registration_sets_nothing_but_what_it_may(
    each_client: Client, encoding: str
) -> None:
    client = each_client
    rows = []
    for extra in ({}, COVETED):
        mobile = fresh_mobile()
        body = new_member(mobile, client.code_for(mobile, "register")) | extra
        answer = client.site("register", body, encoding=encoding)
        assert answer.code == 200, answer.text
        member_id = answer.data["member"]["id"]
        rows.append(
            (
                row(client.server, "member", "id", member_id),
                row(client.server, "member_account", "member_id", member_id),
            )
        )
        assert answer.data["member"]["promoter_code"] != "GOLDGOLD"
    assert rows[0] == rows[1]


@pytest.mark.parametrize("encoding", ["json", "form"])
def test_I11_other_calls_change_nothing_but_what_they_may(client: Client, encoding: str) -> None:
    mobile = fresh_mobile()
    member_id = client.register(mobile).data["member"]["id"]
    before = row(client.server, "member", "id", member_id)
    coveted = {k: v for k, v in COVETED.items() if k != "username"}
    login = {"username": mobile, "password": PASSWORD, "group": "pc"}
    tokens = client.site("login", coveted | login, encoding=encoding).data
    refresh = {"refresh_token": tokens["refresh_token"], "group": "pc"}
    assert client.site("refresh", coveted | refresh, encoding=encoding).code == 200
    client.server.set_clock(61)
    reset = new_password(mobile, client.code_for(mobile, "up-pwd"), "another-harbour-18")
    assert client.site("up-pwd", COVETED | reset, encoding=encoding).code == 200
    after = row(client.server, "member", "id", member_id)
    assert after == before | {"visit_count": 3, "password_version": 1}


SECRETS = ("password", "hash", "auth_key", "reset_token", "secret", "nonce", "digest", "salt")


def keys(value: object) -> Iterator[str]:
    """Every key in an answer, however deep."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_I12_no_answer_shows_more_than_the_documented_fields(
    each_client: Client, record: Record
) -> None:
    client = each_client
    answers: list[Answer] = []

    def collect(server: Server, method: str, path: str, answer: Answer) -> None:
        answers.append(answer)

    HOLDERS.append(collect)
    try:
        mobiles = live_a_life(client)
    finally:
        HOLDERS.remove(collect)
    columns = columns_of(PROFILES[client.server.settings.get("DENGLU_WIRE", "document")])
    allowed = {*columns.member, *columns.account, *columns.level, "account", "memberLevel"}
    allowed |= {"code", "message", "data", "timestamp", "req_id", "member", "token"}
    allowed |= {"refresh_token", "access_token", "expiration_time"}
    allowed |= {"reason", "retry_after", "fields", "end_reason", "ended_at", "device"}
    allowed |= {"name", "status"}
    for answer in answers:
        found = set(keys(answer.body))
        shown = found - allowed
        wrong_fields = answer.data.get("fields", {}) if isinstance(answer.data, dict) else {}
        assert shown <= set(wrong_fields), answer.text
        assert not [k for k in found - set(wrong_fields) for s in SECRETS if s in k], answer.text
        assert "$argon2" not in answer.text
        assert PASSWORD not in answer.text
        # A member's number is shown to that member, and nobody else's to anybody.
        shown_mobiles = {mobile for mobile in mobiles if mobile in answer.text}
        assert len(shown_mobiles) <= 1
    figure = f"{len(answers)} answers, {len(allowed)} field names known, none beside them"
    record("I12", tried="every call of a member's life, right and wrong", figure=figure)


def live_a_life(client: Client) -> tuple[str, str]:
    """Two members do everything there is, rightly and wrongly."""
    one, other = fresh_mobile(), fresh_mobile()
    client.register(other)
    tokens = client.register(one).data
    client.login(one)
    client.login(one, "wrong-password-1")
    client.login(other, PASSWORD, "iOS")
    tokens = client.login(one).data
    tokens = client.refresh(tokens["refresh_token"]).data
    client.refresh("x" * 43)
    client.who_am_i(tokens["access_token"])
    client.who_am_i()
    client.who_am_i("x" * 43)
    client.verify(tokens["access_token"])
    client.server.set_clock(61)
    client.site("mobile-login", new_member(one, client.code_for(one, "login")))
    client.server.set_clock(122)
    code = client.code_for(one, "register")
    client.site("register", new_member(one, code))
    client.site("register", {})
    client.site("sms-code", {"mobile": one, "usage": "login"})
    client.server.set_clock(183)
    code = client.code_for(one, "up-pwd")
    client.site("up-pwd", new_password(one, "1"))
    changed = client.site("up-pwd", new_password(one, code, "another-harbour-18")).data
    client.who_am_i(tokens["access_token"])
    client.logout(changed["access_token"])
    client.logout(changed["access_token"])
    client.call("GET", "/v1/nowhere")
    client.call("GET", "/v1/site/login")
    client.call("POST", "/v1/site/login", content=b"{", headers={"Content-Type": "text/xml"})
    client.call("POST", "/v1/site/login", content=b"{")
    return one, other


ATTACKS = (
    "' or '1'='1", "' or 1=1--", '" or ""="', "'; drop table member;--", "1; delete from member",
    "' union select password_hash from member--", "admin'--", "admin' #", "') or ('1'='1",
    "' and sleep(5)--", "'; waitfor delay '0:0:5'--", "' || (select randomblob(1000000000))||'",
    "1' and (select count(*) from sqlite_master)>0--", "%' or '%'='", "%", "_", "\\", "\\'", "%%%",
    "1 or 1=1", "null", "undefined", "${7*7}", "{{7*7}}", "#{7*7}", "<%= 7*7 %>", "{0}", "%s%s%n",
    "%(password)s", "{password}", "$(id)", "`id`", "| id", "; id", "&& id", "../../etc/passwd",
    "..\\..\\windows", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>',
    "${jndi:ldap://127.0.0.1/a}", "*)(uid=*))(|(uid=*", "' or count(/*)=1 or ''='", "$ne",
    '{"$gt":""}', "__proto__", "constructor", "x' AND 1=CAST((SELECT 1) AS INT)--", "0x31303235",
    "\u202eevil", "e\u0301" * 20,
)  # fmt: skip
LINE_BREAKS = ("\r\n", "\n", "\r", "\u2028", "\u0085")
FORGED = '{"time":"2000-01-01T00:00:00.000Z","level":"info","logger":"denglu.access"}'


def payloads() -> list[str]:
    """200 texts that mean something else elsewhere."""
    wrapped = [form.format(attack) for form in ("{0}", "138{0}", "{0}pc") for attack in ATTACKS]
    breaks = [
        f"{name}{end}{rest}"
        for end in LINE_BREAKS
        for name in ("alice", "pc", "13800000000", "", " ")
        for rest in (FORGED, "Set-Cookie: a=b")
    ]
    return (wrapped + breaks)[:200]


HEADERS = (
    "X-Api-Key", "Authorization", "User-Agent", "device-name", "os", "os-version", "Referer",
    "Accept-Language", "X-Forwarded-For", "X-Request-Id", "Origin", "Cookie", "merchant-id",
    "Accept", "Content-Language",
)  # fmt: skip
FIELDS = {
    "refresh": ("refresh_token", "group"),
    "sms-code": ("mobile", "usage"),
    "mobile-login": ("mobile", "code", "group"),
    "register": ("mobile", "code", "group", "password", "password_repetition", "nickname"),
    "up-pwd": ("mobile", "code", "group", "password", "password_repetition"),
    "verify-access-token": ("token",),
    "login": ("group",),
}


def shape(name: str) -> dict[str, object]:
    """A body of the right shape that cannot succeed."""
    body = new_member("13800000000", "1") | {"usage": "nothing", "token": "x" * 43}
    body |= {"refresh_token": "x" * 43, "username": "nobody", "group": "nothing"}
    return {field: body[field] for field in FIELDS[name]}


class Log:
    """What the server's log says from now on. Its lines are JSON, and nothing else."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._begin = len(server.log)

    def records(self) -> list[dict[str, object]]:
        # ``splitlines`` would split at more than line ends.
        lines = self._server.log[self._begin :].split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def accesses(self, expected: int) -> int:
        """How many requests it tells of, once it tells of as many as expected."""
        until = time.monotonic() + 10
        while (found := self._accesses()) < expected and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def _accesses(self) -> int:
        return sum(record["logger"] == "denglu.access" for record in self.records())


def quiet(client: Client) -> Log:
    """The log from now on, when nothing of before is still on its way into it."""
    log = Log(client.server)
    client.call("GET", "/healthz")
    until = time.monotonic() + 10
    while not any(r.get("path") == "/healthz" for r in log.records()) and time.monotonic() < until:
        time.sleep(0.05)
    return Log(client.server)


def test_I13_nothing_in_a_field_or_a_header_is_ever_executed(
    each_client: Client, record: Record
) -> None:
    client, texts = each_client, payloads()
    assert len(set(texts)) == 200
    if client.server.settings.get("DENGLU_WIRE") == "rageframe":
        texts = texts[::4]  # one core, two skins
    log, slow = quiet(client), 0.0
    sent, members = client.sent, client.server.rows("select count(*), max(id) from member")
    for text in texts:
        for name in FIELDS:
            for field in FIELDS[name]:
                begun = time.perf_counter()
                answer = client.site(name, shape(name) | {field: text})
                slow = max(slow, time.perf_counter() - begun)
                token = answer.data == {"token": False}
                assert answer.status == 200, (name, field, text)
                assert token or answer.code in (401, 422), (name, field, text, answer.text)
        answer = client.login(text, text)
        assert answer.code == 422, (text, answer.text)
    for text in texts:
        plain = text.translate({ord(c): "_" for c in "\r\n\0"}).strip() or "_"
        for name in HEADERS:
            answer = client.who_am_i(headers={name: plain})
            assert (answer.status, answer.code) == (200, 401), (name, plain)
            assert text not in str(answer.headers.get("access-control-allow-origin", ""))
    assert client.server.rows("select count(*), max(id) from member") == members
    tried = client.sent - sent
    assert log.accesses(tried) == tried
    figure = f"0 × 5xx, {tried} log lines, {slow * 1000:.0f} ms at most without a hash"
    what = f"{tried} requests with {len(texts)} payloads in each field and header"
    record("I13", tried=what, figure=figure)


def test_I13_line_breaks_in_names_make_no_lines_in_the_log(each_client: Client) -> None:
    client = each_client
    log, sent = quiet(client), client.sent
    mobile = fresh_mobile()
    code = client.code_for(mobile, "register")
    for end in LINE_BREAKS:
        evil = f"alice{end}{FORGED}"
        assert client.login(evil).code == 422
        answer = client.site("register", new_member(mobile, code, nickname=evil))
        assert (answer.code, answer.body["message"]) == (422, "昵称必须是一条字符串。")
        for path in (f"/v1/{evil!r}", f"/v1/site/login%0d%0a{FORGED}", "/v1/%e2%80%a8x%0Ay"):
            assert client.call("GET", path.replace(" ", "%20")).code == 404
    assert log.accesses(client.sent - sent) == client.sent - sent
    assert all(str(record["time"]) > "2020" for record in log.records())


def test_I13_what_was_written_comes_back_as_it_was(each_client: Client) -> None:
    client = each_client
    for nickname in (
        "'; drop table member;--",
        '<b>"x"</b>&amp;',
        "{{7*7}}",
        "%s\\n",
        "小登\u202e",
    ):
        mobile = fresh_mobile()
        body = new_member(mobile, client.code_for(mobile, "register"), nickname=nickname)
        member = client.site("register", body).data["member"]
        assert member["nickname"] == nickname
        assert client.login(mobile).data["member"]["nickname"] == nickname


def test_I15_one_name_is_one_member_however_it_is_spelled(client: Client) -> None:
    server = client.server
    server.add_member("Bob", password="harbour-lantern-61")
    server.add_member("Ren\u00e9", password="harbour-lantern-62")
    server.add_member("\u0131lgaz", password="harbour-lantern-63")
    for again in ("bob", "BOB", "\uff22\uff4f\uff42", "b\u2134b"):
        words = ("member", "add", "--username", again, "--password-stdin")
        done = server.cli(*words, stdin="harbour-lantern-64\n")
        assert done.returncode != 0, again
        assert "Traceback" not in done.stderr
    for spelled in ("Bob", "bob", "BOB", "BOB ", " bob", "\uff22\uff4f\uff42"):
        assert client.login(spelled, "harbour-lantern-61").code == 200, spelled
    for spelled in ("Ren\u00e9", "Rene\u0301", "REN\u00c9"):
        assert client.login(spelled, "harbour-lantern-62").code == 200, spelled
    # The dotless i is another letter, and e without its accent too.
    for spelled, password in (
        ("ilgaz", "harbour-lantern-63"),
        ("Rene", "harbour-lantern-62"),
        ("B0b", "harbour-lantern-61"),
    ):
        assert client.login(spelled, password).reason == "bad_credentials", spelled
    assert client.login("\u0131lgaz", "harbour-lantern-63").code == 200


def test_I15_the_schema_itself_refuses_a_second_one(client: Client) -> None:
    mobile = fresh_mobile()
    client.register(mobile)
    columns = "merchant_id, type, tree, {0}"
    for key in ("mobile_key", "username_key", "email_key"):
        insert = f"insert into member ({columns.format(key)}) values (0, 1, '', ?)"
        name = mobile if key == "mobile_key" else f"{key}-{mobile}"
        if key != "mobile_key":
            client.server.rows(insert, name)
        with pytest.raises(apsw.ConstraintError, match=key):
            client.server.rows(insert, name)
        # Compared byte by byte: what the rule folds is folded before.
        client.server.rows(insert, name.upper() + "X")


def test_I15_a_reset_reaches_nobody_but_the_owner_of_the_number(client: Client) -> None:
    victim, attacker = fresh_mobile(), fresh_mobile()
    client.register(victim)
    client.register(attacker)
    client.server.set_clock(61)
    code = client.code_for(attacker, "up-pwd")
    for spelled in (victim, f"+86{victim}", f"0086 {victim}", f"{victim[:3]}-{victim[3:]}"):
        body = new_password(spelled, code, "another-harbour-18", "iOS")
        assert client.site("up-pwd", body).reason == "bad_code"
    assert client.server.outbox(victim)[-1]["usage"] == "register"
    assert client.login(victim).code == 200


def test_the_judge_of_the_log_sees_a_forged_line(client: Client) -> None:
    log = quiet(client)
    client.who_am_i()
    assert log.accesses(1) == 1
    with (client.server.folder / "log").open("a", encoding="utf-8") as file:
        file.write(FORGED + "\n")
    assert log.accesses(1) == 2
    with (client.server.folder / "log").open("a", encoding="utf-8") as file:
        file.write("Set-Cookie: a=b\n")
    with pytest.raises(json.JSONDecodeError):
        log.records()
