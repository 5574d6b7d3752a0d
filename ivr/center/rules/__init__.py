"""Decisions of the contact centre: events and the time in, decisions and the next wake-up out."""
