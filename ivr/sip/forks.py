"""What comes of an INVITE that a proxy sends to several phones: an early dialog with each that rings (RFC 3261 §13.2.2,
RFC 3262), and answers after the first, which are hung up (§13.2.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ivr.sip.bodies import sdp_of
from ivr.sip.dialog import Dialog
from ivr.sip.errors import SdpError
from ivr.sip.events import Flow, Ringing
from ivr.sip.invite import InviteRequest
from ivr.sip.message import Response
from ivr.sip.offers import OfferInput, OfferState
from ivr.sip.reliable import in_order, rseq_of
from ivr.sip.session import Session
from ivr.sip.session_base import SessionState

if TYPE_CHECKING:
    from ivr.sip.sdp import Sdp
    from ivr.sip.stack import Stack
    from ivr.sip.transactions import ClientTransaction

__all__ = ["MAX_FORKS", "EarlyDialog", "EarlyDialogs", "LateAnswer"]

MAX_FORKS: Final = 16
"""Early dialogs, and further answers, of one INVITE that are kept: more phones do not ring for one number."""


class EarlyDialog:
    """One phone that rings."""

    __slots__ = ("answered", "dialog", "rseq", "sdp")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog = dialog
        self.rseq: int | None = None
        """RSeq of its last reliable response."""
        self.sdp: Sdp | None = None
        """Its description, once it gave one."""
        self.answered = False
        """That came reliably: it is the answer, whatever a later response says (RFC 3261 §13.2.1)."""


class LateAnswer:
    """A further answer: acknowledged as often as it comes, hung up once."""

    __slots__ = ("ack", "hop")

    def __init__(self, ack: bytes, hop: Flow) -> None:
        self.ack = ack
        self.hop = hop

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The answer to the BYE is of no interest."""

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """Nor that there is none."""


class EarlyDialogs(Session):
    """The phones that ring for a call of ours, until one of them answers. Of several that let us hear something, the
    one that began to ring last is heard: a proxy that tries one after the other has left those before."""

    __slots__ = ("_cancel_wanted", "_early", "_invite", "_prack_waits", "invite")

    def __init__(self, stack: Stack, invite: InviteRequest, call_id: str, local_tag: str) -> None:
        flow = invite.flow._replace(secure=True) if invite.uri.scheme == "sips" else invite.flow
        super().__init__(stack, "outbound", call_id, local_tag, flow)
        self.invite = invite
        """What was asked for."""
        self._invite: ClientTransaction
        self._cancel_wanted = False
        self._early: dict[str, EarlyDialog] = {}
        """By the tag of each phone that rings, the one that came last at the end."""
        self._prack_waits: tuple[EarlyDialog, int] | None = None
        """A reliable response with the peer's offer, and its RSeq: our answer goes with the PRACK."""

    def _try_cancel(self, now: float) -> None:
        raise NotImplementedError

    def _dialog_of(self, response: Response) -> Dialog | None:
        raise NotImplementedError

    def _provisional(self, response: Response, now: float) -> None:
        if self.state is not SessionState.EARLY:
            return
        if self._cancel_wanted:
            self._try_cancel(now)
            return
        if response.status == 100:
            return
        tag = response.to.tag
        early = self._early_of(response, tag)
        if response.status == 199:
            # RFC 6228: this phone has stopped ringing, others go on.
            if early is not None and tag is not None:
                self._forget_early(tag)
            return
        rseq = rseq_of(response)
        if rseq is not None:
            if early is None or not in_order(rseq, early.rseq):
                return
            early.rseq = rseq
        try:
            sdp = sdp_of(response)
        except SdpError:
            sdp = None
        if rseq is not None and early is not None and self._reliable_came(early, rseq, sdp, now):
            self._emit(Ringing(self, response.status, sdp, wants_answer=True))
            return
        self._emit(Ringing(self, response.status, self._early_media(early, sdp)))

    def _early_of(self, response: Response, tag: str | None) -> EarlyDialog | None:
        """The early dialog of a provisional response, a new one where it makes one."""
        if tag is None:
            return None
        early = self._early.get(tag)
        if early is None and response.contacts and len(self._early) < MAX_FORKS and response.status != 199:
            dialog = self._dialog_of(response)
            if dialog is not None:
                early = self._early[tag] = EarlyDialog(dialog)
                self._adopt(dialog)
        return early

    def _forget_early(self, tag: str) -> None:
        early = self._early.pop(tag)
        self._stack.dialogs.pop(early.dialog.id, None)
        if self.dialog is early.dialog:
            # The sound of whoever began before counts again.
            last = next(reversed(self._early.values()), None)
            self.dialog = last.dialog if last is not None else None
            self.remote_sdp = last.sdp if last is not None else None
        early.dialog.session = None

    def _early_media(self, early: EarlyDialog | None, sdp: Sdp | None) -> Sdp | None:
        """What is told of a description: of several phones, the one that came last is heard."""
        if early is None:
            self.remote_sdp = sdp or self.remote_sdp
            return sdp
        if sdp is not None and not early.answered:
            early.sdp = sdp
        if early.dialog is not self.dialog or sdp is None:
            return None
        if self.invite.sdp is not None and self._offer_state is OfferState.LOCAL_OFFER:
            self.remote_sdp = early.sdp
        return early.sdp

    def _reliable_came(self, early: EarlyDialog, rseq: int, sdp: Sdp | None, now: float) -> bool:
        """Acknowledge a reliable response; True where it holds the peer's offer: our answer goes with the PRACK."""
        offers = self.invite.sdp is None and sdp is not None and self._local_sdp is None
        if offers and self._offer_state is OfferState.STABLE and early.dialog is self.dialog:
            self._advance(OfferInput.RECEIVE_OFFER)
            early.sdp = self.remote_sdp = sdp
            self._prack_waits = (early, rseq)
            return True
        self._prack(early, rseq, now)
        if sdp is not None and self.invite.sdp is not None and not early.answered:
            early.sdp, early.answered = sdp, True
            if early.dialog is self.dialog and self._offer_state is OfferState.LOCAL_OFFER:
                self._advance(OfferInput.RECEIVE_ANSWER)
                self._local_sdp, self.remote_sdp = self.invite.sdp, sdp
        return False

    def _prack(self, early: EarlyDialog, rseq: int, now: float, sdp: bytes = b"") -> None:
        dialog = early.dialog
        lines = f"RAck: {rseq} {self._invite.request.cseq} INVITE\r\n"
        request = dialog.request("PRACK", lines, sdp, "application/sdp")
        self._stack.layer.request(request, dialog.hop(), self, now)

    def answer_offer(self, sdp: bytes, now: float) -> None:
        if self._prack_waits is None or self.ended or self._cancel_wanted:
            super().answer_offer(sdp, now)
            return
        early, rseq = self._prack_waits
        self._prack_waits = None
        self._advance(OfferInput.SEND_ANSWER)
        self._local_sdp = sdp
        early.answered = True
        self._prack(early, rseq, now, sdp)

    def _drop_early(self) -> None:
        for early in self._early.values():
            self._stack.dialogs.pop(early.dialog.id, None)
            early.dialog.session = None
        self._early.clear()
        self._prack_waits = None
