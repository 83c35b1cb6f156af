"""The rules of scoring as pure functions of values: no IO, no clock, no randomness; moments come in as arguments.

calendar      days and months in the portfolio's zone, business days, daily closings
document      reading of nested mappings with errors that say where
scorecard     Scorecard and parse_scorecard
measures      Measurement, Features: what is known of an account at a moment
score         score(features, card, stage, override) -> Score
verdict       Verdict and judge: band, dwell, what is published
explanation   explain: the change between two scores, split into data, configuration and override
"""
