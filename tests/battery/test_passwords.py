"""Rows P: passwords against guessing, odd bytes, weak choices and races of their hashes."""

import asyncio
import contextlib
import functools
import gzip
import re
import secrets
import socket
import threading
import time
import unicodedata
from importlib import resources
from pathlib import Path

import argon2
import bcrypt
import pytest

from denglu.app import open_app
from denglu.settings import load_settings
from denglu.store.migrate import migrate
from tests.battery.client import Client, fresh_address, fresh_mobile, new_member, new_password
from tests.battery.conftest import Record
from tests.battery.harness import PASSWORD, Answer, Raw, Server, parse, running
from tests.battery.rivals import (
    clone_members,
    events,
    hash_of,
    login,
    member_id,
    outcomes,
    rounds,
    rounds_told,
    site,
)

WRONG = "broken-compass-44"
NEWER = "silver-estuary-91"
CURRENT = re.compile(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$([A-Za-z0-9+/]{22})\$[A-Za-z0-9+/]{43}")


def new_members(client: Client, count: int) -> list[str]:
    """Numbers of so many new members with the usual password."""
    first, *others = (fresh_mobile() for _ in range(count))
    client.register(first)
    clone_members(client.server, first, others)
    return [first, *others]


def fail(client: Client, name: str, ip: str, times: int) -> list[str | None]:
    """Wrong passwords one after the other; returns the reasons."""
    return [client.login(name, WRONG, ip=ip).reason for _ in range(times)]


@pytest.mark.parametrize(("addresses", "most"), [(1, 5), (200, 10)])
def test_P03_parallel_overrun(
    any_client: Client, record: Record, addresses: int, most: int
) -> None:
    """200 wrong passwords at once for one member."""
    client, server, judged = any_client, any_client.server, []
    for mobile in new_members(client, rounds(server)):
        before = events(server, "login_failed")
        ips = [fresh_address() for _ in range(addresses)]
        rivals = [login(mobile, WRONG, ip=ips[n % addresses]) for n in range(200)]
        counted = outcomes(server.race(rivals))
        judged.append(events(server, "login_failed") - before)
        assert set(counted) <= {"bad_credentials", "too_many_attempts", "busy"}
        assert counted["bad_credentials"] == judged[-1]
        assert client.login(mobile, ip=ips[0]).reason == "too_many_attempts"
    record("P03", tried=f"200 wrong passwords at once, {addresses} address(es), "
           f"{rounds_told(server)}",
           figure=f"{min(judged)} to {max(judged)} judged a round")  # fmt: skip
    assert set(judged) == {most}


def test_P06_lockout_is_no_weapon(client: Client, record: Record) -> None:
    """A member whom an attacker keeps locked gets in by SMS and by reset, and stays in."""
    server, mobile, home = client.server, fresh_mobile(), fresh_address()
    session = client.register(mobile).data
    for _ in range(10):
        client.login(mobile, WRONG)
    assert client.login(mobile, ip=home).reason == "too_many_attempts"
    assert client.who_am_i(session["access_token"], ip=home).code == 200
    assert client.refresh(session["refresh_token"], ip=home).code == 200
    server.advance(61)
    code = client.code_for(mobile, "login", ip=home)
    body = {"mobile": mobile, "code": code, "group": "iOS"}
    assert client.site("mobile-login", body, ip=home).code == 200
    server.advance(61)
    code = client.code_for(mobile, "up-pwd", ip=home)
    assert client.site("up-pwd", new_password(mobile, code, NEWER), ip=home).code == 200
    assert client.login(mobile, NEWER, ip=home).code == 200
    record("P06", tried="a member locked by an attacker",
           figure="SMS login, reset and old session go on; reset unlocks")  # fmt: skip


def test_P07_login_alias_doubling(client: Client, record: Record) -> None:
    """Username, number and e-mail of a member, in any spelling, share one counter."""
    server, mobile, ip = client.server, fresh_mobile(), fresh_address()
    name = f"Luna{mobile[-4:]}"
    client.register(mobile)
    server.rows(
        "UPDATE member SET username = ?1, username_key = lower(?1), email = ?2, email_key = ?2 "
        "WHERE mobile_key = ?3",
        name,
        f"{name}@example.com".lower(),
        mobile,
    )
    spellings = [name, name.upper(), f" {mobile}", f"+86 {mobile}", f"{name}@EXAMPLE.com"]
    reasons = [client.login(spelling, WRONG, ip=ip).reason for spelling in spellings]
    assert reasons == ["bad_credentials"] * 5
    sixth = [client.login(s, ip=ip).reason for s in [*spellings, mobile, f"{name} "]]
    assert sixth == ["too_many_attempts"] * 7
    everywhere = [client.login(spelling, WRONG).reason for spelling in spellings]
    assert everywhere == ["bad_credentials"] * 5
    assert client.login(mobile).reason == "too_many_attempts"
    record("P07", tried="failures under username, number, e-mail and their spellings",
           figure="the 6th from an address is refused, the 11th from anywhere")  # fmt: skip


def test_P08_counter_laundering(client: Client, record: Record) -> None:
    """An attacker's own successful logins reset neither the victim's nor the address's count."""
    victim, own = new_members(client, 2)
    ip, judged = fresh_address(), 0
    for _ in range(4):
        judged += fail(client, victim, ip, 4).count("bad_credentials")
        assert client.login(own, ip=ip).code == 200
    assert judged == 5
    others, spray = new_members(client, 10), 0
    for other in others:
        spray += fail(client, other, ip, 4).count("bad_credentials")
        client.login(own, ip=ip)
    record("P08", tried="4 wrong, one right on an own account, again and again",
           figure=f"{judged} judged on the victim, {judged + spray} from the address")  # fmt: skip
    assert judged + spray == 30


def _store_hash(server: Server, mobile: str, hashed: str) -> None:
    """Give a member the hash of an older system."""
    legacy = 1 if hashed.startswith("$2") else None
    server.rows(
        "UPDATE member SET password_hash = ?, legacy_hash = ? WHERE mobile_key = ?",
        hashed,
        legacy,
        mobile,
    )


def _bcrypt(password: str, cost: int) -> str:
    """A hash as PHP makes it: of the first 72 bytes, with the prefix 2y."""
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost, prefix=b"2b")).decode()
    return made.replace("$2b$", "$2y$", 1)


