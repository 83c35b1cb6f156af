"""Keeps every account's health live and explained.

Topics in: cs.customer-events (group `scoring`), cs.playbook-events (group `scoring-timeline`). Topics out:
cs.health-events by the outbox; cs.customer-events for what people do over the API (notes, touches, overrides, owners,
erasures), straight to the log, and for scorecard.applied and rates.changed, by the outbox.

Tables: account_months and account_slow (facts), live (the health of every account now), history (published changes
and daily closings), partitions (the hour, the feeds, the scorecards and the rates that control records named),
scorecards and scorecard_applications (versions, and what was put in force), erased_accounts, portfolio_books and
portfolio_tickets (what metrics read), exchange_rate_changes, and the plumbing that every service has.

    service      build(platform): the composition root
    settings     what is taken from the common settings
    api          accounts, health, history, acts, overrides, the watch list, scorecards over HTTP
    acts         what people do to an account onto the log, and the wait until it is folded
    timeline     cs.playbook-events -> entries of timelines
    handlers     cs.customer-events -> scores, history, health.changed; batch: what becomes of the accounts of a batch
    counting     usage that was read by columns -> months of usage by account
    memory       accounts at hand between batches
    views        rows as the models of the API
    encoding     live rows as the bytes of their models; exporting: as lines; summaries: kept while a row stays as it is
    weekly       the scores of a week ago that lists compare with
    segmenting   conditions over the live accounts, the daily ranks, counts
    streaming    what a client of the stream selects
    explaining   explanations and timelines as the models of the API
    publishing   an evaluation as health.changed
    planning     where a batch is cut, which hours pass, under which control records
    account      an account, and what events and hours make of it
    store        the only SQL, with tables
    portfolio    metrics of all accounts together, of books that the fold keeps beside the facts
    backtest     what the score would have told of the past, beside recency and volume
    archive      every record of cs.customer-events in Parquet files (group `scoring-archive`)
    rebuilding   everything folded again from archive and log, compared, swapped in
    scorecards   the built-in scorecards as YAML
    documents    a text that somebody wrote -> a scorecard; expressions: the CEL in it
    catalogue    the versions that a process knows, and the rules under those in force
    applying     versions stored, put in force, rolled back; comparing: what one would change
    rates        exchange rates: set by people, known to the fold by version
    domain       scorecards, scores, verdicts: pure functions of values
    engine       facts and how events become facts: nobody outside knows how they lie in memory
"""
