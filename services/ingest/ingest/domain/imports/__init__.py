"""Rows of files as events: which column is which field, how values are written, what a row says. Pure."""
