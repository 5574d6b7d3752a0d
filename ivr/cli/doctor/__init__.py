"""`ivr doctor`: checks of host, clock, ports, certificates, NAT, lines, speech, and a loop call."""

from ivr.cli.doctor.command import command

__all__ = ["command"]
