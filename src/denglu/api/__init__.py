"""The wire: HTTP in, envelopes out. What a person may do is decided in `flows`."""
