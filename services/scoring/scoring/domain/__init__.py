"""The rules of scoring as pure functions of values: no IO, no clock, no randomness; moments come in as arguments.

calendar      days and months in the portfolio's zone, business days, daily closings
document      reading of nested mappings with errors that say where
scorecard     Scorecard; parsing: parse_scorecard
kinds         the kinds of measures and how their terms are read; terms: the terms of each
precedence    which scorecard counts for an account, of those in force
changes       what is new in a document against another one
measures      Measurement, Features: what is known of an account at a moment
score         score(features, card, stage, override) -> Score
verdict       Verdict and judge: band, dwell, what is published
watch         who is to be looked at though not red: CUSUM of weeks, divergence; watching: its section of a scorecard
grading       how overrides are graded
portfolio     metrics of all accounts together: MRR and its movements, churn, retention, onboarding
lazily        lazy: what of a value is made when it is asked for; steps: work that many do side by side
explanation   explain: the change between two scores, split into data, configuration and override
"""
