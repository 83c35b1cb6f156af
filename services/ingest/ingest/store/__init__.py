"""The only SQL of ingest: identity (and what waits), straggling (what waits in vain), clock (hours, feeds), reading
(texts, people, quarantine), erasing (people, those of an account, waiting events).
"""
