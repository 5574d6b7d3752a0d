"""Offer and answer: every state and input."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.offers import OFFER_ANSWER, OfferInput, OfferState, WrongStateError, advance


@pytest.mark.parametrize(("state", "happened"), list(product(OfferState, OfferInput)))
def test_a_pair_is_in_the_table_or_an_error(state: OfferState, happened: OfferInput) -> None:
    if (state, happened) in OFFER_ANSWER:
        assert advance(state, happened) is OFFER_ANSWER[state, happened]
    else:
        with pytest.raises(WrongStateError):
            advance(state, happened)


@given(st.lists(st.sampled_from(OfferInput)))
def test_never_two_offers_at_once(inputs: list[OfferInput]) -> None:
    state, open_offers = OfferState.STABLE, 0
    for happened in inputs:
        try:
            state = advance(state, happened)
        except WrongStateError:
            continue
        if happened in (OfferInput.SEND_OFFER, OfferInput.RECEIVE_OFFER):
            open_offers += 1
        else:
            open_offers = 0
        assert open_offers <= 1
        assert (state is OfferState.STABLE) == (open_offers == 0)
