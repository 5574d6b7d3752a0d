"""The tick over all calls of a worker: arrays whose rows are calls, no sockets, no clock."""
