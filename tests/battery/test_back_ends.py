"""Introspection: back-ends learn what a token is good for, and nobody else does (row T10)."""

import base64
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.battery.client import Client
from tests.battery.conftest import DatabaseFor, Record
from tests.battery.harness import Answer, Server, running

SECRET, NEXT = "0123456789abcdef" * 2, "fedcba9876543210" * 2
KEYS = f"shop:{SECRET},shop:{NEXT}"
NOT_GOOD = '{"active":false}'


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database_for: DatabaseFor,
) -> Iterator[Server]:
    """A server that back-ends may ask."""
    folder = tmp_path_factory.mktemp(request.param)
    keys = folder / "keys"
    keys.write_text(KEYS.replace(",", "\n") + "\n")
    settings = database_for(request.param) | {"introspection_keys_file": str(keys)}
    with running(folder, trusted_proxies="127.0.0.1", **settings) as server:
        yield server


def introspect(client: Client, token: str, credential: str = f"Bearer {SECRET}") -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    headers |= {"Authorization": credential} if credential else {}
    content = urlencode({"token": token}).encode()
    return client.call("POST", "/introspect", content=content, headers=headers)


def test_T10_only_a_back_end_learns_what_a_token_is_good_for(asked: Server, record: Record) -> None:
    with Client(asked) as client:
        tokens = client.register().data
        access = tokens["access_token"]
        told = introspect(client, access)
        assert told.status == 200
        assert told.body["active"] is True
        assert told.body["sub"] == str(tokens["member"]["id"])
        assert told.body["client_group"] == "pc"
        assert told.body["merchant_id"] == 0
        assert told.body["exp"] - told.body["iat"] == 7200
        assert abs(told.body["iat"] - asked.now()) <= 2

        named = base64.b64encode(f"shop:{NEXT}".encode()).decode()
        assert introspect(client, access, f"Basic {named}").text == told.text
        wrong = ["", "Bearer", f"Bearer {access}", f"Bearer {SECRET[:-1]}", "Basic eDp4", SECRET]
        for credential in wrong:
            refused = introspect(client, access, credential)
            assert (refused.status, refused.body) == (401, {"error": "invalid_client"})
            assert refused.headers["www-authenticate"].startswith("Basic ")

        # The same for what never was, what is something else, and what is over.
        never = [tokens["refresh_token"], access[:-1], access.swapcase(), "x", "A" * 43, "x" * 900]
        over = client.register().data["access_token"]
        client.logout(over)
        assert {introspect(client, token).text for token in (*never, over)} == {NOT_GOOD}
        record(
            "T10",
            tried=f"{len(wrong)} wrong credentials, {len(never) + 1} tokens that are not good",
            figure=f"{len(wrong)} times 401, {len(never) + 1} times the same answer",
        )


def test_T10_a_token_that_was_revoked_or_replaced_is_not_good_any_more(asked: Server) -> None:
    with Client(asked) as client:
        first = client.register().data
        mobile = first["member"]["mobile"]
        second = client.login(mobile).data
        assert introspect(client, first["access_token"]).text == NOT_GOOD
        third = client.refresh(second["refresh_token"]).data
        asked.advance(3)
        behind = introspect(client, second["access_token"]).body
        assert behind["exp"] == introspect(client, third["access_token"]).body["iat"] + 10
        asked.advance(8)
        assert introspect(client, second["access_token"]).text == NOT_GOOD
        assert introspect(client, third["access_token"]).body["active"] is True
        asked.set_clock(0)


def test_T10_to_be_asked_about_is_to_be_used(asked: Server) -> None:
    """The first use of a pair closes the window of the refresh token it came from."""
    with Client(asked) as client:
        first = client.register().data
        second = client.refresh(first["refresh_token"]).data
        assert introspect(client, second["access_token"]).body["active"] is True
        asked.advance(11)
        assert client.refresh(first["refresh_token"]).reason == "refresh_invalid"
        assert introspect(client, second["access_token"]).text == NOT_GOOD
        asked.set_clock(0)


def forward_auth(client: Client, token: str) -> Answer:
    return client.call("GET", "/forward-auth", token=token)


def test_T10_a_proxy_learns_whose_good_token_it_is(asked: Server, record: Record) -> None:
    with Client(asked) as client:
        tokens = client.register().data
        access = tokens["access_token"]
        told = forward_auth(client, access)
        assert (told.status, told.text) == (200, "")
        assert told.headers["x-member-id"] == str(tokens["member"]["id"])
        assert told.headers["x-member-group"] == "pc"
        assert (told.headers["x-member-level"], told.headers["x-member-merchant-id"]) == ("1", "0")

        over = client.register().data["access_token"]
        client.logout(over)
        bad = dict.fromkeys((tokens["refresh_token"], access[:-1], "x" * 900), "token_invalid")
        bad |= {over: "session_ended", "": "token_missing"}
        for token, reason in bad.items():
            refused = forward_auth(client, token)
            assert (refused.status, refused.body) == (401, {"error": reason})
            assert refused.headers["www-authenticate"].startswith("Bearer ")
            assert "x-member-id" not in refused.headers
        record("T10", tried=f"a proxy's question about {len(bad)} tokens that are not good",
               figure=f"{len(bad)} times 401, nobody's name")  # fmt: skip


def test_T10_a_request_behind_a_proxy_is_a_use_of_the_token(asked: Server) -> None:
    with Client(asked) as client:
        first = client.register().data
        second = client.refresh(first["refresh_token"]).data
        assert forward_auth(client, first["access_token"]).status == 200
        assert forward_auth(client, second["access_token"]).status == 200
        asked.advance(11)
        assert forward_auth(client, first["access_token"]).body == {"error": "token_expired"}
        assert client.refresh(first["refresh_token"]).reason == "refresh_invalid"
        assert forward_auth(client, second["access_token"]).body == {"error": "session_ended"}
        asked.set_clock(0)


def test_T10_without_secrets_it_looks_like_any_unknown_path(client: Client) -> None:
    token = client.register().data["access_token"]
    known, unknown = introspect(client, token), client.call("POST", "/no-such-path", {"token": "x"})
    assert known.code == 404
    assert known.text == unknown.text
