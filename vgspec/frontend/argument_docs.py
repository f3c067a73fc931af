"""What the arguments that many Keras objects share mean: the hover help of an editor."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ARGUMENT_DOCS"]

ARGUMENT_DOCS: Mapping[str, str] = {
    "units": "Size of the output's last axis.",
    "trainable": "Whether training changes the weights.",
    "dtype": "Dtype or dtype policy, such as mixed_float16.",
}
