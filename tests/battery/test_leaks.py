"""No secret in a log, a file or the database, whatever goes wrong (rows L)."""

import base64
import contextlib
import hashlib
import hmac
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw.shell
import pytest

from denglu.security.digests import HmacSecrets
from tests.battery.client import (
    Client,
    encode,
    fresh_mobile,
    new_by_old,
    new_member,
    new_password,
)
from tests.battery.conftest import Record
from tests.battery.harness import Server, running

CHANGE = "/v1/member/password"
CHANGED = "Zeisig-黄雀-3305"
CANARY = "Canary-Kanarienvogel-金丝雀-7291"
OTHER = "Second-Canary-Zeisig-8365"
NICKNAME = "小登"
# What holds secrets by its very purpose: the key, and the messages that were sent.
ITS_PURPOSE = ("denglu.db.key", "outbox")


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """How a secret may be written down."""
    raw = secret.encode()
    yield "plain", raw
    yield "JSON", json.dumps(secret)[1:-1].encode()
    yield "JSON twice", json.dumps(json.dumps(secret))[3:-3].encode()
    yield "Python", ascii(secret)[1:-1].encode()
    yield "Python bytes", ascii(raw)[2:-1].encode()
    yield "URL", quote(secret, safe="").encode()
    yield "URL, every byte", "".join(f"%{byte:02X}" for byte in raw).encode()
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "hex with colons", raw.hex(":").encode()
    yield "UTF-16", secret.encode("utf-16-le")
    yield "UTF-16 BE", secret.encode("utf-16-be")
    yield "backwards", secret[::-1].encode()
    for name, into in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        for shift in range(3):
            # Only the characters that belong to the secret alone, whatever stands around it.
            packed = into(b"\0" * shift + raw)
            yield f"{name} at {shift}", packed[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]


def sightings(texts: Sequence[tuple[str, bytes]], secrets: dict[str, str]) -> list[str]:
    """Where a secret was found, and how it was written."""
    found = []
    for name, secret in secrets.items():
        for form, pattern in dict(forms(secret)).items():
            # A code of six digits is part of many a longer number: it must stand alone.
            alone = rb"(?<![0-9])%b(?![0-9])" if pattern.isdigit() else rb"%b"
            wanted = re.compile(alone % re.escape(pattern))
            found += [
                f"{name} as {form} in {where}" for where, text in texts if wanted.search(text)
            ]
    return found


def files(server: Server) -> list[tuple[str, bytes]]:
    """Everything the server has written, but what holds secrets by its purpose."""
    return [
        (path.name, path.read_bytes())
        for path in sorted(server.folder.rglob("*"))
        if path.is_file() and path.name not in ITS_PURPOSE
    ]


def dump(server: Server) -> str:
    """The database as SQL, with all that ``.dump`` shows."""
    out = io.StringIO()
    with contextlib.closing(apsw.Connection(str(server.database))) as db:
        shell: Any = apsw.shell.Shell(db=db, stdout=out)
        shell.process_command(".dump")
    return out.getvalue()


@pytest.fixture(scope="module", params=["document", "rageframe"])
def lived(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, dict[str, str], dict[str, str]]]:
    """A server at level debug on which everything went right and wrong; secrets and mobiles."""
    with running(
        tmp_path_factory.mktemp(request.param),
        wire=request.param,
        trusted_proxies="127.0.0.1",
        log_level="debug",
        sms_code_length="6",  # four digits stand in many a log by chance
    ) as server:
        with Client(server) as client:
            life = Life(client)
            life.live()
        broken = {"no such table", "a request failed", "could not be written", "Traceback"}
        server.expected += tuple(broken)
        yield server, life.secrets, life.mobiles


