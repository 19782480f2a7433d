"""Rows with outcomes -> a calibrated model and its evidence. Start at `training.pipeline`."""

import os

# Read when OpenMP is loaded, by LightGBM or scikit-learn. Its threads would otherwise spin while
# they wait for each other: beside other work half of the CPU seconds of a fit, for nothing.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
