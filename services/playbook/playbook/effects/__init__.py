"""Webhooks out: signed, at least once, one webhook-id and one body over all attempts and replays.

    queue      what runs and tasks enqueue, in their transaction
    worker     takes what is due by lease, sends it, writes down how it went
    verdict    pure: what an answer means for the effect and for its endpoint
    api        /v1/webhook-endpoints, their deliveries and replays
    endpoint   an endpoint and its secrets as values
    store/     the only SQL: endpoints, effects (with their deliveries)

An effect is held, not lost, while its endpoint does not exist or is disabled: it is taken as soon as that changes.
"""
