"""A model and today's features -> scores with reasons, for people and tools. Start at `serving.score`."""
