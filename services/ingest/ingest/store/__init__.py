"""The only SQL of ingest: identity (and what waits), clock (hours, feeds), reading (texts, people, quarantine)."""
