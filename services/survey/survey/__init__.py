"""Asks people and puts their answers on the log. Thin for now: NPS only, no reminders, no schedules.

The map:

    topics in   cs.customer-events (group survey): person.erased, contact.merged, account.erased
    topics out  cs.customer-events: survey.answered, by the outbox
    tables      surveys, invitations, people (ids that were merged or erased), responses, texts (the
                comments), and the plumbing

    service     build: the composition root
    api         /v1/surveys, for programs; importing: answers that were given elsewhere
    pages       /s/{token}, for the people asked; rendering and words: what these pages look like and say
    handlers    what other services' events change here
    answers     recording an answer: load, decide, save, publish
    store       the only SQL, with tables
    domain/     links, answering and its 24 hours, NPS and its margin, languages, erasures and merges
"""
