"""What happens, told to other systems: events are signed, kept until they are delivered, and sent again."""

from ivr.webhooks.signing import SIGNATURE_HEADER, TOLERANCE, sign, verify

__all__ = ["SIGNATURE_HEADER", "TOLERANCE", "sign", "verify"]
