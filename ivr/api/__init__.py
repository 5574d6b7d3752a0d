"""The HTTP interface of the daemon."""

from ivr.api.app import HttpServer
from ivr.api.guard import Guard, local_token
from ivr.api.operations import OperationRoutes

__all__ = ["Guard", "HttpServer", "OperationRoutes", "local_token"]
