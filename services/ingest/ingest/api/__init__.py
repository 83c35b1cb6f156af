"""Routes for people and other services: texts, people (directory, export, erasure) and the events that wait."""
