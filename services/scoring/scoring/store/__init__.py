"""The only SQL of scoring.

folding   what a batch loads and writes, in bulk
reading   what the API shows
"""
