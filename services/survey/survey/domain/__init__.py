"""The rules of surveys as pure functions of values."""
