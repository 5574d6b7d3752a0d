"""The four transactions of RFC 3261 §17, with the states and rules of RFC 6026, as literal tables.

Everything that decides what a transaction does stands in the four tables below: (state, input) → (actions, state). A
pair that is absent means that the input is ignored in that state: a late retransmission, a timer that lost a race.

               client                                     server
    INVITE     Figure 5; RFC 6026 §8.4 (Accepted)         Figure 7; RFC 6026 §8.5 (Accepted)
    others     Figure 6                                   Figure 8

A transaction has at most two timers: `retransmit` (A, E, G) and `lifetime` (B, D, F, H, I, J, K, L, M).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

__all__ = ["CLIENT", "INVITE_CLIENT", "INVITE_SERVER", "SERVER", "Action", "Input", "State", "Table"]


class State(IntEnum):
    """Where a transaction stands. An IntEnum, as a key of it hashes at the speed of a number."""

    CALLING = 0
    TRYING = 1
    PROCEEDING = 2
    COMPLETED = 3
    ACCEPTED = 4
    CONFIRMED = 5
    TERMINATED = 6


class Input(IntEnum):
    """What happens to a transaction."""

    R1XX = 0
    R2XX = 1
    R3_6XX = 2
    REQUEST = 3
    """The request again."""
    ACK = 4
    SEND_1XX = 5
    SEND_2XX = 6
    SEND_3_6XX = 7
    RETRANSMIT = 8
    """Timers A, E, G."""
    EXPIRE = 9
    """Timers B, D, F, H, I, J, K, L, M."""
    TRANSPORT_ERROR = 10


class Action(IntEnum):
    """What a transaction does. In the order written."""

    SEND = 0
    """Send the response given, and keep it."""
    RESEND = 1
    """Send what was sent last."""
    SEND_ACK = 2
    """Acknowledge the response from 300 on (§17.1.1.3)."""
    PASS = 3
    """Hand the response to the user."""
    TIMEOUT = 4
    """Tell the user that no response came in time."""
    FAIL = 5
    """Tell the user that it could not be sent."""
    DOUBLE = 6
    """Arm the retransmission at twice the interval (A)."""
    DOUBLE_TO_T2 = 7
    """Arm the retransmission at twice the interval, at most T2 (E in Trying, G)."""
    AT_T2 = 8
    """Arm the retransmission at T2 (E in Proceeding)."""
    START_G = 9
    """Arm the retransmission of a final response at T1; not on reliable transports."""
    HOLD = 10
    """No retransmission any more; live 64*T1 for what comes late (H, L, M)."""
    HOLD_UNLESS_RELIABLE = 11
    """The same, zero on reliable transports (D, J)."""
    LINGER = 12
    """No retransmission any more; live T4, zero on reliable transports (I, K)."""
    STOP = 13
    """No retransmission any more."""


Table = Mapping[tuple[State, Input], tuple[tuple[Action, ...], State]]

_A, _S, _I = Action, State, Input

INVITE_CLIENT: Final[Table] = {
    (_S.CALLING, _I.RETRANSMIT): ((_A.RESEND, _A.DOUBLE), _S.CALLING),
    (_S.CALLING, _I.EXPIRE): ((_A.TIMEOUT,), _S.TERMINATED),
    (_S.CALLING, _I.R1XX): ((_A.STOP, _A.PASS), _S.PROCEEDING),
    (_S.CALLING, _I.R2XX): ((_A.HOLD, _A.PASS), _S.ACCEPTED),
    (_S.CALLING, _I.R3_6XX): ((_A.HOLD_UNLESS_RELIABLE, _A.SEND_ACK, _A.PASS), _S.COMPLETED),
    (_S.CALLING, _I.TRANSPORT_ERROR): ((_A.FAIL,), _S.TERMINATED),
    (_S.PROCEEDING, _I.R1XX): ((_A.PASS,), _S.PROCEEDING),
    (_S.PROCEEDING, _I.R2XX): ((_A.HOLD, _A.PASS), _S.ACCEPTED),
    (_S.PROCEEDING, _I.R3_6XX): ((_A.HOLD_UNLESS_RELIABLE, _A.SEND_ACK, _A.PASS), _S.COMPLETED),
    (_S.PROCEEDING, _I.EXPIRE): ((_A.TIMEOUT,), _S.TERMINATED),
    (_S.COMPLETED, _I.R3_6XX): ((_A.SEND_ACK,), _S.COMPLETED),
    (_S.COMPLETED, _I.EXPIRE): ((), _S.TERMINATED),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): ((), _S.TERMINATED),
    (_S.ACCEPTED, _I.R2XX): ((_A.PASS,), _S.ACCEPTED),
    (_S.ACCEPTED, _I.EXPIRE): ((), _S.TERMINATED),
}
"""Figure 5 and RFC 6026 Figure 7 (§8.4). Timer B ends with the first response; in Proceeding the lifetime is armed only
by a CANCEL that nobody answers (§9.1)."""

CLIENT: Final[Table] = {
    (_S.TRYING, _I.RETRANSMIT): ((_A.RESEND, _A.DOUBLE_TO_T2), _S.TRYING),
    (_S.TRYING, _I.EXPIRE): ((_A.TIMEOUT,), _S.TERMINATED),
    (_S.TRYING, _I.TRANSPORT_ERROR): ((_A.FAIL,), _S.TERMINATED),
    (_S.TRYING, _I.R1XX): ((_A.PASS,), _S.PROCEEDING),
    (_S.TRYING, _I.R2XX): ((_A.LINGER, _A.PASS), _S.COMPLETED),
    (_S.TRYING, _I.R3_6XX): ((_A.LINGER, _A.PASS), _S.COMPLETED),
    (_S.PROCEEDING, _I.RETRANSMIT): ((_A.RESEND, _A.AT_T2), _S.PROCEEDING),
    (_S.PROCEEDING, _I.EXPIRE): ((_A.TIMEOUT,), _S.TERMINATED),
    (_S.PROCEEDING, _I.TRANSPORT_ERROR): ((_A.FAIL,), _S.TERMINATED),
    (_S.PROCEEDING, _I.R1XX): ((_A.PASS,), _S.PROCEEDING),
    (_S.PROCEEDING, _I.R2XX): ((_A.LINGER, _A.PASS), _S.COMPLETED),
    (_S.PROCEEDING, _I.R3_6XX): ((_A.LINGER, _A.PASS), _S.COMPLETED),
    (_S.COMPLETED, _I.EXPIRE): ((), _S.TERMINATED),
}
"""Figure 6."""

INVITE_SERVER: Final[Table] = {
    (_S.PROCEEDING, _I.REQUEST): ((_A.RESEND,), _S.PROCEEDING),
    (_S.PROCEEDING, _I.SEND_1XX): ((_A.SEND,), _S.PROCEEDING),
    (_S.PROCEEDING, _I.SEND_2XX): ((_A.HOLD, _A.SEND), _S.ACCEPTED),
    (_S.PROCEEDING, _I.SEND_3_6XX): ((_A.HOLD, _A.START_G, _A.SEND), _S.COMPLETED),
    (_S.COMPLETED, _I.REQUEST): ((_A.RESEND,), _S.COMPLETED),
    (_S.COMPLETED, _I.RETRANSMIT): ((_A.RESEND, _A.DOUBLE_TO_T2), _S.COMPLETED),
    (_S.COMPLETED, _I.EXPIRE): ((), _S.TERMINATED),
    (_S.COMPLETED, _I.ACK): ((_A.LINGER,), _S.CONFIRMED),
    (_S.CONFIRMED, _I.EXPIRE): ((), _S.TERMINATED),
    (_S.ACCEPTED, _I.SEND_2XX): ((_A.SEND,), _S.ACCEPTED),
    (_S.ACCEPTED, _I.EXPIRE): ((), _S.TERMINATED),
}
"""Figure 7 and RFC 6026 Figure 8 (§8.5). In Accepted the INVITE is absorbed: the 2xx is repeated by the session until
the ACK, which goes to the session."""

SERVER: Final[Table] = {
    (_S.TRYING, _I.SEND_1XX): ((_A.SEND,), _S.PROCEEDING),
    (_S.TRYING, _I.SEND_2XX): ((_A.HOLD_UNLESS_RELIABLE, _A.SEND), _S.COMPLETED),
    (_S.TRYING, _I.SEND_3_6XX): ((_A.HOLD_UNLESS_RELIABLE, _A.SEND), _S.COMPLETED),
    (_S.PROCEEDING, _I.REQUEST): ((_A.RESEND,), _S.PROCEEDING),
    (_S.PROCEEDING, _I.SEND_1XX): ((_A.SEND,), _S.PROCEEDING),
    (_S.PROCEEDING, _I.SEND_2XX): ((_A.HOLD_UNLESS_RELIABLE, _A.SEND), _S.COMPLETED),
    (_S.PROCEEDING, _I.SEND_3_6XX): ((_A.HOLD_UNLESS_RELIABLE, _A.SEND), _S.COMPLETED),
    (_S.COMPLETED, _I.REQUEST): ((_A.RESEND,), _S.COMPLETED),
    (_S.COMPLETED, _I.EXPIRE): ((), _S.TERMINATED),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): ((), _S.TERMINATED),
}
"""Figure 8."""
