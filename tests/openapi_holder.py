"""Holds any answer to the API document: the one judge that every test's client asks."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import SecretStr
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from denglu.api.checks import Rules
from denglu.api.envelope import Envelope
from denglu.api.handlers import Site
from denglu.api.introspect import BackEnds
from denglu.api.member_view import MemberView
from denglu.api.metrics import guarded_metrics
from denglu.api.openapi import Document
from denglu.api.receipts import Hooks
from denglu.api.wire import PROFILES
from denglu.domain.groups import Groups

_HEALTH = ("/healthz", "/readyz")
_MACHINES = ("/introspect", "/forward-auth", "/metrics", "/hooks/sms/{gateway}/{key}")
_IDENTITY = "/forward-auth"
_DOCUMENT = "urn:denglu:openapi"


def check_answer(
    method: str,
    path: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    profile: str,
) -> None:
    """Assert that an answer is one that the document of the profile allows.

    ``path`` without its query. The headers of every answer are held to what the contract says
    of all of them. Whether HTTP statuses are real is seen from the answer.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    _check_headers(headers)
    if _plain(path) == _IDENTITY and status == 200:
        _check_identity(headers, body)
        return
    if method == "HEAD" or not headers["content-type"].startswith("application/json"):
        return
    answer = json.loads(body)
    if "openapi" in answer:
        return
    if _plain(path) in (*_HEALTH, *_MACHINES) and answer == {"error": "method_not_allowed"}:
        assert (status, "allow" in headers) == (405, True)
        return
    if re.search("forward.?auth", path.lower()) and answer == {"error": "not_found"}:
        assert status == 404, "to a proxy, 200 is a yes"
        return
    if path.rstrip("/") not in _HEALTH and not _is_plain(path, answer):
        _check_envelope(answer, status, headers)
    _check_schema(method, path, status, answer, profile)


@cache
def document_of(profile: str, *, real: bool = False) -> dict[str, Any]:
    """The API document that a server of this profile shows."""
    wire = PROFILES[profile]
    envelope = Envelope(wire, real_status=real, now=lambda: 0, minimum=8)
    rules = Rules(
        groups=Groups(folded=wire.loose_forms),
        code_length=4 if wire.loose_forms else 6,
        password_minimum=8,
        site_words=(),
        common_passwords=(),
        loose=wire.loose_forms,
    )

    async def ready() -> bool:
        return True

    flows: Any = None
    site = Site(
        flows,
        ready,
        envelope,
        MemberView(wire),
        wire,
        back_ends=BackEnds((), lambda: 0, grace=0),
        hooks=Hooks(SecretStr("the key of hooks"), None, lambda: 0),
        metrics=guarded_metrics(_nothing, SecretStr("the key of metrics"), lambda: 0),
        merchants=True,
    )
    text = Document(site, rules, (), real=real).render()
    return dict(json.loads(text))


async def _nothing() -> tuple[str, bytes]:
    return "text/plain", b""


def schema_errors(profile: str, pointer: str, value: object, *, real: bool = False) -> list[str]:
    """What is wrong with a value, by the schema at this place of the document."""
    return [error.message for error in _validator(profile, pointer, real).iter_errors(value)]


@cache
def _validator(profile: str, pointer: str, real: bool) -> Draft202012Validator:
    resource = DRAFT202012.create_resource(document_of(profile, real=real))
    registry = Registry().with_resource(_DOCUMENT, resource)
    return Draft202012Validator({"$ref": f"{_DOCUMENT}#{pointer}"}, registry=registry)


def _check_headers(headers: Mapping[str, str]) -> None:
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
    assert "server" not in headers
    if headers.get("content-type", "").startswith("application/json"):
        assert headers["content-type"] == "application/json; charset=UTF-8"


def _check_identity(headers: Mapping[str, str], body: bytes) -> None:
    said = {name for name in headers if name.startswith("x-member-")}
    responses = document_of("document")["paths"][_IDENTITY]["get"]["responses"]
    assert said == {name.lower() for name in responses["200"]["headers"]}
    assert (body, "content-type" in headers) == (b"", False)


def _check_envelope(answer: dict[str, Any], status: int, headers: Mapping[str, str]) -> None:
    code = answer["code"]
    assert status in (200, code), f"HTTP {status} around code {code}"
    assert ("www-authenticate" in headers) == (code == 401)
    assert ("allow" in headers) == (code == 405)
    data = answer.get("data")
    waits = data.get("retry_after") if isinstance(data, dict) else None
    assert headers.get("retry-after") == (None if waits is None else str(waits))
    if "req_id" in answer:
        assert answer["req_id"] == headers["x-request-id"]


def _check_schema(method: str, path: str, status: int, answer: object, profile: str) -> None:
    real = status != 200
    known = _documented(method, path, profile)
    if known in _MACHINES and not _is_plain(path, answer):
        known = None
    if "/merapi/" in path and status == 404:
        known = None  # no plugin, no merchants
    pointers = [_response_pointer(known, method, status)] if known else []
    if known != _plain(path):
        # Nothing that is documented, or under a prefix that may be no mount.
        pointers += _stray()
    for pointer in pointers:
        errors = schema_errors(profile, pointer, answer, real=real)
        if not errors:
            return
    raise AssertionError(f"{method} {path}: {errors[0]}: {answer}")


def _documented(method: str, path: str, profile: str) -> str | None:
    """The documented path behind a mount and a trailing slash."""
    # The merchant API answers as the site's does.
    plain = _plain(path).replace("/merapi/v1/merchant/user/", "/v1/member/member/")
    plain = plain.replace("/merapi/", "/")
    for known, operations in document_of(profile)["paths"].items():
        if plain.endswith(known) and method.lower() in operations:
            return str(known)
    return None


def _is_plain(path: str, answer: object) -> bool:
    """An answer to a machine: without an envelope. To strangers, there is no such path."""
    return _plain(path) in _MACHINES and isinstance(answer, dict) and "data" not in answer


def _plain(path: str) -> str:
    """The path without its trailing slash, and what may vary at its end as the document writes
    it; what back ends ask about merchants' users is described with what they ask about members.
    """
    path = re.sub(r"\A/merapi(?=/(introspect|forward-auth)/?\Z)", "", path)
    path = re.sub(r"\A/hooks/sms/[a-z]+/[^/]+", "/hooks/sms/{gateway}/{key}", path)
    return re.sub(r"/[1-9][0-9]{0,17}\Z", "/{id}", path.removesuffix("/"))


def _response_pointer(path: str, method: str, status: int) -> str:
    place = path.replace("/", "~1")
    return f"/paths/{place}/{method.lower()}/responses/{status}/content/application~1json/schema"


def _stray() -> list[str]:
    """What paths and methods without an operation may answer."""
    return [f"/components/schemas/{name}" for name in ("MethodNotAllowed", "AnyRefused404")] + [
        "/components/schemas/SendCodeOk"  # the shape of an answered preflight
    ]