def test_P11_passwords_beyond_72_bytes(client: Client, record: Record) -> None:
    """Of two passwords of 80 bytes that differ in the last 8, only the right one fits."""
    server, mobile = client.server, fresh_mobile()
    stem = secrets.token_hex(36)
    right, other = f"{stem}longtail", f"{stem}shortend"
    client.register(mobile, right)
    assert client.login(mobile, other).reason == "bad_credentials"
    assert client.login(mobile, right).code == 200

    _store_hash(server, mobile, _bcrypt(right, 5))
    wrong = [secrets.token_hex(36)[:length] + "y" for length in (71, 72, 73, 255, 511)]
    wrong.append("月" * 25)
    for password in wrong:
        assert client.login(mobile, password).reason == "bad_credentials"
    assert client.login(mobile, right).code == 200
    assert CURRENT.fullmatch(hash_of(server, mobile))
    assert client.login(mobile, other).reason == "bad_credentials"
    record("P11", tried="80-byte passwords equal in the first 72 bytes, Argon2id and bcrypt",
           figure="told apart; bcrypt truncates as PHP did until the first login")  # fmt: skip


def _memory(server: Server) -> int:
    """The server's resident memory, in KiB."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])


def _send_all(server: Server, request: Raw) -> tuple[Answer, float]:
    """Send a body for as long as the server takes it; the answer, and after how long it came."""
    with socket.create_connection((server.host, server.port), 30) as connection:
        begun = time.perf_counter()
        sender = threading.Thread(target=_push, args=(connection, request.encode(server.host)))
        sender.start()
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(65536) or b"}"
        took = time.perf_counter() - begun
        connection.shutdown(socket.SHUT_RDWR)
        sender.join()
    return server.held(request.method, request.path, parse(received)), took


def _push(connection: socket.socket, content: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody takes the rest of it
        connection.sendall(content)


@pytest.mark.parametrize("size", [1_000_000, 10_000_000])
def test_P12_huge_passwords(client: Client, record: Record, size: int) -> None:
    """A password of 1 MB or 10 MB is refused unread."""
    server, mobile = client.server, fresh_mobile()
    client.register(mobile)
    client.login(mobile, WRONG)
    before, failed, took = _memory(server), events(server, "login_failed"), []
    for path, body in (
        ("login", {"username": mobile, "password": "x" * size, "group": "pc"}),
        ("register", new_member(fresh_mobile(), "123456", "x" * size)),
        ("up-pwd", new_password(mobile, "123456", "x" * size)),
    ):
        answer, seconds = _send_all(server, site(path, body))
        took.append(seconds)
        assert (answer.code, answer.reason) == (413, "body_too_large")
    grown = _memory(server) - before
    record("P12", tried="passwords of 1 MB and 10 MB, three endpoints",
           figure=f"{size // 1_000_000} MB: 413 after {max(took) * 1000:.0f} ms at most, "
           f"{grown} KiB more memory")  # fmt: skip
    assert events(server, "login_failed") == failed
    assert grown < 5 * 1024


ODD_PAIRS = {
    "NUL in the middle": ("abcdefg\0x", "abcdefg\0y"),
    "NUL at the end": ("abcdefgh\0", "abcdefgh"),
    "emoji": ("🌙🌊🏮🐉🌸🍵🎏🧧", "🌙🌊🏮🐉🌸🍵🎏🎎"),
    "64 Chinese characters": ("月" * 63 + "光", "月" * 64),
    "a space in front": (" quiet-garden", "quiet-garden"),
    "a space behind": ("quiet-garden ", "quiet-garden"),
    "case": ("Quiet-Garden", "quiet-garden"),
    "composed letters": ("caf\u00e9-riverbank", "cafe\u0301-riverbank"),
    "full width": ("ｑuiet-garden", "quiet-garden"),
    "128 code points": ("z" + "长" * 127, "z" + "长" * 126),
    "128 code points outside the BMP": ("🌙" * 127 + "🌊", "🌙" * 128),
}


@pytest.mark.parametrize(("right", "wrong"), ODD_PAIRS.values(), ids=ODD_PAIRS.keys())
def test_P13_odd_bytes(
    client: Client, request: pytest.FixtureRequest, record: Record, right: str, wrong: str
) -> None:
    """Passwords are compared exactly as they were sent."""
    mobile = fresh_mobile()
    client.register(mobile, right)
    for other in (wrong, right + " ", unicodedata.normalize("NFD", right) + "x", right[:-1]):
        assert client.login(mobile, other).reason == "bad_credentials", repr(other)
    assert client.login(mobile, right).code == 200
    record("P13", tried=f"{len(ODD_PAIRS)} pairs: NUL, emoji, blanks, case, accents, length",
           figure=f"told apart: {', '.join(ODD_PAIRS)}")  # fmt: skip


def test_P13_more_than_128_code_points(client: Client) -> None:
    """129 code points are too long, whatever they weigh."""
    for password in ("z" * 129, "长" * 129, "🌙" * 129):
        answer = client.site("register", new_member(fresh_mobile(), "123456", password))
        assert answer.reason == "password_too_long", answer.text


def _common() -> list[str]:
    packed = resources.files("denglu.security") / "data" / "common_passwords.txt.gz"
    return gzip.decompress(packed.read_bytes()).decode().splitlines()


def _refused_as_common(client: Client, password: str, mobile: str, nickname: str) -> bool:
    body = new_member(mobile, "123456", password, nickname=nickname)
    register = client.site("register", body)
    reset = client.site("up-pwd", new_password(mobile, "123456", password))
    by_nickname = reset.reason == "bad_code" and password == nickname
    return register.reason == "password_too_common" and (
        by_nickname or reset.reason == "password_too_common"
    )


def test_P14_common_passwords(client: Client, record: Record) -> None:
    """Every tenth of the common passwords, refused for what it is, without a code."""
    words = _common()
    assert len(words) >= 3000
    tried = words[:100] + words[100:3000:10]
    begun = time.perf_counter()
    passed = [word for word in tried if not _refused_as_common(client, word, "13800000000", "月")]
    each = (time.perf_counter() - begun) / len(tried) / 2
    assert passed == []
    shouted = [word.upper() for word in words[:40]]
    assert all(_refused_as_common(client, word, "13800000000", "月") for word in shouted)
    record("P14", tried=f"{len(tried)} of {len(words)} common passwords, register and up-pwd",
           figure=f"all refused, {each * 1000:.1f} ms each on the wire")  # fmt: skip


def test_P14_passwords_made_of_what_everybody_knows(tmp_path: Path, record: Record) -> None:
    """The own number, the nickname, the site's words, keyboard rows and dates."""
    mobile, nickname = fresh_mobile(), "小月亮在海边散步"
    weak = ["12345678", mobile, f"+86{mobile}", mobile[3:], nickname, "tinyshop2024", "TinyShop",
            "19900101", "qwertyuiop", "password1"]  # fmt: skip
    with (
        running(tmp_path, password_site_words="tinyshop", trusted_proxies="127.0.0.1") as server,
        Client(server) as client,
    ):
        passed = [w for w in weak if not _refused_as_common(client, w, mobile, nickname)]
    record("P14", tried="own number, nickname, site name, 12345678, dates",
           figure=f"{len(weak) - len(passed)} of {len(weak)} refused")  # fmt: skip
    assert passed == []


