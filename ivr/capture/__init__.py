"""What went over the wire: the last SIP messages in memory, pcap files of calls, and export by HEP."""

from ivr.capture.book import Captures
from ivr.capture.message import Captured, masked
from ivr.capture.pcap import pcap_file

__all__ = ["Captured", "Captures", "masked", "pcap_file"]
