"""Backends: the only modules of vgspec that import keras or tensorflow."""
