"""A self-hosted telephony IVR runtime: real calls, call flows written as YAML graphs.

What a call *means* lives here (SIP, flows, records, the daemon); what it *sounds like* lives in the `media` package
beside it.
"""

from ivr._version import __version__

__all__ = ["__version__"]
