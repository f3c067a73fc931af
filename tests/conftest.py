"""Settings for every test: Hypothesis without deadlines, since CI machines are shared and slow."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# The same examples in every run, so that CI is a check and not a lottery; VGSPEC_RANDOM=1 draws new ones.
settings.register_profile("vgspec", deadline=None, derandomize="VGSPEC_RANDOM" not in os.environ)
settings.load_profile("vgspec")

# A shell that runs the tests in the background has them ignore Ctrl-C, which the processes they start would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
