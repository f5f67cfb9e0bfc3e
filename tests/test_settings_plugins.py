"""Settings of plugins: read, checked and listed like ours."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import SecretStr, model_validator

from denglu.settings import Settings, SettingsError, load_settings
from denglu.settings.about import About, Section, between, kind
from denglu.settings.plugged import Plugged
from denglu.settings.values import Whole


def _length(key: SecretStr) -> float:
    return len(key.get_secret_value())


class Shop(Section):
    """A plugin's section."""

    floor: Annotated[Whole, between(1, 9, "as the lift goes")] = 3
    roof: Annotated[Whole, between(1, 9, "above it is sky")] = 9
    key: Annotated[
        SecretStr | None,
        About(
            why="opens",
            allowed="4 … 99 characters",
            low=4,
            measure=_length,
            filed=True,
            secret=True,
        ),
    ] = None

    @model_validator(mode="after")
    def _in_order(self) -> "Shop":
        if self.floor > self.roof:
            raise ValueError("the floor is above the roof")
        return self


class Strict(Section):
    """One that must be set."""

    word: Annotated[str, kind("a word", "needed")]


def load(tmp_path: Path, **variables: str) -> Settings:
    """With both plugins, if they are named."""
    known: dict[str, type[Section]] = {"my-shop": Shop, "strict": Strict}
    environ = {f"DENGLU_{name}": text for name, text in variables.items()}
    return load_settings(
        environ, tmp_path, lambda names: Plugged({n: known[n] for n in names if n in known})
    )


def fault(tmp_path: Path, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **variables)
    (line,) = caught.value.faults
    return line


def test_they_come_from_variables_and_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text('plugins = ["my-shop"]\nmy_shop_floor = 2\n', "utf-8")
    settings = load(tmp_path, MY_SHOP_ROOF="5")
    own = settings.of_plugin("my-shop")
    assert isinstance(own, Shop)
    assert (own.floor, own.roof, own.key) == (2, 5, None)
    listed = {each.variable: (each.value, each.source) for each in settings.effective()}
    assert listed["DENGLU_MY_SHOP_FLOOR"] == ("2", "denglu.toml")
    assert listed["DENGLU_MY_SHOP_ROOF"] == ("5", "the environment")
    assert listed["DENGLU_MY_SHOP_KEY"] == ("", "default")
    assert settings.of_plugin("strict") is None


def test_a_secret_comes_from_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("canary-value\n")
    settings = load(tmp_path, PLUGINS="my-shop", MY_SHOP_KEY_FILE="key")
    own = settings.of_plugin("my-shop")
    assert isinstance(own, Shop)
    assert own.key is not None
    assert own.key.get_secret_value() == "canary-value"
    assert "canary" not in str(settings.effective()) + repr(settings)
    assert {e.value for e in settings.effective() if e.variable.endswith("SHOP_KEY")} == {
        "(hidden)"
    }
    (tmp_path / "key").write_text("can")
    line = fault(tmp_path, PLUGINS="my-shop", MY_SHOP_KEY_FILE="key")
    assert line.startswith("DENGLU_MY_SHOP_KEY=(hidden) (from file key): allowed: 4 … 99")


def test_what_is_wrong_is_one_line_each_beside_ours(tmp_path: Path) -> None:
    assert fault(tmp_path, PLUGINS="my-shop", MY_SHOP_FLOOR="10") == (
        "DENGLU_MY_SHOP_FLOOR=10 (from the environment): allowed: 1 … 9; why: as the lift goes"
    )
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, PLUGINS="my-shop", MY_SHOP_FLOOR="x", ACCESS_TTL="1", MY_SHOP_ROF="3")
    assert len(caught.value.faults) == 3


def test_a_rule_over_several_names_the_plugin(tmp_path: Path) -> None:
    line = fault(tmp_path, PLUGINS="my-shop", MY_SHOP_FLOOR="5", MY_SHOP_ROOF="4")
    assert line == "DENGLU_MY_SHOP_*: the floor is above the roof"


def test_one_that_must_be_set_is_asked_for(tmp_path: Path) -> None:
    line = fault(tmp_path, PLUGINS="strict")
    assert line == "DENGLU_STRICT_WORD: is not set; allowed: a word; why: needed"
    assert load(tmp_path, PLUGINS="strict", STRICT_WORD="x").of_plugin("strict") == Strict(word="x")


def test_those_of_a_plugin_that_is_off_are_unknown(tmp_path: Path) -> None:
    assert "DENGLU_MY_SHOP_FLOOR (from the environment): there is no such setting" in fault(
        tmp_path, MY_SHOP_FLOOR="3"
    )
