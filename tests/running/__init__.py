"""Kizashi's own processes, started as users start them: for end-to-end tests, crash tests and benchmarks."""
