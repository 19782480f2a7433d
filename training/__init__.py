"""Rows with outcomes -> a calibrated model and its evidence. Start at `training.pipeline`."""
