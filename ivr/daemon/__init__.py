"""The daemon: wires settings, store, media, prompts, signalling, calls and HTTP together, and takes them down in order.

ready     one line on standard output, and READY=1 to the service manager, once calls are taken
SIGHUP    loads the flows anew, with the centre's sections and the calendars of ivr.yaml; all of it or nothing
SIGTERM   no new calls; those in progress end by themselves or after `limits.drain_timeout`; a second one ends at once
exit      0 stopped as asked, 1 something it needs cannot be had
"""

from ivr.daemon.run import SWITCH_INTERVAL, main

__all__ = ["SWITCH_INTERVAL", "main"]