async def test_P15_parameters_and_salts(tmp_path: Path, record: Record) -> None:
    """1,000 members: every hash at today's cost, every salt another one."""
    variables = {"DENGLU_DATABASE_URL": f"sqlite:///{tmp_path / 'denglu.db'}"}
    settings = load_settings(variables, tmp_path)
    migrate(settings.database_path)
    app = open_app(settings, b"k" * 32)
    try:
        add = functools.partial(app.administer.add, mobile="", nickname="", password=PASSWORD)
        for start in range(0, 1000, 10):
            names = (f"member{number}" for number in range(start, start + 10))
            await asyncio.gather(*(add(username=name) for name in names))
        members = await app.administer.page(0, 2000)
    finally:
        await app.close()
    salts = set()
    for member in members:
        found = CURRENT.fullmatch(member.password_hash or "")
        assert found, member.password_hash
        salts.add(found[1])
    record("P15", tried="hashes of 1,000 members with one password",
           figure=f"{len(salts)} salts of 16 bytes, all m=19456,t=2,p=1")  # fmt: skip
    assert len(members) == len(salts) == 1000


def test_P15_parameters_of_every_way_to_set_a_password(client: Client) -> None:
    """Registration, reset and the operator's command store the same kind of hash."""
    server, mobile = client.server, fresh_mobile()
    client.register(mobile)
    hashes = [hash_of(server, mobile)]
    server.advance(61)
    code = client.code_for(mobile, "up-pwd")
    assert client.site("up-pwd", new_password(mobile, code, PASSWORD)).code == 200
    hashes.append(hash_of(server, mobile))
    mobile = fresh_mobile()
    server.add_member(f"name{mobile}", mobile)
    hashes.append(hash_of(server, mobile))
    salts = {found[1] for text in hashes if (found := CURRENT.fullmatch(text))}
    assert len(salts) == 3, hashes


