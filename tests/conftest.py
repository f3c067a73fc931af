"""Settings for every test: Hypothesis without deadlines, since CI machines are shared and slow."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# The same examples in every run, so that CI is a check and not a lottery; VGSPEC_RANDOM=1 draws new ones.
settings.register_profile("vgspec", deadline=None, derandomize="VGSPEC_RANDOM" not in os.environ)
settings.load_profile("vgspec")
