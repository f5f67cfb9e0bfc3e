"""DENGLU_INTROSPECTION_KEYS: named secrets, of which no fault and no list shows anything."""

from pathlib import Path

import pytest

from denglu.settings import Settings
from denglu.settings.model import shown
from tests.settings_loading import fault, load

SECRET, OTHER = "canary-0123456789abcdef0123456789", "Canary.second_~" * 3


def read(folder: Path, text: str) -> list[tuple[str, str]]:
    keys = load(folder, INTROSPECTION_KEYS=text).introspection_keys
    return [(key.name, key.secret.get_secret_value()) for key in keys or ()]


def test_none_are_set_and_none_is_no_list(tmp_path: Path) -> None:
    assert load(tmp_path).introspection_keys is None
    assert load(tmp_path, INTROSPECTION_KEYS="  ").introspection_keys is None


@pytest.mark.parametrize("between", [",", " , ", "\n", "\r\n", ",\n", "\n\n"])
def test_several_stand_with_commas_or_on_lines(tmp_path: Path, between: str) -> None:
    text = f"shop:{SECRET}{between}shop:{OTHER}{between}wiki_2:{SECRET}"
    expected = [("shop", SECRET), ("shop", OTHER), ("wiki_2", SECRET)]
    assert read(tmp_path, text) == expected
    (tmp_path / "keys").write_text(text + "\n")
    keys = load(tmp_path, INTROSPECTION_KEYS_FILE="keys").introspection_keys
    assert keys is not None
    assert [key.name for key in keys] == ["shop", "shop", "wiki_2"]


def test_a_file_of_settings_may_hold_a_list(tmp_path: Path) -> None:
    (tmp_path / "denglu.toml").write_text(f'introspection_keys = ["shop:{SECRET}"]\n')
    keys = load(tmp_path).introspection_keys
    assert keys is not None
    again = Settings(introspection_keys=keys)
    assert again.introspection_keys == keys
    assert SECRET not in repr(again) + str(keys)


@pytest.mark.parametrize(
    "text",
    [
        SECRET, f":{SECRET}", f"shop {SECRET}", "shop:", f"shop:{SECRET[:31]}", f"shop:{SECRET} x",
        f"shop:{'x' * 257}", f"{'n' * 33}:{SECRET}", f"shöp:{SECRET}", f"shop:{SECRET}ö",
        f"shop:{SECRET}:", f"shop:{SECRET}+/=", f"shop:{SECRET},wiki", f"shop:{SECRET}\tx",
        ",".join(f"n{number}:{SECRET}" for number in range(33)),
    ],
)  # fmt: skip
def test_what_is_no_named_secret_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    line = fault(tmp_path, INTROSPECTION_KEYS=text)
    assert line.startswith("DENGLU_INTROSPECTION_KEYS=(hidden) (from the environment): allowed: ")
    assert "openssl rand -hex 32" in line
    assert "0123456789" not in line


def test_it_is_shown_as_hidden(tmp_path: Path) -> None:
    settings = load(tmp_path, INTROSPECTION_KEYS=f"shop:{SECRET}")
    assert shown("introspection_keys", settings.introspection_keys) == "(hidden)"
    assert shown("introspection_keys", None) == ""
    assert SECRET not in repr(settings) + str(settings.effective())
