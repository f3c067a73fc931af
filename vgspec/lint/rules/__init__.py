"""The rules, one file each. `RULES` is the whole list, in the order of their codes."""

from __future__ import annotations

from vgspec.lint.rule import Rule
from vgspec.lint.rules.activation_overflows import ActivationOverflows
from vgspec.lint.rules.alpha_dropout_without_selu import AlphaDropoutWithoutSelu
from vgspec.lint.rules.batchnorm_without_skip_explodes import BatchnormWithoutSkipExplodes
from vgspec.lint.rules.forget_gate_bias_off import ForgetGateBiasOff
from vgspec.lint.rules.forward_signal_vanishes import ForwardSignalVanishes
from vgspec.lint.rules.gradient_explodes import GradientExplodes
from vgspec.lint.rules.gradient_vanishes import GradientVanishes
from vgspec.lint.rules.hidden_bottleneck import HiddenBottleneck
from vgspec.lint.rules.initializer_activation_mismatch import InitializerActivationMismatch
from vgspec.lint.rules.no_normalization_in_deep_stack import NoNormalizationInDeepStack
from vgspec.lint.rules.no_skip_in_deep_stack import NoSkipInDeepStack
from vgspec.lint.rules.oversized_initializer import OversizedInitializer
from vgspec.lint.rules.plain_recurrence_over_long_sequence import PlainRecurrenceOverLongSequence
from vgspec.lint.rules.recurrent_without_clipping import RecurrentWithoutClipping
from vgspec.lint.rules.saturating_recurrent_activation import SaturatingRecurrentActivation
from vgspec.lint.rules.saturating_stack import SaturatingStack
from vgspec.lint.rules.selu_without_lecun_normal import SeluWithoutLecunNormal
from vgspec.lint.rules.shared_seed_symmetry import SharedSeedSymmetry
from vgspec.lint.rules.softmax_in_hidden_layer import SoftmaxInHiddenLayer
from vgspec.lint.rules.squashed_residual import SquashedResidual
from vgspec.lint.rules.undersized_initializer import UndersizedInitializer
from vgspec.lint.rules.unnormalised_residual_growth import UnnormalisedResidualGrowth
from vgspec.lint.rules.zero_or_constant_kernel import ZeroOrConstantKernel

__all__ = ["RULES"]

RULES: tuple[type[Rule], ...] = (
    GradientVanishes,
    ForwardSignalVanishes,
    SaturatingStack,
    NoSkipInDeepStack,
    NoNormalizationInDeepStack,
    PlainRecurrenceOverLongSequence,
    SaturatingRecurrentActivation,
    SoftmaxInHiddenLayer,
    SquashedResidual,
    HiddenBottleneck,
    GradientExplodes,
    ActivationOverflows,
    UnnormalisedResidualGrowth,
    RecurrentWithoutClipping,
    BatchnormWithoutSkipExplodes,
    OversizedInitializer,
    ZeroOrConstantKernel,
    InitializerActivationMismatch,
    UndersizedInitializer,
    SharedSeedSymmetry,
    SeluWithoutLecunNormal,
    AlphaDropoutWithoutSelu,
    ForgetGateBiasOff,
)
