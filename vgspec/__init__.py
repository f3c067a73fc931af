"""vgspec: declarative Keras model specs, compiled and linted for vanishing gradients before training."""

__version__ = "0.1.0"
