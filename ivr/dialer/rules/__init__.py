"""Decisions of the dialler, without clock, store or network: when the next call goes, who is in an audience, how many
contacts are taken up."""
