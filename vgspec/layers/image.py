"""Image preprocessing: sizes, contrast and bounding boxes, without randomness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import may_equal
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait
from vgspec.layers.fields import DataFormat, LayersArg, PositiveInt

__all__ = [
    "LAYERS",
    "AutoContrast",
    "BoundingBoxFormat",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "ImageLayer",
    "MaxNumBoundingBoxes",
    "Pipeline",
    "ResizeInterpolation",
    "Resizing",
    "SizedImageLayer",
    "ValueRange",
]

BoundingBoxFormat = Literal[
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"
]
ResizeInterpolation = Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area"]
ValueRange = tuple[float, float]


class ImageLayer(Layer):
    """Base of the image layers: one image ``(height, width, channels)`` or a batch of them.

    They also take a mapping of ``images``, ``labels``, ``bounding_boxes`` and ``segmentation_masks``; then the
    outputs are those of the mapping, by key in alphabetical order.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.PREPROCESSING})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("data"),
        CallArgument("training", tensor=False, required=False, default=True),
    )
    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype", "bounding_box_format")
    supports_masking: ClassVar[bool] = False
    takes_mappings: ClassVar[bool] = True
    """Whether Keras can infer the shapes of a mapping of inputs."""
    channels: ClassVar[tuple[int, ...]] = ()
    """The numbers of channels that the layer can work on; any where empty."""

    bounding_box_format: BoundingBoxFormat | None = None

    @property
    def channels_first(self) -> bool:
        """Whether the channels come before height and width."""
        return getattr(self, "data_format", None) == "channels_first"

    def image_shape(self, shape: Shape) -> Shape:
        """The shape of the output images."""
        return shape

    def output_dtype(self, x: Tensor) -> str:
        """The dtype of the output: Keras gives the compute dtype, whatever goes in."""
        return self.compute_dtype

    @property
    def spatial_axes(self) -> tuple[int, int]:
        """The axes of height and width, counted from the end."""
        return (-2, -1) if self.channels_first else (-3, -2)

    def check_images(self, x: Tensor) -> None:
        """Refuse what is no image or no batch of images.

        Raises:
            ShapeError: for a wrong rank or number of channels.
        """
        if x.rank not in (3, 4):
            raise ShapeError(f"needs an image (rank 3) or a batch of images (rank 4), got {x}")
        if x.dtype in ("string", "bool"):
            raise ShapeError(f"needs numeric images, got {x}")
        self.check_channels(x, self.channels)

    def check_channels(self, x: Tensor, allowed: tuple[int, ...]) -> None:
        """Refuse images whose number of channels is known to be wrong.

        Raises:
            ShapeError: if none of the allowed numbers is possible.
        """
        found: Dim = x.shape[-3 if self.channels_first else -1]
        if allowed and not any(may_equal(found, number) for number in allowed):
            wanted = " or ".join(str(number) for number in allowed)
            raise ShapeError(f"needs images with {wanted} channels, got {x}")

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Images of the output size, in the layer's compute dtype."""
        data = next(iter(call.args.values()), None)
        if isinstance(data, Mapping):
            return tuple(self._infer_mapping(data))
        x = call.x
        self.check_images(x)
        return (Tensor(self.image_shape(x.shape), self.output_dtype(x)),)

    def _infer_mapping(self, data: Mapping[str, Any]) -> list[Tensor]:
        images = data.get("images")
        if not self.takes_mappings:
            raise ShapeError("takes one tensor of images; Keras cannot infer the shapes of a mapping of inputs")
        if not isinstance(images, Tensor):
            raise ShapeError("needs a tensor of images under the key 'images'")
        self.check_images(images)
        return [Tensor(item.shape, self.compute_dtype) for item in _leaves(self.map_shapes(data))]

    def map_shapes(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The mapping of outputs."""
        return data


def _leaves(value: Any) -> list[Tensor]:
    """The tensors of nested mappings, by key."""
    if isinstance(value, Mapping):
        return [leaf for key in sorted(value) for leaf in _leaves(value[key])]
    if isinstance(value, Tensor):
        return [value]
    raise ShapeError("needs tensors in its mapping of inputs")


class SizedImageLayer(ImageLayer):
    """Base of the layers with a fixed output size."""

    takes_mappings: ClassVar[bool] = False

    height: PositiveInt
    width: PositiveInt

    def image_shape(self, shape: Shape) -> Shape:
        """The input's shape with height and width replaced."""
        sized = list(shape)
        for axis, size in zip(self.spatial_axes, (self.height, self.width), strict=True):
            sized[axis] = size
        return tuple(sized)


class Resizing(SizedImageLayer):
    """Resizes images to ``height`` by ``width``."""

    interpolation: ResizeInterpolation = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: Literal["constant"] = "constant"
    fill_value: float = 0.0
    antialias: bool = False
    data_format: DataFormat = None


class CenterCrop(SizedImageLayer):
    """Crops the central ``height`` by ``width``, or resizes an image that is smaller."""

    data_format: DataFormat = None


class AutoContrast(ImageLayer):
    """Stretches each image's values over the whole range."""

    min_keras: ClassVar[str] = "3.6.0"
    common_fields: ClassVar[tuple[str, ...]] = (*ImageLayer.common_fields, "data_format")

    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None


class Equalization(ImageLayer):
    """Equalizes each image's histogram, channel by channel."""

    min_keras: ClassVar[str] = "3.8.0"
    takes_mappings: ClassVar[bool] = False

    value_range: ValueRange = (0, 255)
    bins: PositiveInt = 256
    data_format: DataFormat = None

    def output_dtype(self, x: Tensor) -> str:
        """That of the input."""
        return x.dtype


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalizes histograms tile by tile, with limited contrast (CLAHE; Zuiderveld 1994)."""

    min_keras: ClassVar[str] = "3.14.0"

    value_range: ValueRange = (0, 255)
    clip_limit: float = 4.0
    tile_grid_size: tuple[PositiveInt, PositiveInt] = (8, 8)
    data_format: DataFormat = None


class MaxNumBoundingBoxes(ImageLayer):
    """Cuts or pads the list of bounding boxes to a fixed length; images pass unchanged."""

    min_keras: ClassVar[str] = "3.7.0"
    common_fields: ClassVar[tuple[str, ...]] = (*ImageLayer.common_fields, "data_format")

    max_number: PositiveInt
    fill_value: int = -1
    data_format: DataFormat = None

    def map_shapes(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """``max_number`` boxes and labels of boxes."""
        boxes = data.get("bounding_boxes")
        if boxes is None:
            return data
        if not isinstance(boxes, Mapping) or set(boxes) != {"boxes", "labels"}:
            raise ShapeError("needs 'boxes' and 'labels' under the key 'bounding_boxes'")
        return {**data, "bounding_boxes": {key: self._padded(key, value) for key, value in boxes.items()}}

    def _padded(self, key: str, x: Any) -> Tensor:
        if not isinstance(x, Tensor) or x.rank < 2:
            raise ShapeError(f"needs a batch of lists under the key {key!r}")
        return Tensor((x.shape[0], self.max_number, *x.shape[2:]), x.dtype)


class Pipeline(Layer):
    """Applies preprocessing layers one after the other."""

    min_keras: ClassVar[str] = "3.6.0"
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.PREPROCESSING, Trait.WRAPPER})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("inputs"),
        CallArgument("training", tensor=False, required=False, default=True),
    )
    supports_masking: ClassVar[bool] = False

    layers: LayersArg
    trainable: Literal[True] = True
    dtype: None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The outputs of the last layer."""
        if not self.layers:
            raise ShapeError("needs at least one layer", argument="layers")
        outputs = call.xs
        for index, layer in enumerate(self.layers):
            try:
                outputs = layer.infer_outputs(_call_of(layer, outputs))
            except ShapeError as error:
                message = f"layer {index} of the pipeline, {layer.type_name}, {error.message}"
                raise ShapeError(message, argument="layers", notes=error.notes) from None
        return outputs

    def weight_specs(self, call: Call) -> tuple[Any, ...]:
        """The weights of the layers, in order."""
        found: list[Any] = []
        outputs = call.xs
        for layer in self.layers:
            step = _call_of(layer, outputs)
            found.extend(layer.weight_specs(step))
            outputs = layer.infer_outputs(step)
        return tuple(found)


def _call_of(layer: Layer, tensors: tuple[Tensor, ...]) -> Call:
    first = layer.call_arguments[0].name
    return Call({first: tensors[0] if len(tensors) == 1 else tensors})


LAYERS: tuple[type[Layer], ...] = (
    AutoContrast,
    CenterCrop,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    MaxNumBoundingBoxes,
    Pipeline,
    Resizing,
)
