"""What schemathesis has to know of this API; it loads this module by ``SCHEMATHESIS_HOOKS``.

Its own checks hold, with these differences, each because the contract says so:

- Where refusals come with HTTP status 200, the checks of ``_BY_STATUS`` would take every refusal
  for a success. They judge the envelope's code instead (``code_like_a_status``).
- So would ``ignored_auth``, which compares requests of its own: it runs where statuses are real.
- A body that the schema allows may still be refused with 422: no schema knows which code or
  password is right (``schemathesis.toml``). That it is *well formed* may not be refused.
- A form has no arrays. What would send a key twice is not tried: row I04 holds that it is refused.
- An address that is too long is no request, and the document does not know its answer: row N08.

Every answer is also held to the judge of the other tests (``held_to_the_document``): headers,
envelope, and the schema as our own validator reads it.
"""

import copy
import itertools
import json
import os
import re
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.checks import CHECKS, load_all_checks

from tests.openapi_holder import check_answer

# Given before the API sees a request, by what reads HTTP: the API document knows none of them.
_NO_REQUEST = ("malformed_request", "url_too_long", "headers_too_large")
_LONGEST_ADDRESS = 2048
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BY_STATUS = ("negative_data_rejection", "positive_data_acceptance", "unsupported_method")
# One member calls, another one's name is tried: wrong passwords lock nobody out here.
_CALLER, _NAME, _PASSWORD = os.environ["DENGLU_FUZZ_MEMBERS"].split()
_LOGIN_EVERY = 2
_FREE = (
    "username", "mobile", "password", "password_repetition", "nickname", "token", "refresh_token"
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_addresses = itertools.count(1)
_mobiles = itertools.count(1)
load_all_checks()


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Leave out addresses that are too long, and forms that would send a key twice."""
    asked = case.as_transport_kwargs(base_url="http://127.0.0.1")
    address = requests.Request(asked["method"], asked["url"], params=asked.get("params")).prepare()
    if len(address.path_url) > _LONGEST_ADDRESS:
        return False
    if case.media_type not in _FORMS or not isinstance(case.body, dict):
        return True
    return not any(isinstance(value, (list, dict)) for value in case.body.values())


@schemathesis.hook
def map_case(context: HookContext, case: Case) -> Case:
    """Let well-formed bodies get further than to the checks of fields: no control characters in
    what is free text, and in half of them a real name and a mobile.
    """
    well_formed = case.meta is not None and case.meta.generation.mode.is_positive
    if not well_formed or not isinstance(case.body, dict):
        return case
    free = {n: v for n, v in case.body.items() if n in _FREE and isinstance(v, str)}
    told = {name: _CONTROL.sub("", value) or "x" for name, value in free.items()}
    if sum(map(len, free.values())) % 2:
        real = {"username": _NAME, "mobile": f"139{next(_mobiles):08d}"}
        real |= {"password": _PASSWORD, "password_repetition": _PASSWORD}
        told |= {name: value for name, value in real.items() if name in free}
    case.body = {**case.body, **told}
    return case


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Come from an address of one's own: what is tried here is no limit."""
    number = next(_addresses)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    case.headers["X-Forwarded-For"] = address


@schemathesis.auth(refresh_interval=_LOGIN_EVERY)
class Login:
    """A member's token; a new one now and then, because the tests also log out."""

    def get(self, case: Case, context: schemathesis.AuthContext) -> str:
        body = {"username": _CALLER, "password": _PASSWORD, "group": "pc"}
        request = urllib.request.Request(
            f"{case.operation.base_url.rstrip('/')}/v1/site/login",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["data"]["access_token"])

    def set(self, case: Case, token: str, context: schemathesis.AuthContext) -> None:
        case.headers["X-Api-Key"] = token


@schemathesis.check
def held_to_the_document(ctx: CheckContext, response: Response, case: Case) -> None:
    """The answer is one that the judge of all other tests lets pass."""
    headers = {name: values[0] for name, values in response.headers.items()}
    reason = _envelope(response).get("data")
    if isinstance(reason, dict) and reason.get("reason") in _NO_REQUEST:
        return
    profile = case.operation.schema.raw_schema["info"]["x-wire"]
    path = urlsplit(str(response.request.url)).path
    method = str(response.request.method)
    check_answer(method, path, response.status_code, headers, response.content, profile)


@schemathesis.check
def code_like_a_status(ctx: CheckContext, response: Response, case: Case) -> None:
    """What those checks say when the envelope's code stands in the status line."""
    translated = copy.copy(response)
    translated.status_code = _envelope(response).get("code", response.status_code)
    for name in _BY_STATUS:
        check: Any = CHECKS.get_one(name)
        check(ctx, translated, case)


def _envelope(response: Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
