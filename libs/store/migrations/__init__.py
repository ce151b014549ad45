"""The schema's history, run by Alembic: `caudal migrate`."""
