"""Figures for Prometheus: what happened in calls, and how everything that calls need fares at this moment.

Whatever a call adds is a plain integer or a place in a list, added in the loop's thread; text is made of it when
somebody asks. No label holds anything that a caller chooses: numbers, names and addresses stay in the records.
"""

from ivr.metrics.assembly import DaemonMetrics
from ivr.metrics.registry import CONTENT_TYPE

__all__ = ["CONTENT_TYPE", "DaemonMetrics"]
