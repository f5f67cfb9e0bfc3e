"""DENGLU_SMS_RECEIPT_KEY and DENGLU_METRICS_KEY: words that no fault and no list shows."""

from pathlib import Path

import pytest

from denglu.settings import Settings
from tests.settings_loading import fault, load

NAMES = ("SMS_RECEIPT_KEY", "METRICS_KEY")
WORD = "canary-0123456789_~."


def read(settings: Settings, name: str) -> str | None:
    key = getattr(settings, name.lower())
    return None if key is None else str(key.get_secret_value())


@pytest.mark.parametrize("name", NAMES)
def test_a_word_is_taken_from_a_variable_or_a_file(tmp_path: Path, name: str) -> None:
    assert read(load(tmp_path), name) is None
    settings = load(tmp_path, **{name: f" {WORD} "})
    assert read(settings, name) == WORD
    (tmp_path / "key").write_text(WORD + "\n")
    assert read(load(tmp_path, **{f"{name}_FILE": "key"}), name) == WORD
    (shown,) = [each for each in settings.effective() if each.variable == f"DENGLU_{name}"]
    assert shown.value == "(hidden)"
    assert WORD not in repr(settings)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "word", [WORD[:15], "x" * 257, f"{WORD}/x", f"{WORD} x", f"{WORD}ö", f"{WORD}%20", f"{WORD}?"]
)
def test_what_could_not_stand_in_a_path_is_refused_and_not_shown(
    tmp_path: Path, name: str, word: str
) -> None:
    line = fault(tmp_path, **{name: word})
    assert line.startswith(f"DENGLU_{name}=(hidden) (from the environment): allowed: 16 … 256 ")
    assert "0123456789" not in line
