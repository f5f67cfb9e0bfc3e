"""Private servers for tests: PostgreSQL, MariaDB, Redis, nginx.

How to get one in a test: ask for a fixture (``tests.servers.fixtures``)::

    async def test_a_member_moves_in(postgres_url: str) -> None: ...   # a fresh, empty database
    def test_it_hangs(postgres: PostgresServer) -> None:               # the server itself
        url = postgres.create_database()
        with postgres.paused(): ...

``postgres_url``, ``mysql_url``  a new database, dropped after the test
``postgres``, ``mariadb``, ``redis_server``  the session's server; a test may pause, kill or stop
    it: it is brought back afterwards
``make_nginx``  ``make_nginx("server { listen 127.0.0.1:@PORT@; ... }")``, gone after the test

A server with other options, or one that makes writes durable, is made by hand::

    with PostgresServer("-c", "max_connections=20", durable=True) as server: ...

``Shell(url)`` (``tests.servers.shell``) runs SQL past the store, from any test.

A store on every database: ``ground_of("postgresql").open()`` (``tests.store.grounds``); stories
of the flows take ``world``, ``any_world`` or ``disk_world``. A server process of denglu on every
database: ``any_server`` and ``any_client`` (``tests.battery.conftest``).

Servers start when the first test asks, on free loopback ports with folders of their own, as a
user without rights, and are gone after the session; a guard process sees to that also where the
session is killed. A missing program skips the test and is listed at the end of the run; with
``CI=true`` it is an error. ``scripts/install_servers.sh`` installs them.
"""
