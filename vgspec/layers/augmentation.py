"""Random image augmentation: active in training, the identity otherwise."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Le
from pydantic import model_validator

from vgspec.ir import Tensor
from vgspec.layers.base import Layer, Trait
from vgspec.layers.fields import ClosedRate, DataFormat, PositiveFloat, PositiveInt, Seed
from vgspec.layers.image import ImageLayer, SizedImageLayer, ValueRange

__all__ = [
    "LAYERS",
    "AugMix",
    "AugmentationLayer",
    "CutMix",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Solarization",
]

SignedRate = Annotated[float, Ge(-1), Le(1)]
ZoomRate = Annotated[float, Gt(-1), Le(1)]
Bits = Annotated[int, Ge(1), Le(8)]

Factor = ClosedRate | tuple[ClosedRate, ClosedRate]
"""The strength of an effect, drawn from an interval in [0, 1]; one number is the upper end."""
SignedFactor = SignedRate | tuple[SignedRate, SignedRate]
"""The same in [-1, 1]; one number stands for the interval from its negative to itself."""
ZoomFactor = ZoomRate | tuple[ZoomRate, ZoomRate]
BitsFactor = Bits | tuple[Bits, Bits]
KernelSize = PositiveInt | tuple[PositiveInt, PositiveInt]

Interpolation = Literal["nearest", "bilinear"]
FillMode = Literal["reflect", "wrap", "constant", "nearest"]

_TRAITS = frozenset({Trait.PREPROCESSING, Trait.AUGMENTATION})
_WITH_DATA_FORMAT = (*ImageLayer.common_fields, "data_format")


class AugmentationLayer(ImageLayer):
    """Base of the random image layers."""

    traits: ClassVar[frozenset[Trait]] = _TRAITS


class RandomCrop(SizedImageLayer):
    """Crops a window of ``height`` by ``width`` at a random place."""

    traits: ClassVar[frozenset[Trait]] = _TRAITS

    seed: Seed = None
    data_format: DataFormat = None


class RandomFlip(AugmentationLayer):
    """Flips images left to right, upside down, or both, at random."""

    mode: Literal["horizontal_and_vertical", "horizontal", "vertical"] = "horizontal_and_vertical"
    seed: Seed = None
    data_format: DataFormat = None


class RandomRotation(AugmentationLayer):
    """Rotates images by a random fraction of a full turn."""

    factor: SignedFactor
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: Seed = None
    fill_value: float = 0.0
    data_format: DataFormat = None


class RandomTranslation(AugmentationLayer):
    """Moves images by a random fraction of their height and width."""

    height_factor: SignedFactor
    width_factor: SignedFactor
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: Seed = None
    fill_value: float = 0.0
    data_format: DataFormat = None


class RandomZoom(AugmentationLayer):
    """Zooms in (negative factors) or out (positive ones) at random."""

    height_factor: ZoomFactor
    width_factor: ZoomFactor | None = None
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: Seed = None
    fill_value: float = 0.0
    data_format: DataFormat = None


class RandomShear(AugmentationLayer):
    """Shears images along either axis."""

    min_keras: ClassVar[str] = "3.8.0"

    x_factor: Factor = 0.0
    y_factor: Factor = 0.0
    interpolation: Interpolation = "bilinear"
    fill_mode: FillMode = "reflect"
    fill_value: float = 0.0
    data_format: DataFormat = None
    seed: Seed = None


class RandomPerspective(AugmentationLayer):
    """Applies a random perspective transform."""

    min_keras: ClassVar[str] = "3.9.0"

    factor: Factor = 1.0
    scale: ClosedRate = 1.0
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0
    seed: Seed = None
    data_format: DataFormat = None


class RandomElasticTransform(AugmentationLayer):
    """Moves pixels by a smooth random field (Simard et al. 2003)."""

    min_keras: ClassVar[str] = "3.10.0"

    factor: Factor = 1.0
    scale: Factor = 1.0
    interpolation: Interpolation = "bilinear"
    fill_mode: Literal["constant", "nearest", "wrap", "mirror", "reflect"] = "reflect"
    fill_value: float = 0.0
    value_range: ValueRange = (0, 255)
    seed: Seed = None
    data_format: DataFormat = None


class RandomErasing(AugmentationLayer):
    """Fills a random rectangle with a value, or with noise (Zhong et al. 2017)."""

    min_keras: ClassVar[str] = "3.9.0"

    factor: Factor = 1.0
    scale: Factor = (0.02, 0.33)
    fill_value: float | None = None
    value_range: ValueRange = (0, 255)
    seed: Seed = None
    data_format: DataFormat = None


class RandomGaussianBlur(AugmentationLayer):
    """Blurs with a Gaussian kernel of random width."""

    min_keras: ClassVar[str] = "3.9.0"

    factor: Factor = 1.0
    kernel_size: KernelSize = 3
    sigma: Factor = 1.0
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: Seed = None

    @model_validator(mode="after")
    def _odd_kernel(self) -> Self:
        sizes = self.kernel_size if isinstance(self.kernel_size, tuple) else (self.kernel_size,)
        if any(size % 2 == 0 for size in sizes):
            raise ValueError(f"kernel_size must be odd, got {self.kernel_size}")
        return self


class RandomGrayscale(AugmentationLayer):
    """Turns a random part of the images gray, keeping their channels."""

    min_keras: ClassVar[str] = "3.8.0"
    takes_mappings: ClassVar[bool] = False
    channels: ClassVar[tuple[int, ...]] = (3, 1)

    factor: ClosedRate = 0.5
    data_format: DataFormat = None
    seed: Seed = None

    def output_dtype(self, x: Tensor) -> str:
        """That of the input."""
        return x.dtype


class RandomInvert(AugmentationLayer):
    """Inverts the values of a random part of the images."""

    min_keras: ClassVar[str] = "3.9.0"

    factor: Factor = 1.0
    value_range: ValueRange = (0, 255)
    seed: Seed = None
    data_format: DataFormat = None


class RandomBrightness(AugmentationLayer):
    """Adds a random value."""

    common_fields: ClassVar[tuple[str, ...]] = _WITH_DATA_FORMAT

    factor: SignedFactor
    value_range: ValueRange = (0, 255)
    seed: Seed = None
    data_format: DataFormat = None


class RandomContrast(AugmentationLayer):
    """Stretches or shrinks the distance of the values to their mean."""

    common_fields: ClassVar[tuple[str, ...]] = _WITH_DATA_FORMAT

    factor: Factor
    value_range: ValueRange = (0, 255)
    seed: Seed = None
    data_format: DataFormat = None


class RandomHue(AugmentationLayer):
    """Turns the hue of colour images."""

    min_keras: ClassVar[str] = "3.8.0"
    channels: ClassVar[tuple[int, ...]] = (3,)

    factor: Factor
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: Seed = None


class RandomSaturation(AugmentationLayer):
    """Changes the saturation of colour images."""

    min_keras: ClassVar[str] = "3.8.0"
    channels: ClassVar[tuple[int, ...]] = (3,)

    factor: SignedFactor
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: Seed = None


class RandomColorDegeneration(AugmentationLayer):
    """Blends colour images with their gray version."""

    min_keras: ClassVar[str] = "3.8.0"
    takes_mappings: ClassVar[bool] = False
    channels: ClassVar[tuple[int, ...]] = (3,)

    factor: SignedFactor
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: Seed = None


class RandomColorJitter(AugmentationLayer):
    """Changes brightness, contrast, saturation and hue, each where its factor is given."""

    min_keras: ClassVar[str] = "3.8.0"

    value_range: ValueRange = (0, 255)
    brightness_factor: SignedFactor | None = None
    contrast_factor: Factor | None = None
    saturation_factor: SignedFactor | None = None
    hue_factor: Factor | None = None
    seed: Seed = None
    data_format: DataFormat = None

    def check_images(self, x: Tensor) -> None:
        """Colours need three channels.

        Raises:
            ShapeError: for a wrong rank or number of channels.
        """
        super().check_images(x)
        if self.saturation_factor is not None or self.hue_factor is not None:
            self.check_channels(x, (3,))


class RandomSharpness(AugmentationLayer):
    """Blends images with a smoothed version."""

    min_keras: ClassVar[str] = "3.8.0"

    factor: Factor
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: Seed = None


class RandomPosterization(AugmentationLayer):
    """Keeps only some of the bits of the values."""

    min_keras: ClassVar[str] = "3.8.0"

    factor: BitsFactor
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: Seed = None


class Solarization(AugmentationLayer):
    """Adds to the values and inverts those above a threshold."""

    min_keras: ClassVar[str] = "3.6.0"
    common_fields: ClassVar[tuple[str, ...]] = _WITH_DATA_FORMAT

    addition_factor: Factor = 0.0
    threshold_factor: Factor = 0.0
    value_range: ValueRange = (0, 255)
    seed: Seed = None
    data_format: DataFormat = None


class MixUp(AugmentationLayer):
    """Blends images, and their labels, of one batch (Zhang et al. 2017)."""

    min_keras: ClassVar[str] = "3.8.0"

    alpha: PositiveFloat = 0.2
    data_format: DataFormat = None
    seed: Seed = None


class CutMix(AugmentationLayer):
    """Replaces a rectangle by that of another image of the batch (Yun et al. 2019)."""

    min_keras: ClassVar[str] = "3.9.0"

    factor: Factor = 1.0
    seed: Seed = None
    data_format: DataFormat = None


class RandAugment(AugmentationLayer):
    """Applies ``num_ops`` augmentations drawn at random (Cubuk et al. 2019)."""

    min_keras: ClassVar[str] = "3.8.0"
    channels: ClassVar[tuple[int, ...]] = (3, 1)

    value_range: ValueRange = (0, 255)
    num_ops: PositiveInt = 2
    factor: Factor = 0.5
    interpolation: Interpolation = "bilinear"
    seed: Seed = None
    data_format: DataFormat = None


class AugMix(AugmentationLayer):
    """Blends several chains of augmentations (Hendrycks et al. 2020)."""

    min_keras: ClassVar[str] = "3.9.0"
    channels: ClassVar[tuple[int, ...]] = (3, 1)

    value_range: ValueRange = (0, 255)
    num_chains: PositiveInt = 3
    chain_depth: PositiveInt = 3
    factor: Factor = 0.3
    alpha: PositiveFloat = 1.0
    all_ops: bool = True
    interpolation: Interpolation = "bilinear"
    seed: Seed = None
    data_format: DataFormat = None


LAYERS: tuple[type[Layer], ...] = (
    AugMix,
    CutMix,
    MixUp,
    RandAugment,
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomCrop,
    RandomElasticTransform,
    RandomErasing,
    RandomFlip,
    RandomGaussianBlur,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPerspective,
    RandomPosterization,
    RandomRotation,
    RandomSaturation,
    RandomSharpness,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    Solarization,
)
