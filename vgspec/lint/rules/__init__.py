"""The rules, one file each. `RULES` is the whole list, in the order of their codes."""

from __future__ import annotations

from vgspec.lint.rule import Rule
from vgspec.lint.rules.accuracy_with_regression_loss import AccuracyWithRegressionLoss
from vgspec.lint.rules.activation_overflows import ActivationOverflows
from vgspec.lint.rules.activation_twice import ActivationTwice
from vgspec.lint.rules.alpha_dropout_without_selu import AlphaDropoutWithoutSelu
from vgspec.lint.rules.batchnorm_without_skip_explodes import BatchnormWithoutSkipExplodes
from vgspec.lint.rules.bias_before_batchnorm import BiasBeforeBatchnorm
from vgspec.lint.rules.dead_branch import DeadBranch
from vgspec.lint.rules.double_softmax import DoubleSoftmax
from vgspec.lint.rules.dropout_before_batchnorm import DropoutBeforeBatchnorm
from vgspec.lint.rules.dropout_on_output import DropoutOnOutput
from vgspec.lint.rules.dropout_rate_extreme import DropoutRateExtreme
from vgspec.lint.rules.dying_relu import DyingRelu
from vgspec.lint.rules.first_step_too_long import FirstStepTooLong
from vgspec.lint.rules.flatten_of_large_map import FlattenOfLargeMap
from vgspec.lint.rules.forget_gate_bias_off import ForgetGateBiasOff
from vgspec.lint.rules.forward_signal_vanishes import ForwardSignalVanishes
from vgspec.lint.rules.gradient_explodes import GradientExplodes
from vgspec.lint.rules.gradient_vanishes import GradientVanishes
from vgspec.lint.rules.hidden_bottleneck import HiddenBottleneck
from vgspec.lint.rules.hidden_layer_without_activation import HiddenLayerWithoutActivation
from vgspec.lint.rules.initializer_activation_mismatch import InitializerActivationMismatch
from vgspec.lint.rules.kernel_larger_than_input import KernelLargerThanInput
from vgspec.lint.rules.label_form_mismatch import LabelFormMismatch
from vgspec.lint.rules.learning_rate_out_of_range import LearningRateOutOfRange
from vgspec.lint.rules.loss_activation_mismatch import LossActivationMismatch
from vgspec.lint.rules.mask_lost import MaskLost
from vgspec.lint.rules.narrow_deep_stack import NarrowDeepStack
from vgspec.lint.rules.no_gradient_clipping import NoGradientClipping
from vgspec.lint.rules.no_normalization_in_deep_stack import NoNormalizationInDeepStack
from vgspec.lint.rules.no_skip_in_deep_stack import NoSkipInDeepStack
from vgspec.lint.rules.none_on_large_dense import NoneOnLargeDense
from vgspec.lint.rules.normalization_of_one_value import NormalizationOfOneValue
from vgspec.lint.rules.normalization_twice import NormalizationTwice
from vgspec.lint.rules.over_regularized import OverRegularized
from vgspec.lint.rules.oversized_initializer import OversizedInitializer
from vgspec.lint.rules.plain_recurrence_over_long_sequence import PlainRecurrenceOverLongSequence
from vgspec.lint.rules.recurrence_over_one_step import RecurrenceOverOneStep
from vgspec.lint.rules.recurrent_without_clipping import RecurrentWithoutClipping
from vgspec.lint.rules.relu_on_output import ReluOnOutput
from vgspec.lint.rules.saturated_at_init import SaturatedAtInit
from vgspec.lint.rules.saturating_recurrent_activation import SaturatingRecurrentActivation
from vgspec.lint.rules.saturating_stack import SaturatingStack
from vgspec.lint.rules.selu_without_lecun_normal import SeluWithoutLecunNormal
from vgspec.lint.rules.shadowed_id import ShadowedId
from vgspec.lint.rules.shared_seed_symmetry import SharedSeedSymmetry
from vgspec.lint.rules.softmax_in_hidden_layer import SoftmaxInHiddenLayer
from vgspec.lint.rules.squashed_residual import SquashedResidual
from vgspec.lint.rules.stride_larger_than_kernel import StrideLargerThanKernel
from vgspec.lint.rules.undersized_initializer import UndersizedInitializer
from vgspec.lint.rules.uneven_transposed_convolution import UnevenTransposedConvolution
from vgspec.lint.rules.units_below_classes import UnitsBelowClasses
from vgspec.lint.rules.unnormalised_residual_growth import UnnormalisedResidualGrowth
from vgspec.lint.rules.unreachable_input import UnreachableInput
from vgspec.lint.rules.unscaled_input import UnscaledInput
from vgspec.lint.rules.unused_block import UnusedBlock
from vgspec.lint.rules.unused_param import UnusedParam
from vgspec.lint.rules.unused_shared import UnusedShared
from vgspec.lint.rules.vanishing_loss_gradient import VanishingLossGradient
from vgspec.lint.rules.weight_decay_on_bias import WeightDecayOnBias
from vgspec.lint.rules.weight_decay_twice import WeightDecayTwice
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
    NarrowDeepStack,
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
    DyingRelu,
    ReluOnOutput,
    SaturatedAtInit,
    LossActivationMismatch,
    LabelFormMismatch,
    VanishingLossGradient,
    AccuracyWithRegressionLoss,
    NoGradientClipping,
    LearningRateOutOfRange,
    FirstStepTooLong,
    WeightDecayOnBias,
    WeightDecayTwice,
    DeadBranch,
    UnreachableInput,
    BiasBeforeBatchnorm,
    DropoutBeforeBatchnorm,
    ActivationTwice,
    DropoutRateExtreme,
    DropoutOnOutput,
    DoubleSoftmax,
    KernelLargerThanInput,
    StrideLargerThanKernel,
    UnitsBelowClasses,
    FlattenOfLargeMap,
    MaskLost,
    UnusedBlock,
    UnusedParam,
    UnusedShared,
    HiddenLayerWithoutActivation,
    RecurrenceOverOneStep,
    ShadowedId,
    UnscaledInput,
    NormalizationTwice,
    UnevenTransposedConvolution,
    NormalizationOfOneValue,
    OverRegularized,
    NoneOnLargeDense,
)
