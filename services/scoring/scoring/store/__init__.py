"""The only SQL of scoring.

folding   what a batch loads and writes, in bulk
reading   what the API shows
listing   live rows as lists, segments and exports show them
scorecards versions, what was put in force, how far the partitions are
timeline  entries that are made of no facts; overrides: whose they are; watching: who is watched
segments  segments that people made, activity and ranks
"""
