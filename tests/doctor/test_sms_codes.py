"""Error codes are explained in both languages, and the guide says what the code does."""

import re
import shlex
from pathlib import Path

import pytest

from denglu.doctor.sms_codes import CATALOGUES, OWN_CODES, explain, explanations
from denglu.doctor.sms_table import renewed, tables
from denglu.domain.sms_message import Trouble
from denglu.settings.model import Settings, variable
from tests.settings_loading import load

GUIDE = (Path(__file__).parents[2] / "docs" / "sms.md").read_text("utf-8")
EVERY = {"denglu": OWN_CODES, **CATALOGUES}


def test_the_guide_lists_every_code() -> None:
    assert renewed(GUIDE) == GUIDE, "run: python -m denglu.doctor.sms_table docs/sms.md"
    assert GUIDE.count("### Codes of ") == 5


@pytest.mark.parametrize("name", EVERY)
def test_every_code_is_explained_in_both_languages(name: str) -> None:
    listed = tables()
    for code in EVERY[name]:
        assert f"`{code.code}`" in listed
        assert len(re.findall("[一-鿿]", code.zh)) > 5, code
        assert code.zh.endswith("。"), code
        assert len(code.en.split()) > 3, code
        assert code.en.endswith("."), code
        # A cell of the table, and a line of the doctor's.
        assert not {"\n", "|"} & set(code.zh + code.en), code


@pytest.mark.parametrize("name", EVERY)
def test_no_explanation_names_a_setting_that_is_none(name: str) -> None:
    known = {variable(field) for field in Settings.model_fields}
    for code in EVERY[name]:
        named = re.findall(r"DENGLU_[A-Z_]+[A-Z](?![*…A-Z_])", code.zh + code.en)
        assert set(named) <= known, code


@pytest.mark.parametrize("trouble", ["unreachable", "unanswered"])
def test_where_no_provider_spoke_it_is_a_matter_of_the_network(trouble: str) -> None:
    found = explain("ConnectTimeoutError", trouble, gateway="aliyun")
    assert found.trouble is Trouble.unreachable
    assert "DNS" in found.en
    assert explain("anything", trouble, gateway="console") == found


def test_a_code_that_is_in_no_list_is_the_provider_s_own() -> None:
    """The provider spoke: its own list knows more, and no firewall is to blame."""
    found = explain("isv.NEW_THING", "refused", gateway="aliyun")
    assert "DNS" not in found.en
    assert "错误码" in found.zh


@pytest.mark.parametrize(
    "name", ["ConnectionRefusedError", "gaierror", "SSLError", "ReadTimeout", "RemoteDisconnected"]
)
def test_what_the_network_did_can_be_looked_up(name: str) -> None:
    [(gateway, found)] = explanations(name)
    assert (gateway, found.code) == ("denglu", name)
    assert "DNS" in found.en


def test_an_answer_that_cannot_be_read_can_be_looked_up() -> None:
    [(gateway, found)] = explanations("unreadable")
    assert gateway == "denglu"
    assert "DNS" not in found.en


def test_the_first_code_that_is_known_explains() -> None:
    assert explain("throttled", "Throttling.User", gateway="aliyun").code == "Throttling*"
    assert explain("queue", gateway="tencent").trouble is Trouble.unasked


def test_a_code_that_two_gateways_share_is_explained_for_each() -> None:
    found = dict(explanations("isv.AMOUNT_NOT_ENOUGH"))
    assert set(found) == {"aliyun", "aliyun-pnvs"}
    assert found["aliyun"] == found["aliyun-pnvs"]


def blocks() -> list[dict[str, str]]:
    """The settings of each shell block in the guide."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL):
        words = shlex.split(block, comments=True)
        pairs = [word.split("=", 1) for word in words if word.startswith("DENGLU_")]
        found.append({name.removeprefix("DENGLU_"): value for name, value in pairs})
    return [each for each in found if len(each) > 1]


@pytest.mark.parametrize("number", range(3))
def test_the_settings_of_the_guide_start_a_server(tmp_path: Path, number: int) -> None:
    block = blocks()[number]
    given = {}
    for name, value in block.items():
        if name.endswith("_FILE"):
            (tmp_path / name).write_text("a-secret-as-long-as-it-takes", "utf-8")
        given[name] = str(tmp_path / name) if name.endswith("_FILE") else value
    settings = load(tmp_path, **given)
    assert settings.sms_gateways == (block["SMS_GATEWAYS"],)


def test_the_guide_has_a_block_for_every_provider() -> None:
    assert [each["SMS_GATEWAYS"] for each in blocks()] == ["aliyun", "aliyun-pnvs", "tencent"]
    assert all(f"`{name}`" in GUIDE for name in ("console", "outbox", "aliyun", "http"))
