"""What went over the wire: the last SIP messages in memory, pcap files of calls, and export by HEP."""

from ivr.capture.book import Captures
from ivr.capture.message import Captured, masked
from ivr.capture.pcap import pcap_file
from ivr.capture.requests import Capture, Party

__all__ = ["Capture", "Captured", "Captures", "Party", "masked", "pcap_file"]
