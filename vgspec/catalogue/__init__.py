"""Keras's named objects other than layers: one module a kind, each with a tuple ``ALL``."""
