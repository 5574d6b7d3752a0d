"""What flows ask of the world outside, carried out: HTTP requests and mails."""

from ivr.outside.http import HttpClient
from ivr.outside.mail import Mailer

__all__ = ["HttpClient", "Mailer"]
