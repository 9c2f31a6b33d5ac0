"""Sparse matrices of linear layers, by index arithmetic.

A map is a list of entries (source element, target element, weight); elements are numbered in C order of
(channels, height, width).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import shown

Shape = tuple[int, ...]
_MOST_ENTRIES = 50_000_000  # of some 60 bytes each while they are sorted


@dataclass(frozen=True)
class LinearMap:
    """Entries of a sparse matrix, sorted by source; no pair twice, no weight zero."""

    source: Array
    target: Array
    weight: Array
    num_sources: int
    num_targets: int


def identity(size: int) -> LinearMap:
    every = np.arange(size)
    return LinearMap(every, every, np.ones(size), size, size)


def dense(weight: Array) -> LinearMap:
    """The map of ``y = W x``, or of a block for each leading index."""
    _require_room(int(np.count_nonzero(weight)))
    blocks = weight.reshape(-1, *weight.shape[-2:])
    block, target, source = np.nonzero(blocks)
    count, outputs, inputs = blocks.shape
    return _sorted(
        block * inputs + source,
        block * outputs + target,
        blocks[block, target, source],
        count * inputs,
        count * outputs,
    )


def scaling(scale: Array, size: int, where: str) -> LinearMap:
    """An element-wise product; one number, or one a channel, is repeated."""
    flat = scale.ravel()
    if flat.size == 0 or size % flat.size:
        raise InvalidInput(f"{where} scales {size} values by {flat.size} factors")
    return _sorted(np.arange(size), np.arange(size), np.repeat(flat, size // flat.size), size, size)


def composed(first: LinearMap, second: LinearMap) -> LinearMap:
    """The map ``second(first(x))``; entries that cancel to zero disappear."""
    if len(first.source) and _is_identity(first):
        return second
    ptr = np.searchsorted(second.source, np.arange(second.num_sources + 1))
    reach = np.diff(ptr)[first.target]
    _require_room(int(reach.sum()))
    entry = np.repeat(np.arange(len(first.source)), reach)
    offset = np.arange(len(entry)) - np.repeat(np.cumsum(reach) - reach, reach)
    step = ptr[first.target[entry]] + offset
    return _sorted(
        first.source[entry],
        second.target[step],
        first.weight[entry] * second.weight[step],
        first.num_sources,
        second.num_targets,
    )


def added(parts: list[LinearMap]) -> LinearMap:
    """The sum of maps from the same neurons to the same place."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    if any(part.num_targets != first.num_targets for part in parts):
        sizes = ", ".join(str(part.num_targets) for part in parts)
        raise InvalidInput(f"paths of different sizes meet in one node: {sizes} values")
    return _sorted(
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.weight for part in parts]),
        first.num_sources,
        first.num_targets,
    )


def _require_room(entries: int) -> None:
    if entries > _MOST_ENTRIES:
        raise InvalidInput(f"{entries:,} paths between two layers of neurons are more than the {_MOST_ENTRIES:,} read")


def _is_identity(entries: LinearMap) -> bool:
    return bool(
        len(entries.source) == entries.num_sources == entries.num_targets
        and (entries.source == entries.target).all()
        and (entries.weight == 1).all()
    )


def _sorted(source: Array, target: Array, weight: Array, num_sources: int, num_targets: int) -> LinearMap:
    key = source.astype(np.int64) * num_targets + target
    order = np.argsort(key, kind="stable")
    key, weight = key[order], weight[order].astype(np.float64)
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    if not first.all():
        weight = np.add.reduceat(weight, np.flatnonzero(first))
    kept = weight != 0  # NaN stays, to be named later
    source, target = np.divmod(key[first][kept], num_targets)
    return LinearMap(source, target, weight[kept], num_sources, num_targets)


def flatten_shape(shape: Shape, start: int, end: int) -> Shape:
    """Join the dimensions ``start ... end``; negative ones count from the end."""
    first = max(0, start + len(shape) if start < 0 else start)
    last = end + len(shape) if end < 0 else end
    if first >= min(last, len(shape) - 1):
        return shape
    return (*shape[:first], int(np.prod(shape[first : last + 1])), *shape[last + 1 :])


