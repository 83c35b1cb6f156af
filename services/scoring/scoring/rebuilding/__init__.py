"""Folding everything again, from the archive and the log: into a shadow, compared, and swapped in.

source      archive, then log, as the log that a runner consumes
shadow      the second database, folded by the runner and the handler that run live
difference  which accounts differ, and by how much
swapping    the shadow's facts and scores become the live ones, in one transaction
job         the worker that does it, step by step, as the rows of store.rebuilds say
"""
