"""The API document and the page that shows it."""

import json
import re
from importlib import resources
from typing import Any

import pytest
from openapi_pydantic import OpenAPI

from denglu.api.routes import HEALTH, PROXIES, ROUTES
from denglu.domain.groups import DOCUMENT_GROUPS, Group, Groups
from tests.api.bodies import good_bodies
from tests.api.conftest import Serve
from tests.openapi_holder import check_answer, document_of, schema_errors

HEADERS = {
    "content-type": "application/json; charset=UTF-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": "0" * 32,
}


async def document(serve: Serve, wire: str, **settings: Any) -> dict[str, Any]:
    return dict((await serve(wire, **settings)("GET", "/openapi.json")).json())


async def test_the_document_is_openapi_and_names_every_route(serve: Serve, wire: str) -> None:
    found = await document(serve, wire, mounts=("/api",))
    OpenAPI.model_validate(found)
    assert {(method.upper(), path) for path, item in found["paths"].items() for method in item} == {
        (route.method, route.path) for route in (*ROUTES, *HEALTH, *PROXIES)
    }
    assert [server["url"] for server in found["servers"]] == ["/", "/api"]


async def test_every_operation_has_a_name_of_its_own_and_what_stands_in_its_path(
    serve: Serve, wire: str
) -> None:
    found = await document(serve, wire)
    operations = [(path, one) for path, item in found["paths"].items() for one in item.values()]
    names = [one["operationId"] for _, one in operations]
    assert len(set(names)) == len(names)
    for path, one in operations:
        places = [place["name"] for place in one.get("parameters", []) if place["in"] == "path"]
        assert places == re.findall(r"{(\w+)}", path)


async def test_references_lead_somewhere_and_nothing_is_left_over(serve: Serve, wire: str) -> None:
    found = await document(serve, wire)
    text = json.dumps(found)
    named = set(re.findall(r"#/components/schemas/([A-Za-z0-9_]+)", text))
    known = set(found["components"]["schemas"])
    assert named <= known
    stray = {"MethodNotAllowed", "MethodNotAllowedData", "AnyRefused404", "AnyRefused404Data"}
    assert known - named <= stray


async def test_examples_fit_their_schemas(serve: Serve, wire: str) -> None:
    for status in ("envelope", "real"):
        found = await document(serve, wire, http_status=status)
        for path, item in found["paths"].items():
            for method, operation in item.items():
                for code, response in operation["responses"].items():
                    content = response.get("content", {}).get("application/json", {})
                    place = path.replace("/", "~1")
                    pointer = (
                        f"/paths/{place}/{method}/responses/{code}/content/application~1json/schema"
                    )
                    for example in content.get("examples", {}).values():
                        real = status == "real"
                        assert not schema_errors(wire, pointer, example["value"], real=real)


async def test_real_statuses_are_documented_one_by_one(serve: Serve) -> None:
    found = await document(serve, "document", http_status="real")
    login = found["paths"]["/v1/site/login"]["post"]["responses"]
    assert set(login) == {"200", "400", "413", "415", "422", "429", "500", "503"}
    envelope = await document(serve, "document")
    assert set(envelope["paths"]["/v1/site/login"]["post"]["responses"]) == {"200"}


async def test_good_bodies_fit_the_forms_and_bad_ones_do_not(serve: Serve, wire: str) -> None:
    found = await document(serve, wire)
    for path, body in good_bodies(wire).items():
        content = found["paths"][path]["post"]["requestBody"]["content"]
        assert set(content) == {
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        }
        schema = content["application/json"]["schema"]["$ref"].removeprefix("#")
        assert not schema_errors(wire, schema, body)
        assert not schema_errors(wire, schema, content["application/json"]["example"])
        assert schema_errors(wire, schema, {})


async def test_the_document_shows_the_groups_that_are_configured(serve: Serve) -> None:
    found = await document(serve, "document")
    group = found["components"]["schemas"]["LoginForm"]["properties"]["group"]
    assert group["enum"] == [known.name for known in DOCUMENT_GROUPS]
    assert group["x-choices"]["iOS"] == "苹果"
    assert Groups([Group("kiosk", "自助机")]).find("kiosk") is not None


async def test_calls_that_need_a_token_say_so(serve: Serve) -> None:
    for wire, schemes in (("document", 2), ("rageframe", 3)):
        found = await document(serve, wire)
        assert len(found["components"]["securitySchemes"]) == schemes
        assert len(found["paths"]["/v1/member/member/index"]["get"]["security"]) == schemes
        assert found["paths"]["/v1/site/login"]["post"]["security"] == []


async def test_the_page_needs_nothing_from_elsewhere(serve: Serve, wire: str) -> None:
    server = serve(wire)
    page = await server("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    for link in set(links) - {"data:,"}:
        assert link.startswith("/")
        assert (await server("GET", link)).status_code == 200
    assert (await server("GET", "/docs/")).text == page.text


def test_the_page_has_no_inline_script_and_no_other_host() -> None:
    for file in resources.files("denglu.api").joinpath("assets").iterdir():
        text = file.read_text("utf-8")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
        if file.name.endswith(".html"):
            assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", text)


async def test_the_page_can_be_switched_off(serve: Serve) -> None:
    server = serve(docs_enabled=False)
    for path in ("/docs", "/docs/docs.js", "/openapi.json"):
        assert (await server.get(path))["code"] == 404


# --- the holder itself: a check that cannot fail is worse than none -----------------------

GOOD = {"code": 200, "message": "OK", "data": {"token": True}}
VERIFY = "/v1/site/verify-access-token"


def hold(answer: Any, *, path: str = VERIFY, headers: Any = HEADERS, status: int = 200) -> None:
    check_answer("POST", path, status, headers, json.dumps(answer).encode(), "document")


def test_the_holder_takes_what_the_document_allows() -> None:
    hold(GOOD)
    hold(GOOD, path="/api/tiny-shop" + VERIFY + "/")
    hold({"code": 404, "message": "页面未找到。", "data": {"reason": "not_found"}}, path="/x")


@pytest.mark.parametrize(
    "answer",
    [
        GOOD | {"extra": 1},
        GOOD | {"data": {"token": 1}},
        GOOD | {"data": {}},
        GOOD | {"code": 201},
        {"code": 200, "message": "OK"},
        {"code": 422, "message": "x", "data": {"reason": "bad_credentials"}},
        {"code": 401, "message": "x", "data": {"reason": "token_invalid"}},
        {"code": 404, "message": "x", "data": {"reason": "not_found"}},
        {"code": 503, "message": "x", "data": {"reason": "busy", "retry_after": 3}},
        {"code": 500, "message": "x", "data": {"reason": "internal", "trace": "x"}},
    ],
)
def test_the_holder_catches_what_the_document_does_not_allow(answer: Any) -> None:
    with pytest.raises(AssertionError):
        hold(answer)


@pytest.mark.parametrize(
    "change",
    [
        {"cache-control": "max-age=1"},
        {"x-content-type-options": ""},
        {"x-request-id": "mine"},
        {"server": "uvicorn"},
        {"content-type": "application/json"},
        {"www-authenticate": "Bearer"},
        {"allow": "GET"},
        {"retry-after": "1"},
    ],
)
def test_the_holder_catches_wrong_headers(change: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        hold(GOOD, headers=HEADERS | change)


def test_the_holder_knows_both_profiles() -> None:
    assert document_of("document") != document_of("rageframe")
    with pytest.raises(AssertionError):
        check_answer("POST", VERIFY, 200, HEADERS, json.dumps(GOOD).encode(), "rageframe")
