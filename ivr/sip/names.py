"""Header names and status codes: the canonical spelling, the compact forms, what may stand once only."""

from __future__ import annotations

from typing import Final

__all__ = ["KNOWN_NAMES", "METHODS", "REASONS", "SINGLE", "canonical_name"]

METHODS: Final = frozenset(
    (
        *("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK"),
        *("SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "REFER", "MESSAGE", "UPDATE"),
    )
)
"""Methods of the IANA registry: recognised without a look at their characters."""

# Names whose canonical spelling is not what str.title() gives.
_IRREGULAR: Final = ("Call-ID", "CSeq", "MIME-Version", "WWW-Authenticate", "RAck", "RSeq", "SIP-ETag", "SIP-If-Match")

_REGULAR: Final = (
    *("Via", "From", "To", "Contact", "Route", "Record-Route", "Max-Forwards", "Content-Type", "Content-Length"),
    *("Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events", "Authorization"),
    *("Authentication-Info", "Call-Info", "Content-Disposition", "Content-Encoding", "Content-Language", "Date"),
    *("Diversion", "Error-Info", "Event", "Expires", "Geolocation", "History-Info", "Identity", "In-Reply-To", "Join"),
    *("Min-Expires", "Min-Se", "Organization", "P-Access-Network-Info", "P-Asserted-Identity", "P-Called-Party-Id"),
    *("P-Charging-Vector", "P-Early-Media", "P-Preferred-Identity", "Path", "Priority", "Privacy"),
    *("Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "Reason", "Recv-Info", "Info-Package"),
    *("Refer-Sub", "Refer-To", "Referred-By", "Reject-Contact", "Accept-Contact", "Remote-Party-Id", "Replaces"),
    *("Reply-To", "Request-Disposition", "Require", "Retry-After", "Server", "Service-Route", "Session-Expires"),
    *("Subject", "Subscription-State", "Supported", "Target-Dialog", "Timestamp", "Unsupported", "User-Agent"),
    *("User-To-User", "Warning", "Target-Dialog"),
)

_COMPACT: Final = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""RFC 3261 §7.3.3 and the registry: one letter, either case."""

_LOWER: Final = {**{name.lower(): name for name in (*_IRREGULAR, *_REGULAR)}, **_COMPACT}

KNOWN_NAMES: Final[dict[str, str]] = {
    spelling: name
    for lower, name in _LOWER.items()
    for spelling in (lower, lower.title(), lower.upper(), name, name.replace("-Id", "-ID").replace("-Se", "-SE"))
    if len(lower) > 1 or len(spelling) == 1
}
"""As written on the wire → canonical. Holds the spellings that are seen; others pay for `canonical_name`."""

SINGLE: Final = frozenset(
    (
        *("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Expires"),
        *("Min-Expires", "Refer-To", "Referred-By", "Replaces", "Session-Expires", "Min-Se", "RAck", "RSeq", "Event"),
    )
)
"""Headers of which a second one makes the message ambiguous: two readers could take different ones (smuggling)."""


def canonical_name(name: str) -> str:
    """The one spelling under which a header is kept: `i`, `CALL-ID` → `Call-ID`; an unknown `x-FOO` → `X-Foo`."""
    known = KNOWN_NAMES.get(name)
    if known is not None:
        return known
    lower = name.lower()
    return _LOWER.get(lower) or lower.title()


REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    433: "Anonymity Disallowed",
    469: "Bad Info Package",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""Default reason phrases (RFC 3261 §21 and the registry)."""
