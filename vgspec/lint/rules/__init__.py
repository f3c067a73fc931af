"""The rules, one file each. `RULES` is the whole list, in the order of their codes."""

from __future__ import annotations

from vgspec.lint.rule import Rule
from vgspec.lint.rules.initializer_activation_mismatch import InitializerActivationMismatch
from vgspec.lint.rules.no_normalization_in_deep_stack import NoNormalizationInDeepStack
from vgspec.lint.rules.no_skip_in_deep_stack import NoSkipInDeepStack
from vgspec.lint.rules.oversized_initializer import OversizedInitializer
from vgspec.lint.rules.recurrent_without_clipping import RecurrentWithoutClipping
from vgspec.lint.rules.saturating_stack import SaturatingStack
from vgspec.lint.rules.undersized_initializer import UndersizedInitializer
from vgspec.lint.rules.zero_or_constant_kernel import ZeroOrConstantKernel

__all__ = ["RULES"]

RULES: tuple[type[Rule], ...] = (
    SaturatingStack,
    NoSkipInDeepStack,
    NoNormalizationInDeepStack,
    RecurrentWithoutClipping,
    OversizedInitializer,
    ZeroOrConstantKernel,
    InitializerActivationMismatch,
    UndersizedInitializer,
)
