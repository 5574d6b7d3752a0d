"""`ivr phone`: a softphone in the terminal."""

from ivr.cli.phone.command import command

__all__ = ["command"]
