"""Webhooks of other companies' products: checked, read, mapped to events, put in their source's order, taken in."""