OLD_HASHES = {
    "bcrypt 2y cost 13": lambda: _bcrypt(PASSWORD, 13),
    "bcrypt 2y cost 5": lambda: _bcrypt(PASSWORD, 5),
    "Argon2id of a lower cost": lambda: _weak_argon2(PASSWORD),
}


def _weak_argon2(password: str) -> str:
    return argon2.PasswordHasher(time_cost=1, memory_cost=4096, parallelism=1).hash(password)


@pytest.mark.parametrize("kind", OLD_HASHES)
def test_P16_rehash_on_login(client: Client, record: Record, kind: str) -> None:
    """An older hash is good for a login, and is a current one after it."""
    server, mobile = client.server, fresh_mobile()
    client.register(mobile)
    _store_hash(server, mobile, OLD_HASHES[kind]())
    assert client.login(mobile, WRONG).reason == "bad_credentials"
    assert client.login(mobile).code == 200
    assert CURRENT.fullmatch(hash_of(server, mobile))
    assert server.rows("SELECT count(*) FROM member WHERE legacy_hash = 1") == [(0,)]
    stored = hash_of(server, mobile)
    assert client.login(mobile).code == 200
    assert client.login(mobile, WRONG).reason == "bad_credentials"
    assert hash_of(server, mobile) == stored
    record("P16", tried="one login with an older hash", figure=f"{kind}: Argon2id after it")


