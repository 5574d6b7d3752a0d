"""The HTTP interface of the daemon."""

from ivr.api.app import HttpServer

__all__ = ["HttpServer"]
