"""Gradient flow, predicted: the size of every activation and gradient at initialisation, from the graph alone.

`profile` is the entry point. The maths and its sources are in ``docs/explanation/gradient-flow.md``; what each
module does is in its first line.
"""

from vgspec.analysis.signal.inputs import InputPlan, input_plan
from vgspec.analysis.signal.profile import Edge, NodeSignal, Profile, profile
from vgspec.analysis.signal.sizes import Assumptions
from vgspec.analysis.signal.whatif import with_inserted, with_layers, with_skip

__all__ = [
    "Assumptions",
    "Edge",
    "InputPlan",
    "NodeSignal",
    "Profile",
    "input_plan",
    "profile",
    "with_inserted",
    "with_layers",
    "with_skip",
]
