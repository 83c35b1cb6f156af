"""Benchmarks: `make bench`. Absolute figures are this machine's; trust the ratios within one run."""
