"""What is wrong with a plugin, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager


class PluginFault(Exception):
    """A plugin cannot be used. The text is one line."""

    def __init__(self, name: str, cause: object) -> None:
        said = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else cause
        self.name = name
        self.cause = "".join(c if c.isprintable() else "?" for c in " ".join(str(said).split()))
        super().__init__(f"plugin {name}: {self.cause}")


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Whatever is raised within is the fault of a plugin."""
    try:
        yield
    except (PluginFault, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginFault(name, error) from error