class Life:
    """A member who does everything, and to whom everything happens."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.mobile, self.stranger = fresh_mobile(), fresh_mobile()
        self.secrets = {"password": CANARY, "new password": OTHER, "changed password": CHANGED}
        self.mobiles = {"mobile": self.mobile, "stranger": self.stranger}
        self.clock = 0

    def live(self) -> None:
        """All of it."""
        self._rightly()
        self._wrongly()
        self._in_odd_places()
        self._while_sending_fails()
        self._while_the_store_fails()

    def _code(self, mobile: str, usage: str) -> str:
        self.clock += 61
        self.client.server.set_clock(self.clock)
        code = self.client.code_for(mobile, usage)
        self.secrets[f"code {len(self.secrets)}"] = code
        return code

    def _keep(self, answer_data: dict[str, str]) -> dict[str, str]:
        for name in ("access_token", "refresh_token"):
            self.secrets[f"{name} {len(self.secrets)}"] = answer_data[name]
        return answer_data

    def _rightly(self) -> None:
        client, mobile = self.client, self.mobile
        body = new_member(mobile, self._code(mobile, "register"), CANARY, nickname=NICKNAME)
        self._keep(client.site("register", body).data)
        for encoding in ("json", "form", "multipart"):
            login = {"username": mobile, "password": CANARY, "group": "pc"}
            tokens = self._keep(client.site("login", login, encoding=encoding).data)
        tokens = self._keep(client.refresh(tokens["refresh_token"]).data)
        client.who_am_i(tokens["access_token"])
        client.who_am_i(headers={"Authorization": f"Bearer {tokens['access_token']}"})
        client.verify(tokens["access_token"])
        login = {"mobile": mobile, "code": self._code(mobile, "login"), "group": "h5"}
        token = self._keep(client.site("mobile-login", login).data)["access_token"]
        self._keep(client.call("POST", CHANGE, new_by_old(CHANGED, CANARY), token=token).data)
        reset = new_password(mobile, self._code(mobile, "up-pwd"), OTHER)
        self.tokens = self._keep(client.site("up-pwd", reset).data)

    def _wrongly(self) -> None:
        client, mobile, code = self.client, self.mobile, self._code(self.mobile, "login")
        body = new_member(mobile, code, CANARY) | {"usage": "login", "username": mobile}
        body |= {"refresh_token": self.tokens["refresh_token"], "token": CANARY}
        for name in ("login", "sms-code", "mobile-login", "register", "up-pwd", "refresh"):
            for field in body:
                for wrong in (None, [body[field]], {"x": body[field]}, f"{body[field]}\0", CANARY):
                    client.site(name, body | {"group": "no-such-group"} | {field: wrong})
        for field in ("password", "password_repetition"):
            client.site("register", body | {field: CANARY[:7]})
            client.site("up-pwd", body | {field: f"{CANARY}-other"})
        token = self.tokens["access_token"]
        for field in new_by_old(CHANGED, CANARY):
            for bad in (None, [CANARY], {"x": CANARY}, f"{CANARY}\0", CANARY):
                client.call("POST", CHANGE, new_by_old(CHANGED, CANARY) | {field: bad}, token=token)
        client.login(CANARY, OTHER)
        for _ in range(7):
            client.login(mobile, CANARY, ip="198.51.100.7")
        client.logout(self.tokens["refresh_token"])
        client.refresh(self.tokens["access_token"])
        client.refresh(self.tokens["refresh_token"], "iOS")

    def _in_odd_places(self) -> None:
        """Secrets where they don't belong: in addresses, headers and broken bodies."""
        client, token = self.client, self.tokens["access_token"]
        whole = json.dumps({"username": self.mobile, "password": CANARY, "code": "000000"})
        for content in (
            whole[:-1], whole + whole, f"[{whole}]", whole.replace(":", "="), whole + "\0",
            f'{{"password":"{CANARY}","password":"{CANARY}"}}', f"password={CANARY}&x=%ff",
        ):  # fmt: skip
            for media in ("application/json", "application/x-www-form-urlencoded",
                          "multipart/form-data; boundary=x", "text/plain", ""):  # fmt: skip
                headers = {"Content-Type": media}
                client.call("POST", "/v1/site/login", content=content.encode(), headers=headers)
        for path in ("/v1/site/login", "/v1/member/member/index", "/nowhere", "/healthz"):
            query = encode({"password": CANARY, "code": "1", "mobile": self.mobile}, "form")[1]
            client.call("GET", f"{path}?{query.decode()}&access-token={token}")
            client.call("GET", f"{path}/{token}")
            client.call("GET", f"{path}/{self.mobile}")
        for name in ("User-Agent", "Referer", "X-Request-Id", "device-name", "os", "Cookie"):
            value = f"{quote(CANARY)} {token} {self.mobile}"
            client.who_am_i(headers={name: value})
            client.login(self.mobile, CANARY, headers={name: value})

    def _while_sending_fails(self) -> None:
        """The outbox cannot be written to."""
        outbox = self.client.server.folder / "outbox"
        kept = outbox.rename(outbox.with_name("kept"))
        outbox.mkdir()
        self.clock += 7200
        self.client.server.set_clock(self.clock)
        answer = self.client.site("sms-code", {"mobile": self.stranger, "usage": "register"})
        assert answer.body["message"] == "短信发送失败"
        outbox.rmdir()
        kept.rename(outbox)

    def _while_the_store_fails(self) -> None:
        """Tables are missing: every call that needs one fails inside."""
        client, server = self.client, self.client.server
        code = self._code(self.mobile, "login")
        body = new_member(self.mobile, code, CANARY) | {"usage": "login", "username": self.mobile}
        body |= {"refresh_token": self.tokens["refresh_token"]}
        for table in ("session", "member", "sms_code", "limit_tally", "audit_event"):
            server.rows(f"alter table {table} rename to {table}_gone")
            codes = [
                client.site(name, body).code
                for name in ("login", "sms-code", "mobile-login", "register", "up-pwd", "refresh")
            ]
            codes.append(client.who_am_i(self.tokens["access_token"]).code)
            change = new_by_old(CHANGED, OTHER)
            codes.append(
                client.call("POST", CHANGE, change, token=self.tokens["access_token"]).code
            )
            codes.append(client.verify(self.tokens["access_token"]).code)
            server.rows(f"alter table {table}_gone rename to {table}")
            assert 500 in codes, (table, codes)


