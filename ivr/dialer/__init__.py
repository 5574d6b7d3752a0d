"""Campaigns: whom to call, when, and how fast; and who must not be called."""

from __future__ import annotations

from ivr.dialer.blocklist import BlockList
from ivr.dialer.dialler import Dialler
from ivr.dialer.loading import ENCODINGS, MAX_AUDIENCE_BYTES, Result, read_file
from ivr.dialer.office import CampaignError, CampaignOffice, Wish
from ivr.dialer.rules.audience import AudienceError, BadRow, Contact, read_records
from ivr.dialer.rules.options import CampaignOptions, read_options

__all__ = [
    "ENCODINGS",
    "MAX_AUDIENCE_BYTES",
    "AudienceError",
    "BadRow",
    "BlockList",
    "CampaignError",
    "CampaignOffice",
    "CampaignOptions",
    "Contact",
    "Dialler",
    "Result",
    "Wish",
    "read_file",
    "read_options",
    "read_records",
]
