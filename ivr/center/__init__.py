"""The contact centre: agents, queues and routes. Its decisions are in :mod:`ivr.center.rules`, pure; beside them the
shell that rings agents' phones, keeps what must last, and tells what happens."""
