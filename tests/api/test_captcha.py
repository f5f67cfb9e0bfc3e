"""`captcha_token` on the way in, `data.captcha` on the way out."""

import json
from typing import Any

import pytest

from denglu.api.captcha_view import EXAMPLE
from denglu.captcha.aliyun import Aliyun
from denglu.captcha.asked import Service
from denglu.captcha.geetest import Geetest
from denglu.captcha.pow import ProofOfWork
from denglu.captcha.tencent import Tencent
from denglu.domain.errors import Reason, Refusal
from denglu.security.digests import HmacSecrets
from tests.api.bodies import good_bodies
from tests.api.conftest import Serve
from tests.api.fakes import FakeFlows
from tests.flows.world import FakeClock

LOGIN, SMS = "/v1/site/login", "/v1/site/sms-code"
FLOW_OF = {LOGIN: "login", SMS: "send_code"}


def everything_shown() -> dict[str, Any]:
    """What every captcha shows, as its own code makes it."""
    services: list[Service] = [
        Aliyun("scene-1", "prefix-1", ("id", "secret")),
        Tencent(2012345678, "key", ("id", "secret")),
        Geetest("c0ffee", "key"),
    ]
    pow_ = ProofOfWork(HmacSecrets(b"k" * 32), FakeClock(), difficulty=1000)
    shown = [pow_.show(), *(service.shown for service in services)]
    return {str(each["kind"]): each for each in shown}


def suspicious(shown: Any) -> FakeFlows:
    """Flows that ask everybody for a captcha."""
    flows = FakeFlows()
    flows.refusal = Refusal(Reason.captcha_required, details={"captcha": shown})
    return flows


@pytest.mark.parametrize("path", [LOGIN, SMS])
async def test_the_token_reaches_the_flow_as_it_was_sent(
    serve: Serve, wire: str, path: str
) -> None:
    server = serve(wire)
    token = '{"ticket":"t03 ä","randstr":"@x"}'
    for sent, arrived in ((token, token), ("", ""), ("  ", ""), (None, "")):
        answer = await server.post(path, good_bodies(wire)[path] | {"captcha_token": sent})
        assert answer["code"] == 200
        assert server.flows.calls[-1][0] == FLOW_OF[path]
        assert server.flows.calls[-1][1]["captcha_token"] == arrived
    await server.post(path, good_bodies(wire)[path])
    assert server.flows.calls[-1][1]["captcha_token"] == ""


@pytest.mark.parametrize("path", [LOGIN, SMS])
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (1, "invalid_type"),
        ({"ticket": "t"}, "invalid_type"),
        (["t"], "invalid_type"),
        (True, "invalid_type"),
        ("a\nb", "invalid_type"),
        ("x" * 8193, "too_long"),
    ],
)
async def test_what_can_be_no_token_is_a_wrong_field(
    serve: Serve, path: str, sent: object, reason: str
) -> None:
    server = serve()
    answer = await server.post(path, good_bodies("document")[path] | {"captcha_token": sent})
    assert answer["code"] == 422
    assert answer["data"] == {"reason": reason, "fields": {"captcha_token": reason}}
    assert answer["message"].startswith("安全验证")
    assert server.flows.calls == []
    longest = good_bodies("document")[path] | {"captcha_token": "x" * 8192}
    assert (await server.post(path, longest))["code"] == 200


@pytest.mark.parametrize("kind", ["pow", "aliyun", "tencent", "geetest"])
@pytest.mark.parametrize("path", [LOGIN, SMS])
async def test_a_refusal_says_what_to_show(serve: Serve, wire: str, path: str, kind: str) -> None:
    shown = json.loads(json.dumps(everything_shown()[kind]))
    server = serve(wire, flows=suspicious(shown))
    answer = await server.post(path, good_bodies(wire)[path])
    assert (answer["code"], answer["message"]) == (422, "请先完成安全验证")
    expected = {"reason": "captcha_required", "captcha": shown}
    if wire == "rageframe":
        # No form is at fault, so `data` is no empty list, which would hide what to show.
        named = {"name": "Unprocessable entity", "message": "请先完成安全验证"}
        expected |= named | {"code": 0, "status": 422}
        assert len(answer["req_id"]) == 32
    assert answer["data"] == expected


async def test_a_refusal_speaks_english_and_has_a_real_status_where_wanted(serve: Serve) -> None:
    server = serve("document", flows=suspicious(EXAMPLE), http_status="real")
    found = await server(
        "POST", LOGIN, json=good_bodies("document")[LOGIN], headers={"Accept-Language": "en"}
    )
    assert found.status_code == 422
    assert found.json()["message"] == "Please complete the security check first"
    assert "retry-after" not in found.headers


async def test_other_origins_may_read_what_to_show(serve: Serve) -> None:
    server = serve("rageframe", flows=suspicious(EXAMPLE))
    found = await server(
        "POST", LOGIN, json=good_bodies("rageframe")[LOGIN], headers={"Origin": "https://a.example"}
    )
    assert found.headers["access-control-allow-origin"] == "*"
    assert found.json()["data"]["captcha"] == EXAMPLE


async def test_the_document_shows_the_field_and_the_refusal(serve: Serve, wire: str) -> None:
    found = (await serve(wire)("GET", "/openapi.json")).json()
    for path in (LOGIN, SMS):
        operation = found["paths"][path]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        form = found["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        field = form["properties"]["captcha_token"]
        assert "captcha_token" not in form["required"]
        assert "captcha_token" not in content["example"]
        assert (field["maxLength"], field["x-label"]["zh"]) == (8192, "安全验证")
        assert set(field["x-texts"]) == {"zh", "en"}
        answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
        refusal = answers["captcha_required"]["value"]
        assert refusal["code"] == 422
        assert refusal["data"]["captcha"] == EXAMPLE
    for path, item in found["paths"].items():
        for operation in item.values():
            first = next(iter(operation["responses"].values()))
            examples = first.get("content", {}).get("application/json", {}).get("examples", {})
            assert ("captcha_required" in examples) == (path in (LOGIN, SMS))
