"""What all tests share: the servers that ``tests.servers`` starts, and stores on them."""

pytest_plugins = ["tests.servers.fixtures", "tests.store.grounds"]
