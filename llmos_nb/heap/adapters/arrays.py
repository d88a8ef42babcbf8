"""Adapters for arrays of numpy.

Writable arrays are copied, within the bytes that a step may copy; beyond them they are marked, so that a change is
seen though it cannot be undone, and that is said before the step.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import chain
from math import prod
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

from llmos_nb.heap.adapters.base import Adapter, Scope, alike

SMALL = 1 << 20


class ArrayState(NamedTuple):
    """How an array lies in memory, with a copy of its data or, over the bound, only a mark of it.

    A dtype object can change too: the names of its fields.
    """

    form: tuple[Any, ...]  # shape, strides, dtype, names of fields, writable
    data: Any
    mark: str


def owner(array: Any) -> Any:
    """Return the array that owns the memory under a view."""
    numpy = sys.modules["numpy"]
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def bits(array: Any) -> Any:
    """Return an array's data as a flat array of whole numbers (of bytes where it has no multiple of eight)."""
    numpy = sys.modules["numpy"]
    flat = array.view(numpy.ndarray) if type(array) is not numpy.ndarray else array
    if not flat.flags.c_contiguous:
        flat = flat.T if flat.flags.f_contiguous else numpy.ascontiguousarray(flat)
    flat = flat.reshape(-1).view(numpy.uint8)
    return flat.view(numpy.uint64) if flat.nbytes % 8 == 0 and flat.ctypes.data % 8 == 0 else flat


def same_bits(one: Any, other: Any) -> bool:
    """Return whether two arrays of one shape hold the same data, bit for bit (objects: the same objects)."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype == object:
        return alike(one.ravel().tolist(), other.ravel().tolist())
    if one.dtype.kind == "T":  # texts of any length: the array itself holds only where they lie
        return bool(one.tolist() == other.tolist())
    if one.dtype.hasobject:
        return bool((one == other).all())
    first, second = bits(one), bits(other)
    if first.dtype != second.dtype:  # one of the two lies unaligned in memory
        first, second = first.view("u1"), second.view("u1")
    return bool(sys.modules["numpy"].array_equal(first, second))


def mark(array: Any) -> str:
    """Sum an array up at the speed of memory: parity, total and 64 samples, which also see a changed order."""
    numpy = sys.modules["numpy"]
    if array.dtype.kind == "T" or array.dtype.hasobject:
        items = array.ravel().tolist()
        return str(hash(tuple(items if array.dtype.kind == "T" else map(id, items))))
    words = bits(array)
    sums = numpy.bitwise_xor.reduce(words), numpy.add.reduce(words, dtype=numpy.uint64), len(words)
    samples = sha256(repr(sums).encode())
    for start in range(0, len(words), max(len(words) // 64, 512)):
        samples.update(words[start : start + 512])
    return samples.hexdigest()


class Arrays(Adapter):
    """Arrays of numpy; the memory of a view is looked after by the array that owns it."""

    def children(self, objects: Sequence[Any], scope: Scope) -> Iterable[object]:
        """Return the owners of views, and the items of object arrays; report those that lie in a file."""
        for array in filter(_mapped, objects):
            scope.handle(array, "an array in a file")
        owners = (owner(a) for a in objects if _by_owner(a, scope))
        items = (a.ravel().tolist() for a in objects if a.dtype == object)
        return chain(owners, chain.from_iterable(items))

    def note(self, item: Any, scope: Scope) -> ArrayState:
        """Copy what is writable, as far as the bound allows; mark the rest."""
        data, summed = None, ""
        if not (_by_owner(item, scope) and (owner(item).flags.writeable or not item.flags.writeable)):
            wanted = item.flags.writeable or item.nbytes <= SMALL
            if wanted and not scope.light and item.nbytes <= scope.room:
                data = item.copy(order="K")
                scope.room -= item.nbytes
            else:
                summed = mark(item)
                if wanted and not scope.light:
                    scope.opaque(item, f"array of {item.nbytes >> 20} MB, more than a step may copy")
        return ArrayState(_form(item), data, summed)

    def read(self, item: Any) -> ArrayState:
        """Copy one array, whatever its size."""
        return ArrayState(_form(item), item.copy(order="K"), "")

    def same(self, item: Any, state: ArrayState) -> bool:
        """Compare form and data."""
        if _form(item) != state.form:
            return False
        if state.data is not None:
            return same_bits(state.data, item)
        return not state.mark or state.mark == mark(item)

    def write(self, item: Any, state: ArrayState) -> None:
        """Put form and data back into the same memory."""
        _reshape(item, state.form)
        if state.data is not None:
            item.flags.writeable = True
            item.view(sys.modules["numpy"].ndarray)[...] = state.data
        item.flags.writeable = state.form[-1]

    def lost(self, state: ArrayState) -> str:
        """Say that a marked array has no copy."""
        return "an array larger than a step may copy" if state.mark else ""

    def size(self, item: Any, state: ArrayState) -> int:
        """Count the bytes of the copy."""
        return 0 if state.data is None else int(state.data.nbytes)


def _mapped(array: Any) -> bool:
    """Return whether what is written into an array is written to a file, or to memory that other programs see."""
    last = owner(array)
    base = last.base.obj if isinstance(last.base, memoryview) else last.base
    return type(base).__module__ == "mmap" and array.flags.writeable and getattr(last, "mode", "") != "c"


def _by_owner(array: Any, scope: Scope) -> bool:
    """Return whether a view leads to its owner; a small view of a huge array stands for itself."""
    base = owner(array)
    return base is not array and (scope.light or base.nbytes <= max(scope.cap, array.nbytes))


def _form(array: Any) -> tuple[Any, ...]:
    return array.shape, array.strides, array.dtype, array.dtype.names, array.flags.writeable


def _reshape(array: Any, form: tuple[Any, ...]) -> None:
    """Let an array lie in its memory as it did; an owner whose size changed gets memory of the old size."""
    shape, strides, dtype, names, _ = form
    if dtype.names != names:
        dtype.names = names
    if (array.shape, array.strides, array.dtype) == (shape, strides, dtype):
        return
    size = prod(shape) * dtype.itemsize
    if array.nbytes != size and owner(array) is array:
        array.flags.writeable = True  # numpy leaves what it adds to a read-only array as it finds it in memory
    with catch_warnings():  # numpy wants new arrays for this; here it must be the very same one
        simplefilter("ignore", DeprecationWarning)
        if array.nbytes != size and owner(array) is array and array.dtype == dtype:
            array.resize(shape, refcheck=False)
        elif array.nbytes != size or array.itemsize != dtype.itemsize:
            array.shape = (array.size,)
            array.dtype = "u1"
            if array.nbytes != size:
                array.resize(size, refcheck=False)
        if array.dtype != dtype:
            array.dtype = dtype
        if array.shape != shape:
            array.shape = shape
        if array.strides != strides:
            array.strides = strides
