"""playbook: turns what befalls an account into tasks for people and webhooks for machines.

Topics in: cs.health-events (live health of accounts), cs.customer-events (triggers, exits, erasures).
Topics out: cs.playbook-events (run.*, task.*; effects: webhook.failed).

Tables: definitions (versions of playbooks), accounts (last health, and the lock of the account), runs, tasks, notes,
timers, staff, audit; effects_tables.py has webhook_endpoints and effects.

    service    composition root
    api/       /v1/playbooks /v1/runs /v1/tasks /v1/staff /v1/audit/playbook
    handlers   the two topics, a batch at a time
    timers     what comes due
    effects/   webhooks: endpoints, deliveries, sending
    ledger     accounts with their runs and tasks in one transaction: load, step, save, publish
    catalogue  versions of playbooks, compiled; the shipped library (library/*.yaml)
    outgoing   events and webhook data as values
    definitions  YAML -> a playbook that can be run
    store/ tables  the only SQL
    domain/    pure functions: the language, the two state machines, calendars
"""
