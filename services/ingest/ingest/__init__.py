"""Takes in what happens at customers over HTTP, ties it to accounts and people, and puts it on the log.

Topics in: none. Topics out: cs.customer-events: clients' events straight to the log, answered after its ack; releases,
merges, feed records and the hourly ticks by the outbox.

Tables: users and people (who a client's user id is, and in which account), memberships (which accounts know a person),
settled (where the events of requests with a move or a merge went), waiting (events of people whose account is not known
yet), texts, imports (how far each file is), hours (the next tick of each partition), feeds (those that stopped),
feed_hours (when events of which family came in), tails (the last items of each source), and the plumbing that every
service has. deployment keeps the key of the hashed event ids.

    service    build(platform): the composition root
    api        routes for people and services: texts, people (export, erasure, also of an account's), quarantine
    hot        the routes that clients stream to (Segment, PostHog, CloudEvents, our own), plain Starlette routes
    documented the same routes in the OpenAPI document, with examples
    bodies     the outer form of a request, taken apart into items
    webhooks   POST /v1/webhooks/{source}: checked, read, mapped (mappings/*.yaml), put in order, taken in
    sources    what is told of a source, in memory; source_routes: /v1/sources
    imports    /v1/imports: rows of CSV and Excel files, slice by slice; also reads the files, for the command
    flow       how much is taken on at once, and what is said when the log stands still
    cors       what lets pages of other origins send events
    intake     one batch: map, place, append, answer
    tails      the last items of each source, written now and then; tail_routes: who reads them
    watch      the worker that declares a family of events a dead feed
    ticks      the worker that appends clock.ticked
    sweep      the worker that releases what waits in vain
    feeds      which families of events stand still, as this process knows it
    cache      who users are, in memory; lookups: who they are, by one question for many requests
    store      the only SQL, with tables
    domain     mapping (long, quick, by columns), times, properties, identity, hours, watch: pure functions
"""
