"""Calls handed over to machines: AI agents and voice applications."""
