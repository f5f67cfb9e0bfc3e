"""Runs the migration scripts with Alembic, on a connection that somebody else opened."""

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from denglu.store.migrate.branches import Branch
from denglu.store.migrate.revisions import WrongSchema


def upgrade(
    connection: Connection, revision: str = "head", *, branch: Branch | None = None
) -> None:
    """Run every script that is due, of ours or of a plugin, up to a revision. Raises
    SQLAlchemyError, and WrongSchema for a plugin's that cannot be run.
    """
    with as_file(files("denglu.store") / "migrations") as scripts:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        if branch is None:
            command.upgrade(config, revision)
        else:
            _upgrade_branch(config, branch, revision)


def _upgrade_branch(config: Config, branch: Branch, revision: str) -> None:
    config.set_main_option("version_locations", str(branch.folder).replace("%", "%%"))
    config.attributes["version_table"] = branch.version_table
    try:
        heads = ScriptDirectory.from_config(config).get_heads()
        if heads != [branch.head]:
            said = f"scripts up to {branch.head} are there, their last revision is {heads}"
            raise WrongSchema(f"plugin {branch.plugin}: cannot be migrated: {said}")
        command.upgrade(config, revision)
    except (SQLAlchemyError, WrongSchema):
        raise
    except (Exception, SystemExit) as error:  # of a script, which is somebody else's
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise WrongSchema(f"plugin {branch.plugin}: cannot be migrated: {said}") from error