Lived = tuple[Server, dict[str, str], dict[str, str]]


def test_L01_nothing_the_server_writes_holds_a_secret(lived: Lived, record: Record) -> None:
    server, secrets, mobiles = lived
    assert sum(name.startswith("code") for name in secrets) >= 4
    assert sum("token" in name for name in secrets) >= 12
    written = settled(server)
    assert sightings(written, secrets) == []
    logs = [(name, text) for name, text in written if not name.startswith("denglu.db")]
    assert sightings(logs, mobiles) == []
    for mobile in mobiles.values():
        assert f"{mobile[:3]}****{mobile[-4:]}" in server.log
    lines, size = server.log.count("\n"), sum(len(text) for _, text in written)
    record(
        "L01",
        tried=f"{len(secrets)} secrets in {len(dict(forms('x')))} forms, level debug, all paths",
        figure=f"0 found in {lines} log lines and {size // 1024} KiB of files",
    )


def settled(server: Server) -> list[tuple[str, bytes]]:
    """All files, when the log has stopped growing."""
    size = -1
    while size != (size := (server.folder / "log").stat().st_size):
        time.sleep(0.3)
    return files(server)


def test_L01_a_planted_canary_is_found_in_every_form(lived: Lived, tmp_path: Path) -> None:
    _, secrets, mobiles = lived
    for name, secret in (secrets | mobiles).items():
        for form, written in forms(secret):
            log = b'{"time":"x","message":"' + written + b'"}\n'
            found = sightings([("log", b"an innocent line\n" + log)], {name: secret})
            assert f"{name} as {form} in log" in found, (name, form)


