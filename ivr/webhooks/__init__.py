"""What happens, told to other systems: signed, kept until it is delivered, sent again where it was not."""

from ivr.webhooks.courier import Counts, Courier, EndpointState
from ivr.webhooks.hooks import PREFIX, Webhooks
from ivr.webhooks.outbox import Delivery, RetryPolicy
from ivr.webhooks.retrying import Failure, backoff, verdict
from ivr.webhooks.sender import Sender, Signer, Target, signed_with
from ivr.webhooks.signing import SIGNATURE_HEADER, TOLERANCE, sign, verify

__all__ = [
    "PREFIX",
    "SIGNATURE_HEADER",
    "TOLERANCE",
    "Counts",
    "Courier",
    "Delivery",
    "EndpointState",
    "Failure",
    "RetryPolicy",
    "Sender",
    "Signer",
    "Target",
    "Webhooks",
    "backoff",
    "sign",
    "signed_with",
    "verdict",
    "verify",
]
