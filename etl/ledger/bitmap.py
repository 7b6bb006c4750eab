"""Bitmaps of a part: bit `i` is event `i`, in byte `i // 8`, the lowest bit first. Pure functions of bytes.

A bitmap of `size` events has `(size + 7) // 8` bytes; the bits past the last event are zero.
"""

from collections.abc import Iterable

import numpy as np

__all__ = [
    "count_bits",
    "empty_bitmap",
    "is_set",
    "is_well_formed",
    "overlaps",
    "set_bits",
    "set_indices",
    "unset_bits",
    "unset_indices",
]


def empty_bitmap(size: int) -> bytes:
    """Return the bitmap of `size` events with no bit set."""
    return bytes((size + 7) // 8)


def is_set(bits: bytes, index: int) -> bool:
    """Whether bit `index` is set."""
    return bool(bits[index >> 3] & 1 << (index & 7))


def set_bits(bits: bytes, indices: Iterable[int]) -> bytes:
    """Return `bits` with the bits at `indices` set as well."""
    changed = bytearray(bits)
    for index in indices:
        changed[index >> 3] |= 1 << (index & 7)
    return bytes(changed)


def count_bits(bits: bytes | bytearray) -> int:
    """Return how many bits are set."""
    return int.from_bytes(bits, "little").bit_count()


def overlaps(first: bytes | bytearray, second: bytes | bytearray) -> bool:
    """Whether some bit is set in both."""
    return bool(int.from_bytes(first, "little") & int.from_bytes(second, "little"))


def is_well_formed(bits: bytes, size: int) -> bool:
    """Whether `bits` has the length of a bitmap of `size` events, and no bit past the last of them."""
    return len(bits) == (size + 7) // 8 and not int.from_bytes(bits, "little") >> size


def set_indices(bits: bytes) -> list[int]:
    """Return the indices of the bits that are set, ascending."""
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
    indices: list[int] = np.flatnonzero(flags).tolist()
    return indices


def unset_bits(size: int, *bitmaps: bytes) -> bytes:
    """Return the bitmap of `size` events whose bits are set where those of none of `bitmaps` are."""
    taken = 0
    for bits in bitmaps:
        taken |= int.from_bytes(bits, "little")
    return (((1 << size) - 1) & ~taken).to_bytes((size + 7) // 8, "little")


def unset_indices(size: int, *bitmaps: bytes) -> list[int]:
    """Return the indices below `size` whose bit is set in none of `bitmaps`, ascending."""
    taken = np.frombuffer(empty_bitmap(size), np.uint8)
    for bits in bitmaps:
        taken = taken | np.frombuffer(bits, np.uint8)
    flags = np.unpackbits(taken, count=size, bitorder="little")
    indices: list[int] = np.flatnonzero(flags == 0).tolist()
    return indices
