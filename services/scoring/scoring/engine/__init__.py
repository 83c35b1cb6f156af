"""Facts of accounts and how events become facts: the reference form, one event at a time.

    register   a register whose fields are last-writer by (time, source, id), with the history of their values
    facts      Facts: one slow part and one part per month
    fold       fold(facts, event, card, zone) -> Folded, and fold_all, which is the same for many; months_touched
    slow       fold_slow: the same for what is not counted by day
    months     a batch's usage of a month, counted in one go
    packed     people and names of a month as bytes, read where a measure asks
    features   features(facts, at, card, zone, stopped) -> Features; assess(...) -> Score; months_needed
    moment     Moment: what measures share of an account at a moment, read from people, tickets, contracts, sponsors
    still      Lull, Still: what slow facts say, read once for as long as it stays the same; kept: where that is
    past       Past: usage of the months before that of a day, added up once
    measuring  what each kind of measure measures
    stages     stage_at, mix_at, began_at, onboarding_at, renewal_ahead: where an account stands, from facts alone
    progress   progress: how far it has come in its stage, and what comes next; milestones: when they were reached
    values     feature_values: what expressions of a scorecard see
    profile    the account as health.changed and the list of accounts show it
    described  the account as conditions see it; names: the names of usage that are used most
    weeks      whole weeks of usage and what they tell; outcomes: what became of accounts and of their overrides
    booking    what the portfolio's metrics know of an account, as bytes for a row
    feeds      the feeds that stopped, folded from control records
    retention  forgotten, oldest_month: what goes once no moment of the last 400 days can see it
    codec      facts to bytes and back; canonical(facts) for equality and audits

Order of arrival is free: any order of the same events gives equal facts (`canonical`). Two exceptions: account.erased
acts in the log's order, and the two smallest persons of a feature and day may hold two ids that are one person
after a merge. Counts add up, so the caller must have dropped duplicates by (source, id).
"""
