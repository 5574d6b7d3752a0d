"""Wire protocols of AI agents, pure: messages in, what they ask for out; and the other way round."""
