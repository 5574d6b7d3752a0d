"""What happens in this daemon, in order, for whoever wants to hear of it: streams of the HTTP interface, webhooks, the
console. Those who tell know nothing of those who listen, and never wait for them."""

from ivr.feed.concerns import NOBODY, Concern, Concerns
from ivr.feed.feed import Feed, FeedEvent

__all__ = ["NOBODY", "Concern", "Concerns", "Feed", "FeedEvent"]
