"""What every service agrees on: events, topics, ids, partitions and the models of the HTTP interfaces.

Pydantic and the standard library only, no IO. The map:

    ids            account, person and staff ids, derived ids, the wire form of a client's event id
    topics         the four topics and what they promise
    partitioning   the partition of a key, as Kafka computes it
    fields         the field types that events and API models share
    envelope       the CloudEvents envelope and its two bases, account events and control records
    customer       cs.customer-events: what clients may send (facts about an account)
    internal       cs.customer-events: what only our own services append
    health         cs.health-events
    playbook       cs.playbook-events
    catalogue      all event types by name, and `parse`
    errors         InvalidEvent
    examples       a valid message of every type, for tests and documents
    api            the models of the HTTP interfaces
    progress       the model of an account's progress, for those interfaces
    schemas        JSON Schemas of the events and the compatibility rule; `python -m csmodels.schemas` writes them
"""
