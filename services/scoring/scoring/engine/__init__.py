"""Facts of accounts and how events become facts: the reference form, one event at a time.

    register   a register whose fields are last-writer by (time, source, id), with the history of their values
    facts      Facts: one slow part and one part per month
    fold       fold(facts, event, card, zone) -> Folded; months_touched(event, zone)
    features   features(facts, at, card, zone, stopped) -> Features; assess(...) -> Score; months_needed
    profile    the account as health.changed and the list of accounts show it
    feeds      the feeds that stopped, folded from control records
    retention  forgotten, oldest_month: what goes after 400 days
    codec      facts to bytes and back; canonical(facts) for equality and audits

Order of arrival is free: any order of the same events gives equal facts (`canonical`). Two exceptions: account.erased
acts in the log's order, and the two smallest persons of a feature and day may hold two ids that are one person
after a merge. Counts add up, so the caller must have dropped duplicates by (source, id).
"""
