"""Bodies that every endpoint accepts, and the endpoints that read one."""

from typing import Any

LOGIN = {"username": "demo", "password": "a long password", "group": "pc"}
REFRESH = {"refresh_token": "R" * 43, "group": "pc"}
SMS = {"mobile": "13800000000", "usage": "login"}
VERIFY = {"token": "A" * 43}


def good_bodies(wire: str) -> dict[str, dict[str, Any]]:
    """A good body for each path, in the order of the document's body lists."""
    code = "1234" if wire == "rageframe" else "123456"
    mobile_login = {"mobile": "13800000000", "code": code, "group": "pc"}
    reset = mobile_login | {
        "password": "a long password",
        "password_repetition": "a long password",
    }
    return {
        "/v1/site/login": LOGIN,
        "/v1/site/refresh": REFRESH,
        "/v1/site/sms-code": SMS,
        "/v1/site/mobile-login": mobile_login,
        "/v1/site/register": reset | {"nickname": "小登"},
        "/v1/site/up-pwd": reset,
        "/v1/site/verify-access-token": VERIFY,
    }


CHANGE = {
    "old_password": "the one before it",
    "password": "a long password",
    "password_repetition": "a long password",
}
MOVE = {"mobile": "13911111111", "code": "123456", "new_code": "654321"}


def member_bodies() -> dict[str, dict[str, Any]]:
    """A good body for each path that needs a token and a body."""
    return {
        "/v1/member/password": CHANGE,
        "/v1/member/mobile": MOVE,
        "/v1/member/cancel": {"code": "123456"},
    }


PATHS = tuple(good_bodies("document"))
