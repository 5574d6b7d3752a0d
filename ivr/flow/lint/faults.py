"""Codes of what refuses a file."""

from __future__ import annotations

from ivr.flow.lint.codes import code

__all__ = ["C001", "C003", "C004", "C005", "C006", "C007", "C008", "C009", "F001"]

C001 = code(
    "C001",
    "error",
    "fault in the configuration",
    """The configuration does not hold: a key that does not exist, a value that its key does not take. The daemon does
    not start with it.""",
    """
    sipp: {listen: ["udp:127.0.0.1:5060"]}
    """,
    """
    sip: {listen: ["udp:127.0.0.1:5060"]}
    """,
    "configuration",
    allowable=False,
)
C003 = code(
    "C003",
    "warning",
    "test cases that cannot be run",
    """A file of test cases does not hold: a word that does not exist, an element that its flow does not have, or no
    flow beside it that it could be about. `ivr test` fails; calls are not touched.""",
    """
    - name: sales is busy
      whn: [{press: "1"}]
    """,
    """
    - name: sales is busy
      when: [{press: "1"}]
    """,
    "cases",
    allowable=False,
)
C004 = code(
    "C004",
    "warning",
    "secret that is nowhere",
    """The configuration names a secret that is neither in the environment nor in a folder of secrets. The daemon does
    not start without it. Where flows are only written and tested, nothing needs it.""",
    """
    phones: {"200": {password: !secret PHONE_200}}
    """,
    """
    phones: {"200": {password: sT7-kitchen-wall}}
    """,
    "configuration",
    allowable=False,
)
C005 = code(
    "C005",
    "warning",
    "keys in clear",
    """Sound has to be encrypted, but its keys stand in SIP messages (SDES) that are not: whoever reads these hears the
    call. It is encrypted all the same, which keeps out those who see the sound alone.""",
    """
    lines:
      carrier: {type: sip_trunk, host: sip.example.com, srtp: required}
    """,
    """
    lines:
      carrier: {type: sip_trunk, host: sip.example.com, srtp: required, transport: tls}
    """,
    "configuration",
    allowable=False,
)
C006 = code(
    "C006",
    "warning",
    "line that is open to many",
    """A network in `match` of a line holds addresses of many others. Calls from there are the line's: nobody asks them
    for a password, and they reach what the line reaches.""",
    """
    lines:
      carrier: {type: sip_trunk, host: sip.example.com, match: [0.0.0.0/0]}
    """,
    """
    lines:
      carrier: {type: sip_trunk, host: sip.example.com, match: [203.0.113.16/28]}
    """,
    "configuration",
    allowable=False,
)
C007 = code(
    "C007",
    "warning",
    "open to fraud",
    """Phones or guests may dial every number of the world without a limit, so that one guessed password is expensive;
    or everybody is exempt from limits and bans.""",
    """
    lines:
      carrier: {type: sip_trunk, host: sip.example.com}
    outbound_policy: {phones: ["*"]}
    """,
    """
    lines:
      carrier: {type: sip_trunk, host: sip.example.com}
    outbound_policy: {phones: ["*"], country: DE, international: deny, per_phone: {calls_per_day: 100}}
    """,
    "configuration",
    allowable=False,
)
C008 = code(
    "C008",
    "warning",
    "mailbox without a mail server",
    """Messages for this mailbox go nowhere: there is no `mail` to send them by. They are kept as recordings, and nobody
    is told of them.""",
    """
    queues:
      sales: {voicemail: {email: sales@example.com}}
    """,
    """
    mail: {server: mail.example.com, from: ivr@example.com}
    queues:
      sales: {voicemail: {email: sales@example.com}}
    """,
    "configuration",
    allowable=False,
)
C009 = code(
    "C009",
    "warning",
    "sound of a queue that does not exist",
    """A waiting strategy or a queue names a file that is not in the prompts folder. Callers hear nothing in its place.
    Put the file there, or mend the name; names are compared with upper and lower case.""",
    """
    waiting:
      calm: {greeting: {file: welcom.wav}, max_wait: 5m}
    """,
    """
    waiting:
      calm: {greeting: {file: welcome.wav}, max_wait: 5m}
    """,
    "configuration",
    allowable=False,
)
F001 = code(
    "F001",
    "error",
    "fault in a flow",
    """The flow does not hold: a field that does not exist, a value that its field does not take, a branch that leads
    to no element, two flows with one number. It is refused, and the version in force stays.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: [100], next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: bye}
      bye: {type: hang_up}
    """,
    allowable=False,
)