@dataclass(frozen=True)
class Window:
    """A kernel that slides over (channels, height, width); one-dimensional ones have height one."""

    input_shape: Shape
    channels_out: int
    groups: int
    kernel: Shape
    stride: Shape
    padding: Shape  # before the first row and column
    dilation: Shape
    output: Shape
    dims: int

    @classmethod
    def convolution(
        cls, where: str, fed: Shape, weight: Array, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Window:
        """A convolution of an input (channels, [height,] width) with the semantics of PyTorch."""
        dims = weight.ndim - 2
        outputs = weight.shape[0]
        if groups < 1 or outputs % groups or fed[0] != weight.shape[1] * groups:
            raise InvalidInput(
                f"{where} takes {weight.shape[1] * groups} channels in {groups} groups to {outputs}, "
                f"but is given {fed[0]}"
            )
        kernel = weight.shape[2:]
        stride, dilation = _spread(stride, dims), _spread(dilation, dims)
        span = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise InvalidInput(f"{where} has the padding {shown(padding)}")
            if padding == "same" and set(stride) != {1}:
                raise InvalidInput(f"{where} has padding 'same' with stride {max(stride)}, which is not defined")
            before = tuple(s // 2 for s in span) if padding == "same" else (0,) * dims
            both = span if padding == "same" else (0,) * dims
        else:
            before = _spread(padding, dims)
            both = tuple(2 * p for p in before)
        return cls._make(where, fed, outputs, groups, kernel, stride, before, both, dilation)

    @classmethod
    def pool(cls, where: str, fed: Shape, kernel: Any, stride: Any, padding: Any) -> Window:
        """Pooling, each channel on its own."""
        before = _spread(padding, 2)
        both = tuple(2 * p for p in before)
        return cls._make(where, fed, fed[0], fed[0], _spread(kernel, 2), _spread(stride, 2), before, both, (1, 1))

    @classmethod
    def _make(
        cls,
        where: str,
        fed: Shape,
        outputs: int,
        groups: int,
        kernel: Shape,
        stride: Shape,
        before: Shape,
        both: Shape,
        dilation: Shape,
    ) -> Window:
        if min((*kernel, *stride, *dilation)) < 1 or min(before) < 0:
            raise InvalidInput(f"{where} has kernel {kernel}, stride {stride}, dilation {dilation}, padding {before}")
        output = tuple(
            (n + p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(fed[1:], both, dilation, kernel, stride, strict=True)
        )
        if min(output) < 1:
            raise InvalidInput(f"{where} has a kernel {kernel} larger than its input {fed[1:]}")
        # where padding is wide, kernel and output may be so, too
        _require_room(outputs * (fed[0] // groups) * math.prod(output) * math.prod(kernel))
        dims = len(kernel)
        if dims == 1:
            fed, output = (fed[0], 1, fed[1]), (1, *output)
            kernel, stride, before, dilation = (1, *kernel), (1, *stride), (0, *before), (1, *dilation)
        return cls(fed, outputs, groups, kernel, stride, before, dilation, output, dims)

    @property
    def output_shape(self) -> Shape:
        return (self.channels_out, *self.output[2 - self.dims :])

    def map(self, weight: Array) -> LinearMap:
        """The map of a kernel (channels out, channels in a group, [height,] width)."""
        weight = weight.reshape(*weight.shape[:2], *self.kernel)
        channels, height, width = self.input_shape
        out_y, ker_y, in_y = self._taps(0)
        out_x, ker_x, in_x = self._taps(1)
        # axes: channel out, channel in within its group, tap in y, tap in x
        out_c = np.arange(self.channels_out)[:, None, None, None]
        in_group = np.arange(weight.shape[1])[None, :, None, None]
        in_c = out_c // (self.channels_out // self.groups) * weight.shape[1] + in_group
        y, x = np.arange(len(out_y))[None, None, :, None], np.arange(len(out_x))[None, None, None, :]
        values = weight[out_c, in_group, ker_y[y], ker_x[x]]
        source = (in_c * height + in_y[y]) * width + in_x[x]
        target = (out_c * self.output[0] + out_y[y]) * self.output[1] + out_x[x] + np.zeros_like(in_group)
        return _sorted(
            source.ravel(),
            target.ravel(),
            values.ravel(),
            channels * height * width,
            self.channels_out * int(np.prod(self.output)),
        )

    def _taps(self, axis: int) -> tuple[Array, Array, Array]:
        """All (output, kernel, input) positions on one axis that do not lie in the padding."""
        output, kernel = np.meshgrid(np.arange(self.output[axis]), np.arange(self.kernel[axis]), indexing="ij")
        source = output * self.stride[axis] - self.padding[axis] + kernel * self.dilation[axis]
        inside = (source >= 0) & (source < self.input_shape[axis + 1])
        return output[inside], kernel[inside], source[inside]


def _spread(given: Shape, dims: int) -> Shape:
    return given * dims if len(given) == 1 else given[:dims]


def whole_shape(what: str, value: Any) -> Shape:
    """Return one whole number or several as a shape."""
    given = np.atleast_1d(value)
    if given.dtype.kind not in "iuf" or given.ndim != 1 or not given.size or (given != np.floor(given)).any():
        raise InvalidInput(f"{what} is {shown(value)}, not whole numbers")
    if not (np.abs(given.astype(np.float64)) < 2**31).all():
        raise InvalidInput(f"{what} is {shown(value)}, beyond anything that can be mapped")
    return tuple(map(int, given))
