"""Passwords, tokens and keyed digests: fulfils the Protocols of `flows.ports` that hold secrets."""
