"""What every refusal looks like on the wire: a row of the contract's section 3, and its judge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.battery.client import Client, new_member
from tests.battery.harness import Answer

WELL = "harbour-lantern-61"
NAMES = {
    401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 422: "Unprocessable entity"
}  # fmt: skip
NOT_ABOUT_FORMS = ("sms_too_frequent", "sms_failed")
ABOUT_THE_DEED = ("bad_credentials", "bad_code", "member_not_found", "mobile_taken")
STANDARD = {"reason", "name", "message", "code", "status"}

Provoke = Callable[[Client], Answer]
Extra = Mapping[str, object]


@dataclass(frozen=True)
class Row:
    """A refusal: its reason, code and sentence, how to get it, and what its data adds.

    ``extra``: name and value, or name and the type that the value must have.
    """

    what: str
    reason: str
    code: int
    message: str
    provoke: Provoke
    extra: Extra = field(default_factory=dict)


def is_field_app(client: Client) -> bool:
    return client.server.settings.get("DENGLU_WIRE") == "rageframe"


def assert_refused(client: Client, answer: Answer, row: Row, *, english: bool) -> None:
    """All that the contract says of a refusal."""
    body = answer.body
    assert (answer.status, answer.code) == (200, row.code), answer.text
    if english:
        assert body["message"]
        assert body["message"].isascii()
    else:
        assert body["message"] == row.message
    form = row.code == 422 and row.reason not in NOT_ABOUT_FORMS
    stamps = ["timestamp"] + ([] if form else ["req_id"]) if is_field_app(client) else []
    assert list(body) == ["code", "message", "data", *stamps]
    if is_field_app(client):
        assert isinstance(body["timestamp"], int)
    if is_field_app(client) and form:
        assert body["data"] == []
        return
    if is_field_app(client):
        head = dict(list(body["data"].items())[:4])
        name = NAMES.get(row.code, body["data"]["name"])
        assert list(head.items()) == [
            ("name", name), ("message", body["message"]), ("code", 0), ("status", row.code)
        ]  # fmt: skip
    assert answer.reason == row.reason
    told = {key: value for key, value in body["data"].items() if key not in STANDARD}
    if form and row.reason not in ABOUT_THE_DEED:
        assert told.pop("fields"), told
    assert set(told) == set(row.extra), told
    for key, expected in row.extra.items():
        right = isinstance(told[key], expected) if isinstance(expected, type) else False
        assert right or told[key] == expected, (key, told[key])
    waits = told.get("retry_after")
    assert answer.headers.get("retry-after") == (None if waits is None else str(waits))
    assert ("www-authenticate" in answer.headers) == (row.code == 401)


def both_languages(client: Client, row: Row) -> None:
    """The row in Chinese, which is the default, and in English."""
    client.headers = {}
    assert_refused(client, row.provoke(client), row, english=False)
    client.headers = {"Accept-Language": "en-US,en;q=0.9,zh;q=0.1"}
    assert_refused(client, row.provoke(client), row, english=True)


def wrong(code: str) -> str:
    """Another code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)


def site(name: str, body: Mapping[str, object]) -> Provoke:
    """A call whose body is refused for itself."""
    return lambda client: client.site(name, body)


def shape(name: str) -> dict[str, object]:
    """A body of the right shape, in the order of the contract."""
    member = new_member("13800000000", "123456", WELL)
    shapes: dict[str, dict[str, object]] = {
        "login": {"username": "nobody", "password": WELL, "group": "pc"},
        "refresh": {"refresh_token": "x" * 43, "group": "pc"},
        "sms-code": {"mobile": "13800000000", "usage": "login"},
        "mobile-login": {"mobile": "13800000000", "code": "123456", "group": "pc"},
        "register": member,
        "up-pwd": {key: value for key, value in member.items() if key != "nickname"},
        "verify-access-token": {"token": "x" * 43},
    }
    return shapes[name]


def later(client: Client, seconds: int) -> None:
    """So many seconds later than it was."""
    clock = client.server.folder / "clock"
    now = int(clock.read_text()) if clock.exists() else 0
    client.server.set_clock(now + seconds)
