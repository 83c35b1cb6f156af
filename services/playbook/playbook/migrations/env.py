"""Alembic's way into the migrations of playbook."""

from cskit.migrate import run_env

run_env()
