"""Hypothesis builds any message from its descriptor: every field, every oneof, unknown enums."""

from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

M = TypeVar("M", bound=Message)

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}
# What a text field is likely to be read as, beside any text at all.
_TEXTS = st.sampled_from(
    ["", "auto", "none", "required", "low", "f", "https://a", "data:image/png;base64,eA==", "{}"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def messages_of(kind: type[M], depth: int = 4) -> st.SearchStrategy[M]:
    """Any message of this type; below ``depth`` messages are left out."""
    built: st.SearchStrategy[M] = _fields(kind.DESCRIPTOR, depth).map(lambda fields: kind(**fields))
    return built


def _fields(descriptor: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    optional = {
        field.name: _values(field, depth)
        for field in descriptor.fields
        if depth > 0 or field.message_type is None
    }
    return st.fixed_dictionaries({}, optional=optional)


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name
        return st.dictionaries(
            _single(entry["key"], depth), _single(entry["value"], depth), max_size=3
        )
    if field.is_repeated:
        return st.lists(_single(field, depth - 1), max_size=3)
    return _single(field, depth - 1)


def _single(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        # The stubs leave it out: the class that the generated module made of the descriptor.
        kind: Any = field.message_type._concrete_class  # type: ignore[attr-defined]
        return messages_of(kind, depth)
    if field.enum_type is not None:
        known = [value.number for value in field.enum_type.values]
        return st.sampled_from([*known, max(known) + 7])
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return st.binary(max_size=8)
            return _TEXTS
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return st.floats() | st.floats(0, 2)
        case _:
            return _INTEGERS[field.cpp_type] | st.integers(0, 5)
