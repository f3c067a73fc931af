"""Keras layers that carry code, which a spec therefore cannot hold, and why."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REFUSED"]

_CODE = "it holds {what}, and a spec is data that never runs code; "
_REGISTER = "write the computation as operations, or register a layer class of an installed package"

REFUSED: Mapping[str, str] = {
    "Lambda": _CODE.format(what="a Python function") + _REGISTER,
    "TFSMLayer": _CODE.format(what="a SavedModel's compiled function") + _REGISTER,
    "JaxLayer": _CODE.format(what="a JAX function") + _REGISTER,
    "FlaxLayer": _CODE.format(what="a Flax module") + _REGISTER,
    "TorchModuleWrapper": _CODE.format(what="a PyTorch module") + _REGISTER,
    "Layer": "it is the abstract base class of all layers; name the layer that is meant",
    "Wrapper": "it is the abstract base class of wrappers; use Bidirectional, TimeDistributed or SpectralNormalization",
    "InputLayer": "inputs are declared under 'inputs'",
}
