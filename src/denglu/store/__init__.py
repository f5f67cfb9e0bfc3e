"""Tables, statements and drivers. Fulfils the storage Protocols of ``flows.ports``."""
