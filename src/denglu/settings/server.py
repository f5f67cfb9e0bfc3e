"""Settings of the HTTP server: whom it believes, how much and how long it takes."""

from typing import Annotated

from pydantic import PlainValidator, SecretStr

from denglu.settings import readers
from denglu.settings.about import About, Section, between, kind
from denglu.settings.values import MaybeRates, Whole, each


class Server(Section):
    """The network edge."""

    trusted_proxies: Annotated[
        tuple[readers.Network, ...],
        each(readers.network),
        kind(
            "addresses and networks, such as 127.0.0.1,10.0.0.0/8; not everybody",
            "only their X-Forwarded-For is believed",
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...],
        each(readers.origin, most=200),
        kind(
            "origins such as https://shop.example; * only in the rageframe profile",
            "browsers elsewhere may not read answers; loopback origins may where the server is "
            "bound to loopback; never credentials",
            rageframe=("*",),
        ),
    ] = ()
    request_rates: Annotated[
        MaybeRates,
        About(
            why="API requests of an address (IPv6: of a /64) of whatever kind, health checks not "
            "counted; counted roughly and in memory, by each process for itself, or by all "
            "together where there is a Redis. Many people share an address. Empty: no limit; "
            "what guards money and accounts has limits of its own",
            allowed="rates such as 600/1m,20000/24h, each of 10 … 1000000; or empty",
            low=10,
            high=1_000_000,
            # The first rate that is out of bounds, if there is one.
            measure=lambda rates: next(
                (rate.count for rate in rates if not 10 <= rate.count <= 1_000_000), 10
            ),
            default_text="none",
        ),
    ] = ()
    introspection_keys: Annotated[
        tuple[readers.NamedSecret, ...] | None,
        PlainValidator(readers.named_secrets),
        About(
            why="opens POST /introspect (RFC 7662) to back-ends that have one of them; not set, "
            "there is no such path. To exchange one, name two for a while",
            allowed="name:secret, or several with a comma or a line each; a secret has 32 … 256 "
            "letters, digits and - . _ ~ (such as `openssl rand -hex 32`)",
            filed=True,
            secret=True,
        ),
    ] = None
    sms_receipt_key: Annotated[
        SecretStr | None,
        PlainValidator(readers.word),
        About(
            why="opens POST /hooks/sms/{gateway}/{key}, where providers tell what became of "
            "messages (operating.md); not set, there is no such path",
            allowed="16 … 256 letters, digits and - . _ ~ (such as `openssl rand -hex 32`)",
            filed=True,
            secret=True,
        ),
    ] = None
    metrics_key: Annotated[
        SecretStr | None,
        PlainValidator(readers.word),
        About(
            why="opens GET /metrics to a Prometheus that has it (Bearer), and counts what it "
            "shows; not set, there is no such path. Needs denglu[metrics]",
            allowed="16 … 256 letters, digits and - . _ ~ (such as `openssl rand -hex 32`)",
            filed=True,
            secret=True,
        ),
    ] = None
    body_limit: Annotated[
        Whole,
        between(4096, 65536, "bodies are flat and small; more is refused unread", unit="bytes"),
    ] = 16384
    body_timeout: Annotated[
        Whole, between(1, 60, "for a body to arrive whole (slowloris)", unit="s")
    ] = 10
    keep_alive: Annotated[
        Whole, between(1, 120, "an idle connection is closed after it", unit="s")
    ] = 15
    shutdown_grace: Annotated[
        Whole, between(1, 120, "for requests in flight when the server is told to stop", unit="s")
    ] = 20
    max_connections: Annotated[
        Whole, between(10, 20_000, "per process; further ones are refused")
    ] = 1000
    backlog: Annotated[Whole, between(16, 65535, "connections that wait to be accepted")] = 1024
