"""The commands, in the order of the work: data, models, scores, service.

They hold words; the work behind them is in `serving.workflow`. What takes long to import is
imported inside the functions that need it.
"""
