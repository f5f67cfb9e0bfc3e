"""A desk on which the example of the documentation is installed, and desks with small plugins."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.plugins.packages import files_of_the_page, install, put

_SOURCES = Path(__file__).parents[2] / "src"


def beside(desk: Desk, folder: Path) -> Desk:
    """The desk, whose processes find what is installed in a folder."""
    desk.settings["PYTHONPATH"] = os.pathsep.join((str(_SOURCES), str(folder)))
    return desk


@pytest.fixture(scope="session")
def greet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example of docs/plugins.md is installed."""
    return install(tmp_path_factory.mktemp("greet"), files_of_the_page())


@pytest.fixture
def greeting(greet: Path, tmp_path: Path) -> Desk:
    """A desk with the example, switched on."""
    desk = beside(Desk(tmp_path), greet)
    desk.settings["DENGLU_PLUGINS"] = "greet"
    return desk


@pytest.fixture
def with_plugin(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Callable[..., Desk]:
    """Makes a desk with a plugin of one module, switched on."""

    def make(text: str, name: str = "try") -> Desk:
        desk = beside(Desk(tmp_path), put(tmp_path_factory.mktemp("plugin"), name, text))
        desk.settings["DENGLU_PLUGINS"] = name
        return desk

    return make
