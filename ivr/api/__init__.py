"""The HTTP interface of the daemon."""

from ivr.api.app import HttpServer
from ivr.api.guard import Guard, local_token

__all__ = ["Guard", "HttpServer", "local_token"]
