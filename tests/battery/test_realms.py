"""Members and merchants' users at a running server: each has a door, and no key to another."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import pytest

from tests.battery.client import Client, fresh_address, fresh_mobile
from tests.battery.conftest import DatabaseFor, Record, client_of
from tests.battery.doors import SECRET, SITE, USERS, Door, Doors
from tests.battery.harness import PASSWORD, Answer, Raw, running
from tests.battery.test_enumeration import assert_all_alike, what_is_seen, wrong

_NEVER = "A" * 43


@pytest.fixture(scope="module")
def doors(
    tmp_path_factory: pytest.TempPathFactory, kind: str, database_for: DatabaseFor
) -> Iterator[Doors]:
    """A site with merchants on each database."""
    settings = database_for(kind) | {"introspection_keys": f"shop:{SECRET}"}
    folder = tmp_path_factory.mktemp(kind)
    with running(folder, plugins="merchant", trusted_proxies="127.0.0.1", **settings) as server:
        yield Doors(server)


@pytest.fixture
def client(doors: Doors) -> Iterator[Client]:
    yield from client_of(doors.server)


@dataclass(frozen=True)
class Person:
    """Somebody with one name and one password everywhere."""

    door: Door
    id: int


@dataclass(frozen=True)
class Namesakes:
    """Four people who have one mobile and one password: two are members of merchants, one is a
    user of the first merchant.
    """

    mobile: str
    people: tuple[Person, ...]


@pytest.fixture
def namesakes(doors: Doors, client: Client) -> Namesakes:
    mobile = fresh_mobile()
    shops = (doors.open_merchant(), doors.open_merchant())
    members = tuple(
        Person(door, door.register(client, mobile).data["member"]["id"]) for door in (SITE, *shops)
    )
    user = doors.add_user(shops[0], f"user{mobile}", mobile)
    return Namesakes(mobile, (*members, Person(USERS, user["id"])))


def questions(door: Door) -> dict[str, Callable[[Client, str], Answer]]:
    """All that an access token can be shown for there; the logout last."""
    asked: dict[str, Callable[[Client, str], Answer]] = {
        "who am I": door.who_am_i,
        "verify": door.verify,
        "introspect": door.introspect,
        "forward-auth": door.forward_auth,
    }
    if not door.prefix:
        paths = {
            "sessions": ("GET", "/v1/member/session"),
            "end a session": ("DELETE", "/v1/member/session/1"),
            "end the others": ("DELETE", "/v1/member/session/others"),
            "password": ("POST", "/v1/member/password"),
            "mobile": ("POST", "/v1/member/mobile"),
            "cancellation": ("GET", "/v1/member/cancel"),
            "cancel": ("POST", "/v1/member/cancel"),
            "withdraw": ("DELETE", "/v1/member/cancel"),
        }
        asked |= {name: _calling(*call) for name, call in paths.items()}
    return asked | {"logout": door.logout}


def _calling(method: str, path: str) -> Callable[[Client, str], Answer]:
    return lambda client, token: client.call(method, path, token=token)


def test_T04_no_token_of_one_realm_is_known_in_the_other(
    client: Client, namesakes: Namesakes, record: Record
) -> None:
    tried = 0
    for person in namesakes.people:
        other = USERS if person.door is not USERS else SITE
        pair = person.door.login(client, namesakes.mobile).data
        for token in (pair["access_token"], pair["refresh_token"]):
            for name, ask in questions(other).items():
                told, never = ask(client, token), ask(client, _NEVER)
                assert what_is_seen_plainly(told) == what_is_seen_plainly(never), name
                assert told.reason in ("token_invalid", None), name
                tried += 1
            for group in ("pc", "iOS"):
                told = other.refresh(client, token, group)
                assert told.reason == "refresh_invalid"
                tried += 1
        # None of it burnt anything.
        own = person.door
        assert own.who_am_i(client, pair["access_token"]).data["id"] == person.id
        assert own.verify(client, pair["access_token"]).data == {"token": True}
        said = own.introspect(client, pair["access_token"]).body
        assert (said["active"], said["sub"]) == (True, str(person.id))
        assert own.forward_auth(client, pair["access_token"]).status == 200
        child = own.refresh(client, pair["refresh_token"])
        assert child.code == 200
        assert own.logout(client, child.data["access_token"]).code == 200
    record("T04", tried=f"{tried} requests with another realm's token", figure="0 knew it")


def what_is_seen_plainly(answer: Answer) -> tuple[object, ...]:
    """The same for answers without an envelope."""
    if isinstance(answer.body, dict) and "code" in answer.body:
        return what_is_seen(answer)
    return answer.status, answer.text


def test_T04_a_late_parent_in_the_other_realm_ends_nothing(
    client: Client, namesakes: Namesakes
) -> None:
    for person in (namesakes.people[0], namesakes.people[-1]):
        own, other = person.door, USERS if person.door is not USERS else SITE
        pair = own.login(client, namesakes.mobile).data
        child = own.refresh(client, pair["refresh_token"]).data
        assert own.who_am_i(client, child["access_token"]).code == 200
        client.server.advance(60)
        assert other.refresh(client, pair["refresh_token"]).reason == "refresh_invalid"
        assert own.who_am_i(client, child["access_token"]).code == 200
        assert own.refresh(client, pair["refresh_token"]).reason == "refresh_invalid"
        client.server.advance(1)
        assert own.who_am_i(client, child["access_token"]).reason == "session_ended"


def test_T04_rivals_in_both_realms_refresh_only_in_the_right_one(
    doors: Doors, client: Client, namesakes: Namesakes
) -> None:
    for person in namesakes.people:
        own, other = person.door, USERS if person.door is not USERS else SITE
        pair = own.login(client, namesakes.mobile).data
        body = {"refresh_token": pair["refresh_token"], "group": "pc"}
        raws = [
            Raw(
                f"{door.prefix}/v1/site/refresh", body, headers={"X-Forwarded-For": fresh_address()}
            )
            for door in (own, other) * 4
        ]
        answers = doors.server.race(raws)
        right, strange = answers[::2], answers[1::2]
        assert {answer.reason for answer in strange} == {"refresh_invalid"}
        assert len({answer.data["access_token"] for answer in right}) == 1
        access = right[0].data["access_token"]
        assert own.who_am_i(client, access).data["id"] == person.id


def test_T04_one_name_and_one_password_are_as_many_people_as_there_are_doors(
    client: Client, namesakes: Namesakes
) -> None:
    mobile = namesakes.mobile
    for person in namesakes.people:
        told = person.door.login(client, mobile)
        assert told.data["member"]["id"] == person.id
    assert len({person.id for person in namesakes.people}) == 4
    # Each takes another password; the old one still opens the doors of the others.
    for number, person in enumerate(namesakes.people):
        client.server.advance(61)
        code = person.door.code_for(client, mobile, "up-pwd")
        assert person.door.reset(client, mobile, code, f"harbour-light-{number}").code == 200
        for later in namesakes.people[number + 1 :]:
            assert later.door.login(client, mobile).data["member"]["id"] == later.id
    for number, person in enumerate(namesakes.people):
        for other in range(4):
            told = person.door.login(client, mobile, f"harbour-light-{other}")
            assert told.code == (200 if other == number else 422)
        assert person.door.login(client, mobile).reason == "bad_credentials"


def test_a_code_is_good_at_the_door_where_it_was_asked_for(
    client: Client, namesakes: Namesakes
) -> None:
    for mine, theirs in permutations(namesakes.people, 2):
        client.server.advance(3600)
        code = mine.door.code_for(client, namesakes.mobile, "login")
        stranger = theirs.door.mobile_login(client, namesakes.mobile, code)
        assert stranger.reason == "bad_code"
        told = mine.door.mobile_login(client, namesakes.mobile, code)
        assert told.data["member"]["id"] == mine.id


def test_who_is_known_at_one_door_is_unknown_at_all_others(doors: Doors, client: Client) -> None:
    """With the right password, at the wrong door: like a name that nobody has anywhere."""
    shops = doors.open_merchant(), doors.open_merchant()
    every = (SITE, *shops, USERS)
    mobiles = {door: fresh_mobile() for door in every}
    for door in (SITE, *shops):
        door.register(client, mobiles[door])
    doors.add_user(shops[0], f"only{mobiles[USERS]}", mobiles[USERS])
    for door in every:
        names = {d.name: mobiles[d] for d in every if d is not door}
        answers = {name: door.login(client, mobile) for name, mobile in names.items()}
        answers["its own, a wrong password"] = door.login(client, mobiles[door], "not-this-one")
        answers["nobody's"] = door.login(client, fresh_mobile())
        assert_all_alike(answers, "bad_credentials", "用户名或密码错误")

        client.server.advance(3600)
        asked = {
            name: door.site(client, "sms-code", {"mobile": mobile, "usage": "login"})
            for name, mobile in (names | {"own": mobiles[door], "new": fresh_mobile()}).items()
        }
        assert {answer.code for answer in asked.values()} == {200}
        first = what_is_seen(asked["own"])
        assert all(what_is_seen(answer) == first for answer in asked.values())

        for name, mobile in names.items():
            code = str(doors.server.outbox(mobile)[-1]["code"])
            assert door.mobile_login(client, mobile, wrong(code)).reason == "bad_code", name
            told = door.mobile_login(client, mobile, code)
            assert told.reason == "member_not_found", name
        assert door.login(client, mobiles[door]).code == 200


# The header.


def test_a_merchant_opens_and_shuts_the_door_of_its_members(doors: Doors, client: Client) -> None:
    shop, mobile = doors.open_merchant(), fresh_mobile()
    pair = shop.register(client, mobile).data
    assert pair["member"]["id"]
    doors.merchant("disable", str(shop.merchant))
    for answer in (
        shop.login(client, mobile),
        shop.site(client, "sms-code", {"mobile": mobile, "usage": "login"}),
        shop.mobile_login(client, mobile, "123456"),
        shop.reset(client, mobile, "123456"),
        shop.site(client, "register", register_body(mobile)),
    ):
        assert (answer.status, answer.code, answer.reason) == (200, 422, "merchant_not_found")
        assert answer.body["message"] == "找不到商户"
    # What is open stays open: there the token decides.
    assert shop.who_am_i(client, pair["access_token"]).code == 200
    child = shop.refresh(client, pair["refresh_token"])
    assert child.code == 200
    assert shop.verify(client, child.data["access_token"]).data == {"token": True}
    doors.merchant("enable", str(shop.merchant))
    assert shop.login(client, mobile).code == 200
    assert SITE.login(client, mobile).reason == "bad_credentials"


def register_body(mobile: str) -> dict[str, object]:
    return {
        "mobile": mobile,
        "code": "123456",
        "group": "pc",
        "password": PASSWORD,
        "password_repetition": PASSWORD,
        "nickname": "月光",
    }


@pytest.mark.parametrize("value", [b"", b"0", b"undefined", b"null"])
def test_a_header_without_a_merchant_is_the_site(client: Client, value: bytes) -> None:
    mobile = fresh_mobile()
    SITE.register(client, mobile)
    assert SITE.login(client, mobile, headers={"merchant-id": value}).code == 200


@pytest.mark.parametrize(
    "value",
    [
        b"999999999999999999",
        b"9" * 19,
        b"9" * 4000,
        b"-1",
        b"1.0",
        b"1,1",
        b"'1'",
        b"\xd9\xa1",
        b"\xff\xfe",
        b"NaN",
        b"1 OR 1=1",
        b"{{7*7}}",
        b"%00",
    ],
)
def test_a_header_that_names_no_merchant_is_refused_and_never_a_fault(
    client: Client, value: bytes
) -> None:
    for name, body in (
        ("login", {"username": "x", "password": PASSWORD, "group": "pc"}),
        ("sms-code", {"mobile": fresh_mobile(), "usage": "login"}),
        ("register", register_body(fresh_mobile())),
    ):
        answer = SITE.site(client, name, body, headers={"merchant-id": value})
        assert (answer.status, answer.code, answer.reason) == (200, 422, "merchant_not_found")


def test_who_sends_two_merchants_gets_one_of_them_or_none(doors: Doors, client: Client) -> None:
    """Whichever it is, it is the same for the code and its use."""
    shops = doors.open_merchant(), doors.open_merchant()
    mobile = fresh_mobile()
    for door in shops:
        door.register(client, mobile)
    both = f"{shops[0].merchant}, {shops[1].merchant}"
    told = SITE.login(client, mobile, headers={"merchant-id": both})
    assert told.reason == "merchant_not_found"


def test_apps_in_the_field_name_merchants_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("field")
    with (
        running(
            folder,
            wire="rageframe",
            plugins="merchant",
            mounts="/api,/api/tiny-shop",
            trusted_proxies="127.0.0.1",
        ) as server,
        Client(server) as client,
    ):
        doors, mobile = Doors(server), fresh_mobile()
        shop = doors.open_merchant()
        first = SITE.register(client, mobile).data["member"]
        second = shop.register(client, mobile).data["member"]
        assert [int(each["merchant_id"]) for each in (first, second)] == [0, shop.merchant]
        assert first["id"] != second["id"]
        for mount in ("", "/api", "/api/tiny-shop"):
            path = f"{mount}/v1/site/login"
            body = {"username": mobile, "password": PASSWORD, "group": "tinyShopWechatMp"}
            for header, member in (("0", first), (str(shop.merchant), second), ("", first)):
                told = client.call("POST", path, body, headers={"Merchant-Id": header})
                assert told.data["member"]["id"] == member["id"]
            told = client.call("POST", path, body, headers={"Merchant-Id": "99"})
            assert (told.status, told.code, told.body["message"]) == (200, 422, "找不到商户")
