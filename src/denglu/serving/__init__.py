"""Everything around the ASGI app while it is served: sockets, bounds, signals, farewell."""