def test_P16_concurrent_logins_leave_one_good_hash(any_client: Client, record: Record) -> None:
    """20 logins at once with an imported hash."""
    client, server, won = any_client, any_client.server, []
    for mobile in new_members(client, rounds(server)):
        _store_hash(server, mobile, _bcrypt(PASSWORD, 5))
        before = events(server, "password_rehashed")
        rivals = [login(mobile, PASSWORD) for _ in range(20)]
        counted = outcomes(server.race(rivals))
        assert set(counted) <= {"OK", "busy"}
        won.append(counted["OK"])
        assert counted["OK"] >= 1
        assert events(server, "password_rehashed") - before == 1
        assert CURRENT.fullmatch(hash_of(server, mobile))
        assert client.login(mobile).code == 200
    record("P16", tried=f"20 logins at once with an imported hash, {rounds_told(server)}",
           figure=f"one rehash a round, {min(won)} to {max(won)} logins good")  # fmt: skip


def test_P16_new_password_wins_over_a_rehash(any_client: Client, record: Record) -> None:
    """up-pwd at the same time as logins that rehash the old password."""
    client, server, before_reset = any_client, any_client.server, 0
    for number, mobile in enumerate(new_members(client, rounds(server))):
        # The cheapest hash: comparing it takes no time, so that both write at the same moment.
        _store_hash(server, mobile, _bcrypt(PASSWORD, 4))
        server.advance(61)
        code = client.code_for(mobile, "up-pwd")
        rivals = [login(mobile, PASSWORD) for _ in range(4)]
        rivals.insert(number % 5, site("up-pwd", new_password(mobile, code, NEWER)))
        answers = server.race(rivals)
        assert answers[number % 5].code == 200, answers[number % 5].text
        before_reset += sum(answer.code == 200 for answer in answers) - 1
        assert client.login(mobile, PASSWORD).reason == "bad_credentials"
        assert client.login(mobile, NEWER).code == 200
    record("P16", tried=f"up-pwd and 4 rehashing logins at once, {rounds_told(server)}",
           figure=f"the new password won always; {before_reset} logins came before it")  # fmt: skip


def test_P17_reset_ends_every_session(client: Client, record: Record) -> None:
    """After up-pwd nothing from before works in any group, and the member is told."""
    server, mobile = client.server, fresh_mobile()
    client.register(mobile)
    old = {group: client.login(mobile, group=group).data for group in ("pc", "iOS", "h5")}
    server.advance(61)
    code = client.code_for(mobile, "up-pwd")
    fresh = client.site("up-pwd", new_password(mobile, code, NEWER, "iOS"))
    assert fresh.code == 200, fresh.text
    refused = []
    for group, pair in old.items():
        refused.append(client.who_am_i(pair["access_token"]))
        refused.append(client.refresh(pair["refresh_token"], group))
        verified = client.verify(pair["access_token"])
        assert verified.data == {"token": False}
    assert {answer.code for answer in refused} == {401}
    reasons = {(a.reason, a.data.get("end_reason")) for a in refused}
    assert reasons == {("session_ended", "password_changed")}
    assert client.who_am_i(fresh.data["access_token"]).code == 200
    live = server.rows(
        "SELECT client_group FROM session WHERE member_id = ? AND slot IS NOT NULL",
        member_id(server, mobile),
    )
    assert live == [("iOS",)]
    notice = server.outbox(mobile)[-1]
    assert notice["usage"] == "notice"
    assert notice["code"] == ""
    record("P17", tried="up-pwd beside sessions in pc, iOS and h5",
           figure="6 old tokens refused at once, 1 new session, notice sent")  # fmt: skip
