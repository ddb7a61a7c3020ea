"""The index of a scene collection: ingest, store, query."""
