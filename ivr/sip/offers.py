"""Offer and answer as a state machine (RFC 3264 §4, RFC 6337): never two offers at once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from ivr.errors import IvrError

__all__ = ["OFFER_ANSWER", "OfferInput", "OfferState", "WrongStateError", "advance"]


class WrongStateError(IvrError):
    """The session is not in a state in which this can be done."""


class OfferState(IntEnum):
    """Who owes an answer."""

    STABLE = 0
    LOCAL_OFFER = 1
    """The peer owes one."""
    REMOTE_OFFER = 2
    """We owe one."""


class OfferInput(IntEnum):
    """What happens to a session's description."""

    SEND_OFFER = 0
    RECEIVE_OFFER = 1
    SEND_ANSWER = 2
    RECEIVE_ANSWER = 3
    ABANDON = 4
    """The request that carried the offer failed: all is as before."""


_S, _I = OfferState, OfferInput

OFFER_ANSWER: Final[Mapping[tuple[OfferState, OfferInput], OfferState]] = {
    (_S.STABLE, _I.SEND_OFFER): _S.LOCAL_OFFER,
    (_S.STABLE, _I.RECEIVE_OFFER): _S.REMOTE_OFFER,
    (_S.STABLE, _I.ABANDON): _S.STABLE,
    (_S.LOCAL_OFFER, _I.RECEIVE_ANSWER): _S.STABLE,
    (_S.LOCAL_OFFER, _I.ABANDON): _S.STABLE,
    (_S.REMOTE_OFFER, _I.SEND_ANSWER): _S.STABLE,
    (_S.REMOTE_OFFER, _I.ABANDON): _S.STABLE,
}
"""An absent pair is a mistake: of ours an error, of the peer's 491 or 500."""


def advance(state: OfferState, happened: OfferInput) -> OfferState:
    """The next state; raises WrongStateError where there is none."""
    following = OFFER_ANSWER.get((state, happened))
    if following is None:
        raise WrongStateError(f"{happened.name.lower()} while {state.name.lower()}")
    return following
