"""Settings of a deployment: where it stores, what it speaks, which groups it knows."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, SecretStr

from denglu.domain.groups import Group
from denglu.settings import readers
from denglu.settings.about import About, Section, between, kind
from denglu.settings.values import Located, Lower, Number, Switch, Whole, each

_DAY = 86400


class Deployment(Section):
    """The deployment."""

    database_url: Annotated[
        str,
        PlainValidator(readers.database_url),
        kind(
            "sqlite:///path.db, postgresql://user:password@host:5432/database, mysql://…",
            "SQLite needs no other service; PostgreSQL or MySQL take many processes. Characters "
            "such as @ / ? # % in a password are written as %40 %2F %3F %23 %25",
            filed=True,
            show=readers.masked_url,
        ),
    ] = Field(default="sqlite:///denglu.db", repr=False)
    redis_url: Annotated[
        str | None,
        PlainValidator(readers.redis_url),
        kind(
            "redis://host:6379/0",
            "optional: makes revocation faster and request limits common to all processes; the "
            "database is the authority for every limit that guards money or accounts",
            filed=True,
            show=readers.masked_url,
        ),
    ] = Field(default=None, repr=False)
    secret_key: Annotated[
        SecretStr | None,
        About(
            why="tokens and codes are derived from it; who knows it and has the database can log "
            "in as anybody. On loopback one is made and kept beside an SQLite file; processes on "
            "PostgreSQL or MySQL share one that is set",
            allowed="32 … 1024 bytes",
            low=32,
            high=1024,
            measure=lambda key: len(key.get_secret_value().encode()),
            filed=True,
            secret=True,
        ),
    ] = None
    wire: Annotated[
        Literal["document", "rageframe"],
        kind(
            "document, rageframe",
            "document answers as the API document says; rageframe as the original server does, "
            "for apps in the field",
        ),
    ] = "document"
    http_status: Annotated[
        Literal["envelope", "real"],
        kind(
            "envelope, real",
            "envelope answers 200 with the code in the body, as the document says; real puts "
            "the code into the status line too",
        ),
    ] = "envelope"
    mounts: Annotated[
        tuple[str, ...],
        each(readers.mount, most=16),
        kind(
            "path prefixes such as /api,/api/tiny-shop",
            "apps reach the API under old paths",
            rageframe=("/api", "/api/tiny-shop", "/tiny-shop"),
        ),
    ] = ()
    groups: Annotated[
        tuple[Group, ...],
        PlainValidator(readers.groups),
        kind(
            "name:label:sessions,… or tables [groups.name]",
            "groups beside the 13, and how many live sessions each allows; also for existing ones",
        ),
    ] = ()
    group_aliases: Annotated[
        Mapping[str, str],
        PlainValidator(readers.aliases),
        kind(
            "alias:name,… or the table [group_aliases]",
            "more names that apps in the field send for a group (rageframe only)",
        ),
    ] = Field(default_factory=dict)
    plugins: Annotated[
        tuple[str, ...],
        each(readers.plugin),
        kind(
            "names that `denglu plugin list` shows",
            "what is added to denglu (plugins.md), in this order; merchant comes with it",
        ),
    ] = ()
    docs_enabled: Annotated[
        Switch, kind("true, false", "the API page at /docs; switch it off where it is not wanted")
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Lower,
        kind("debug, info, warning, error", "no level ever logs a secret"),
    ] = "info"
    test_clock_file: Annotated[
        Located,
        kind(
            "a path; only on loopback",
            "tests only: the file holds seconds that are added to the clock",
        ),
    ] = None


class Storage(Section):
    """How the store behaves, and how long it remembers."""

    sqlite_busy_timeout: Annotated[
        Whole, between(1, 10, "a locked database is answered with busy, not with silence", unit="s")
    ] = 2
    database_pool: Annotated[
        Whole,
        between(1, 200, "connections to PostgreSQL or MySQL per process, at the most"),
    ] = 10
    database_connect_timeout: Annotated[
        Number, between(0.5, 10, "a database that does not let us in is down", unit="s")
    ] = 2.0
    database_statement_timeout: Annotated[
        Number,
        between(0.5, 30, "for all that one transaction does; then it is answered busy", unit="s"),
    ] = 3.0
    database_pool_timeout: Annotated[
        Number, between(0.1, 10, "for a connection of the pool to come free", unit="s")
    ] = 2.0
    session_cache: Annotated[
        Number,
        between(
            0,
            0.25,
            "how long a process may use a look-up of a token; a token revoked elsewhere is "
            "refused within 300 ms. SQLite always looks at what was committed",
            unit="s",
        ),
    ] = 0.25
    retention_codes: Annotated[
        Whole, between(3600, _DAY, "codes are deleted at most 24 hours after they expire", unit="s")
    ] = _DAY
    retention_sessions: Annotated[
        Whole,
        between(
            _DAY,
            365 * _DAY,
            "how long after its end a session can still say why it ended",
            unit="s",
        ),
    ] = 30 * _DAY
    retention_audit: Annotated[
        Whole,
        between(
            180 * _DAY, 3650 * _DAY, "CSL article 21 asks to keep logs for six months", unit="s"
        ),
    ] = 180 * _DAY
    retention_messages: Annotated[
        Whole,
        between(
            _DAY,
            3650 * _DAY,
            "how long the row of a message is kept: what was sent when, by which gateway, at what "
            "cost; the number in it only masked and as a keyed digest",
            unit="s",
        ),
    ] = 180 * _DAY
    cancel_cooling_off: Annotated[
        Whole,
        between(
            0,
            15 * _DAY,
            "between a member's request for deletion and the deletion, withdrawable so long; "
            "rules in China ask for it within 15 working days. 0: at once",
            unit="s",
        ),
    ] = 7 * _DAY
    backup_folder: Annotated[
        Located,
        kind(
            "a folder",
            "where the server backs its SQLite file up every night; best on another disk",
        ),
    ] = None
    backup_keep: Annotated[
        Whole, between(1, 1000, "how many nightly backups stay; a week of them")
    ] = 7
