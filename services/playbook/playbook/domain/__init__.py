"""What a playbook is and does, as pure functions of values: no IO, no clock, no randomness.

document     a YAML document as values with their places, and the mistakes found in it
definition   a document -> a Definition: every rule of the language, every mistake with its line and column
placeholders `{{ account.owner | nobody }}`: a value of the account with a fallback, no logic
calendar     business days by country, due times and reminders by the owner's zone
task         the state machine of a task
run          the state machine of a run: (run, event, now) -> (run, commands)
"""
