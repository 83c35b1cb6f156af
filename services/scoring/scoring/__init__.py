"""Keeps every account's health live and explained.

Topics in: cs.customer-events (group `scoring`). Topics out: cs.health-events by the outbox; cs.customer-events for what
people do over the API (override.set, override.ended), straight to the log.

Tables: account_months and account_slow (facts), live (the health of every account now), history (published changes and
daily closings), partitions (the hour, the feeds and the scorecard that control records named), scorecards,
erased_accounts, and the plumbing that every service has.

    service      build(platform): the composition root
    settings     what is taken from the common settings
    api          accounts, health, history, overrides, scorecards over HTTP
    overrides    a person's override onto the log, and the wait until it is folded
    handlers     cs.customer-events -> scores, history, health.changed
    memory       accounts at hand between batches
    views        rows as the models of the API
    explaining   explanations and timelines as the models of the API
    publishing   an evaluation as health.changed
    planning     where a batch is cut, which hours pass, under which control records
    account      an account, and what events and hours make of it
    store        the only SQL, with tables
    scorecards   the built-in scorecards as YAML
    domain       scorecards, scores, verdicts: pure functions of values
    engine       facts and how events become facts: nobody outside knows how they lie in memory
"""
