"""Feature tables with outcomes in; a model and the evidence for it out."""
