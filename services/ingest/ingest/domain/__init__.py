"""Pure functions of values: no IO, no clock, no randomness. Times, keys and new ids come in as arguments."""
