"""Loading settings as an operator would give them, for the tests of settings."""

from pathlib import Path

import pytest

from denglu.settings import Settings, SettingsError, load_settings


def faults(tmp_path: Path, **variables: str) -> list[str]:
    """The faults of these variables (names without the prefix)."""
    with pytest.raises(SettingsError) as caught:
        load_settings({f"DENGLU_{name}": text for name, text in variables.items()}, tmp_path)
    return caught.value.faults


def fault(tmp_path: Path, **variables: str) -> str:
    """The one fault of these variables, in one line."""
    found = faults(tmp_path, **variables)
    assert len(found) == 1, found
    assert "\n" not in found[0]
    return found[0]


def load(tmp_path: Path, **variables: str) -> Settings:
    """The settings that these variables make."""
    return load_settings({f"DENGLU_{name}": text for name, text in variables.items()}, tmp_path)
