"""Layers that apply another layer: in both directions, or to every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from vgspec.ir import Argument, Dim, Graph, Tensor
from vgspec.ir.dims import add, may_equal, mul, numel
from vgspec.layers.base import INPUTS, Call, CallArgument, Layer, ShapeError, Trait, Weight, nested_weights
from vgspec.layers.fields import LayerArg, ModelOrLayerArg, OptionalLayerArg
from vgspec.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["LAYERS", "Bidirectional", "TimeDistributed"]

_TRAINING = CallArgument("training", tensor=False, required=False)
_MERGE_OPERATIONS = {"concat": 0, "sum": 1, "mul": 1, "ave": 2, None: 0}


class Bidirectional(Layer):
    """A recurrent layer forward and backward in time, the two outputs merged.

    With ``merge_mode: null`` both outputs come out. With ``return_state`` of the layer the states follow,
    forward ones first.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RECURRENT, Trait.WRAPPER})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("sequences"),
        CallArgument("initial_state", required=False, many=True),
        CallArgument("mask", required=False),
        _TRAINING,
    )

    layer: LayerArg
    merge_mode: Literal["concat", "sum", "mul", "ave"] | None = "concat"
    backward_layer: OptionalLayerArg = None

    @field_validator("layer", "backward_layer")
    @classmethod
    def _is_recurrent(cls, value: Layer | None) -> Layer | None:
        if value is not None and not isinstance(value, Recurrent):
            raise ValueError(f"takes a recurrent layer such as LSTM, got {value.type_name}")
        return value

    @model_validator(mode="after")
    def _opposite(self) -> Self:
        forward, backward = self.forward, self.backward
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                f"needs layers of opposite go_backwards, got {forward.go_backwards} for layer "
                f"and {backward.go_backwards} for the backward layer"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if (a := getattr(forward, name)) != (b := getattr(backward, name)):
                raise ValueError(f"needs one value of {name}, got {a} for layer and {b} for backward_layer")
        return self

    @property
    def forward(self) -> Recurrent:
        """The layer that reads from the first step on."""
        assert isinstance(self.layer, Recurrent)  # the validator saw to it
        return self.layer

    @property
    def backward(self) -> Recurrent:
        """The layer that reads from the last step on: ``backward_layer``, or ``layer`` turned round."""
        if isinstance(self.backward_layer, Recurrent):
            return self.backward_layer
        return self.forward.replace(go_backwards=True)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The merged output, or both; then the states of ``layer`` and of the backward layer."""
        x = call.x
        dtype = self.floating(x)
        if self.forward.stateful and self.forward.return_state:
            raise ShapeError(
                "takes no layer that is both stateful and returns its state: Keras fails", argument="layer"
            )
        forward_call, backward_call = self._calls(call)
        (y, *states), (y_rev, *states_rev) = (
            self.forward.infer_outputs(forward_call),
            self.backward.infer_outputs(backward_call),
        )
        if y.shape != y_rev.shape:
            raise ShapeError(
                f"needs layers of like outputs, got {y} forward and {y_rev} backward", argument="backward_layer"
            )
        if [state.shape for state in states] != [state.shape for state in states_rev]:
            raise ShapeError(
                f"needs layers with like states, got {len(states)} forward and {len(states_rev)} backward",
                argument="backward_layer",
            )
        if self.merge_mode is None:
            outputs = [y, y_rev]
        elif self.merge_mode == "concat":
            outputs = [Tensor((*y.shape[:-1], mul(2, y.shape[-1])))]
        else:
            outputs = [y]
        return tuple(Tensor(item.shape, dtype) for item in (*outputs, *states, *states_rev))

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """Those of ``layer`` under ``forward_…``, then the backward layer's under ``backward_…`` or its own name."""
        forward_call, backward_call = self._calls(call)
        prefix = "backward_" if self.backward_layer is None else ""
        return (
            *(w._replace(name=f"forward_{w.name}") for w in nested_weights(self.forward, forward_call)),
            *(w._replace(name=prefix + w.name) for w in nested_weights(self.backward, backward_call)),
        )

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Both layers' and the merge's."""
        forward_call, backward_call = self._calls(call)
        both = add(self.forward.flop_count(forward_call, ()), self.backward.flop_count(backward_call, ()))
        return add(both, mul(_MERGE_OPERATIONS[self.merge_mode], numel(outputs[0].shape[1:])))

    def _calls(self, call: Call) -> tuple[Call, Call]:
        """The calls of the two layers: each gets half of the initial states.

        Raises:
            ShapeError: if the states do not come in two halves.
        """
        shared: dict[str, Argument] = {"sequences": call.x}
        if (mask := call.args.get("mask")) is not None:
            shared["mask"] = mask
        given = call.args.get("initial_state")
        if given is None:
            return Call(shared), Call(shared)
        if not isinstance(given, tuple | list) or len(given) % 2:
            count = len(given) if isinstance(given, tuple | list) else 1
            raise ShapeError(f"needs an even number of tensors as initial_state, got {count}")
        half = len(given) // 2
        return (
            Call({**shared, "initial_state": tuple(given[:half])}),
            Call({**shared, "initial_state": tuple(given[half:])}),
        )

    def signal_rule(self, call: Call) -> Rule:
        """Two recurrences, merged."""
        from vgspec.layers import signal

        forward_call, backward_call = self._calls(call)
        forward, backward = self.forward.signal_rule(forward_call), self.backward.signal_rule(backward_call)
        if isinstance(forward, signal.Unknown):
            return forward
        if isinstance(backward, signal.Unknown):
            return backward
        return (signal.Bidirect(forward, backward, self.merge_mode),)


class TimeDistributed(Layer):
    """Applies a layer to every step of axis 1, always with the same weights.

    In place of a layer stand a list of items, or a block: a whole network that is applied to every step.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.WRAPPER})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (*INPUTS, _TRAINING, CallArgument("mask", required=False))

    layer: ModelOrLayerArg

    @field_validator("layer")
    @classmethod
    def _takes_one_tensor(cls, value: Layer) -> Layer:
        first, *others = value.call_arguments
        if first.many or any(argument.tensor and argument.required for argument in others):
            raise ValueError(f"takes a layer with one input, got {value.type_name}")
        return value

    @property
    def networks(self) -> tuple[Graph, ...]:
        """The network inside, if it holds one."""
        return self.layer.networks

    def applied(self, call: Call) -> tuple[Layer, Call]:
        """The layer on one step: time is as good as more samples."""
        return self.layer.applied(self.step(call))

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The layer's output for one step, with the time axis put back."""
        x = call.x
        outputs = self.layer.infer_outputs(self.step(call))
        if len(outputs) != 1:
            raise ShapeError(
                f"needs a layer with one output, got {len(outputs)} of {self.layer.type_name}", argument="layer"
            )
        mask = call.args.get("mask")
        if isinstance(mask, Tensor) and not (
            mask.rank >= 2 and all(may_equal(a, b) for a, b in zip(mask.shape[:2], x.shape[:2], strict=True))
        ):
            raise ShapeError(f"needs a mask whose first axes are batch and time of {x}, got {mask}")
        batch, *rest = outputs[0].shape
        return (Tensor((batch, x.shape[1], *rest), self.compute_dtype),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The layer's, under its name."""
        return nested_weights(self.layer, self.step(call))

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """The layer's, for every step."""
        step = self.step(call)
        return mul(call.x.shape[1], self.layer.flop_count(step, self.layer.infer_outputs(step)))

    def step(self, call: Call) -> Call:
        """The call of the layer on one step.

        Raises:
            ShapeError: if the input has no axis of steps and one of features.
        """
        x = call.x
        if x.rank < 3:
            raise ShapeError(f"needs an input of rank 3 or more, got {x}")
        return Call({self.layer.call_arguments[0].name: Tensor((x.shape[0], *x.shape[2:]), self.autocast(x).dtype)})

    def signal_rule(self, call: Call) -> Rule:
        """The inner layer, with time as more samples."""
        from vgspec.layers import signal

        rule = self.layer.signal_rule(self.step(call))
        return rule if isinstance(rule, signal.Unknown) else (signal.Each(rule),)


LAYERS: tuple[type[Layer], ...] = (
    Bidirectional,
    TimeDistributed,
)
