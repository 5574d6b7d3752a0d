"""In-band DTMF: a detector over all calls of a tick, and the tones themselves."""
