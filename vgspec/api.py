"""The public Python API: ``load_spec``, ``lint_spec`` and ``compile_spec``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgspec.frontend.load import load
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.spec import Spec, SpecError

if TYPE_CHECKING:
    from vgspec.analysis.signal import Profile
    from vgspec.lint.engine import LintResult
    from vgspec.settings import Settings

__all__ = ["compile_spec", "from_keras", "lint_spec", "load_spec", "profile_spec"]


def load_spec(
    spec: str | Path | Mapping[str, Any], *, params: Mapping[str, Any] | None = None, limits: Limits = DEFAULT_LIMITS
) -> Spec:
    """Read a spec, expand it and infer its shapes.

    Args:
        spec: a path, YAML or JSON text, or a ``dict``.
        params: values for the spec's parameters.
        limits: bounds on what the document may cost.

    Returns:
        The spec. What is wrong with it is in ``diagnostics``; ``graph`` is None where something is.
    """
    return load(spec, params=params, limits=limits)


def lint_spec(
    spec: str | Path | Mapping[str, Any] | Spec,
    *,
    params: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> LintResult:
    """Everything vgspec has to say of a spec: errors of the document, and the findings of the rules.

    Settings files are not looked for: `find_settings` gives those that ``vgspec lint`` would use.

    Args:
        spec: a path, YAML or JSON text, a ``dict``, or a loaded spec, which keeps the limits it was loaded with.
        params: values for the spec's parameters.
        settings: which rules run, their thresholds, assumptions and limits.

    Raises:
        ValueError: if the settings name a rule or a threshold that there is not.
    """
    from vgspec.lint.engine import lint

    if settings is None:
        return lint(spec if isinstance(spec, Spec) else load(spec, params=params))
    from vgspec.settings.applied import lint_with

    return lint_with(spec if isinstance(spec, Spec) else load(spec, params=params, limits=settings.limits), settings)


def profile_spec(spec: str | Path | Mapping[str, Any] | Spec, *, params: Mapping[str, Any] | None = None) -> Profile:
    """Predict the size of every activation and gradient at initialisation, without running the model.

    Args:
        spec: a path, YAML or JSON text, a ``dict``, or a loaded spec.
        params: values for the spec's parameters.

    Returns:
        A profile: ``by_id[node].activation_rms``, ``gradient_rms``, ``kernel_gradient_norm``, ``known`` and more.

    Raises:
        SpecError: if the spec has errors.
    """
    from vgspec.analysis.signal import profile

    loaded = spec if isinstance(spec, Spec) else load(spec, params=params)
    return profile(loaded.require_graph())


def compile_spec(
    spec: str | Path | Mapping[str, Any] | Spec, *, params: Mapping[str, Any] | None = None, seed: int | None = None
) -> Any:
    """Build the Keras model that a spec describes; it is compiled if the spec has a ``compile`` section.

    Args:
        spec: a path, YAML or JSON text, a ``dict``, or a loaded spec.
        params: values for the spec's parameters.
        seed: makes the initial weights repeatable.

    Returns:
        A functional ``keras.Model``.

    Raises:
        SpecError: if the spec has errors, or the model does not fit into the memory that is free.
        ImportError: if Keras is not installed.
    """
    loaded = spec if isinstance(spec, Spec) else load(spec, params=params)
    graph = loaded.require_graph()
    from vgspec.analysis.memory import too_large
    from vgspec.backends.keras_model import build_model

    if (found := too_large(graph)) is not None:
        raise SpecError((found,), loaded.sources)
    return build_model(graph, seed=seed)


def from_keras(model: Any, *, flat: bool = False) -> Spec:
    """The spec of a live Keras model, compiled or not; ``to_yaml`` and ``to_json`` of the spec write it.

    Args:
        model: a functional or sequential ``keras.Model``.
        flat: one item a layer, instead of blocks and repeats where the model repeats itself.

    Raises:
        SpecError: if the model has something that a spec cannot hold, such as code.
        TypeError: if it is no Keras model.
        ImportError: if Keras is not installed.
    """
    from vgspec.backends.model_config import model_config
    from vgspec.diagnostics import has_errors
    from vgspec.importers.specs import spec_of_config

    spec = spec_of_config(model_config(model), file=f"<{model.name}>", flat=flat)
    if has_errors(spec.diagnostics):
        raise SpecError(spec.diagnostics, spec.sources)
    return spec