def test_L01_a_canary_in_a_file_or_a_table_is_found(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (server.folder / "stray").write_bytes(base64.b64encode(b"x" + CANARY.encode() + b"yz"))
        sql = "insert into audit_event (event, at, note) values ('login', ?, ?)"
        server.rows(sql, int(time.time()), f"password={OTHER}")
        where = sightings(files(server), {"first": CANARY, "second": OTHER})
        assert any(line.startswith("first as base64") and "stray" in line for line in where)
        assert any(line.startswith("second as plain in denglu.db") for line in where)
        assert sightings([("dump", dump(server).encode())], {"second": OTHER}) != []


def test_L02_a_dump_of_the_database_holds_no_secret(lived: Lived, record: Record) -> None:
    server, secrets, mobiles = lived
    text = dump(server)
    assert "CREATE TABLE" in text
    assert sightings([("dump", text.encode())], secrets) == []
    everything = [each for each in files(server) if each[0].startswith("denglu.db")]
    assert sightings(everything, secrets) == []
    # A number stands in clear only with its member: never beside a message or a deed.
    for table in ("sms_code", "audit_event", "limit_tally", "session", "session_token"):
        rows = repr(server.rows(f"select * from {table}")).encode()
        assert sightings([(table, rows)], mobiles) == []
    masked = {row[0] for row in server.rows("select distinct mobile_masked from sms_code")}
    assert masked == {f"{mobile[:3]}****{mobile[-4:]}" for mobile in mobiles.values()}
    for column, size in (("number_key", 32), ("digest", 32), ("salt", 16)):
        sql = f"select distinct typeof({column}), length({column}) from sms_code"
        assert server.rows(sql) == [("blob", size)]
    sql = "select count(*), count(distinct salt), count(distinct digest) from sms_code"
    assert len(set(server.rows(sql)[0])) == 1
    record(
        "L02", tried=f"{len(secrets)} secrets, dump of {len(text) // 1024} KiB", figure="0 found"
    )


def guesses(row: dict[str, bytes], mobile: str, usage: str) -> Iterator[Callable[[bytes], bytes]]:
    """How a thief without the key would make the digest of a code."""
    salt, number = row["salt"], mobile.encode()
    joined = b"".join(b"%d:%b" % (len(part), part) for part in (number, usage.encode()))

    def whole(code: bytes) -> bytes:
        return salt + joined + b"%d:%b" % (len(code), code)

    plain = salt + number + usage.encode()
    yield lambda code: hashlib.sha256(whole(code)).digest()
    yield lambda code: hashlib.sha256(plain + code).digest()
    yield lambda code: hmac.digest(salt, code, "sha256")
    yield lambda code: hmac.digest(row["number_key"], whole(code), "sha256")


def crack(digest: bytes, length: int, guess: Callable[[bytes], bytes]) -> str | None:
    """The code with this digest, if the guess is how it was made."""
    for number in range(10**length):
        code = b"%0*d" % (length, number)
        if guess(code) == digest:
            return code.decode()
    return None


def test_L03_codes_cannot_be_found_from_a_dump_without_the_key(
    client: Client, record: Record
) -> None:
    server, length, mobile = client.server, 6, fresh_mobile()
    client.code_for(mobile, "register")
    (sent,) = server.outbox(mobile)
    names = ("salt", "digest", "number_key")
    (values,) = server.rows(
        "select salt, digest, number_key from sms_code where code_usage = ? order by id desc"
        " limit 1",
        sent["usage"],
    )
    row = dict(zip(names, values, strict=True))
    tried = 0
    for guess in guesses(row, sent["mobile"], sent["usage"]):
        assert crack(row["digest"], length, guess) is None
        tried += 10**length
    # The same search finds the code at once for whoever has the key too.
    key = (server.folder / "denglu.db.key").read_bytes().strip()
    secrets = HmacSecrets(key)
    found = crack(
        row["digest"],
        length,
        lambda code: secrets.code_digest(row["salt"], sent["mobile"], sent["usage"], code.decode()),
    )
    assert found == sent["code"]
    record("L03", tried=f"{tried:,} digests without the key", figure="0 of 1 codes; with the key 1")


def test_L04_what_fails_inside_says_nothing_of_the_inside(lived: Lived) -> None:
    server, _, _ = lived
    with Client(server) as client:
        server.rows("alter table member rename to member_gone")
        answer = client.login("13800000000")
        server.rows("alter table member_gone rename to member")
    assert (answer.status, answer.code) == (200, 500)
    assert answer.body["message"] == "服务器打瞌睡了~"
    request_id = answer.body.get("req_id") or answer.data["req_id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    told = set(answer.data) - {"name", "message", "code", "status"}
    assert told <= {"reason", "req_id"}
    for word in ("member_gone", "table", "sql", "apsw", ".py", "Error ", "denglu/"):
        assert word not in answer.text
    assert request_id in server.log
