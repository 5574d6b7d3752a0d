"""Alembic's folder: `env.py` runs what stands in `versions`, one file for each change of the schema."""
