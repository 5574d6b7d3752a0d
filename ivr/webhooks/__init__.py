"""Webhooks: events told to other systems over HTTP, signed, in order for each call, at least once."""
