"""Models that exist, into graphs and specs: Keras configs and files, and graphs written as documents."""

from __future__ import annotations

from vgspec.importers.keras_config import Imported, NestedCall, read_config

__all__ = ["Imported", "NestedCall", "read_config"]
