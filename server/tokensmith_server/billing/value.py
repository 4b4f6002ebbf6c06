"""Values of the hot path: immutable to the type checker, and cheap to make.

A frozen dataclass sets each field through ``object.__setattr__``, which costs several times what a
plain assignment does; a call makes a dozen such values. These are plain slotted dataclasses whose
immutability is the type checker's to keep.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Make a class a dataclass with slots, equality and a hash, for fields that never change."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
