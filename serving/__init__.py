"""A model and today's features -> scores with reasons. Start at `serving.score`."""
