"""The payload of Sparkplug B: the part of its protobuf message that is used here, encoded by Google's library.

The numbers of the fields and of the data types are those of the specification 3.0.0, 6.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_FIELDS: dict[str, dict[str, tuple[int, Any]]] = {
    "Metric": {
        "name": (1, _Field.TYPE_STRING),
        "timestamp": (3, _Field.TYPE_UINT64),
        "datatype": (4, _Field.TYPE_UINT32),
        "is_null": (7, _Field.TYPE_BOOL),
        "int_value": (10, _Field.TYPE_UINT32),
        "long_value": (11, _Field.TYPE_UINT64),
        "float_value": (12, _Field.TYPE_FLOAT),
        "boolean_value": (14, _Field.TYPE_BOOL),
        "string_value": (15, _Field.TYPE_STRING),
    },
    "Payload": {
        "timestamp": (1, _Field.TYPE_UINT64),
        "metrics": (2, _Field.TYPE_MESSAGE),
        "seq": (3, _Field.TYPE_UINT64),
    },
}
# Data type and the field that holds it, by the Python type of a value.
_TYPES: dict[type, tuple[int, str]] = {
    int: (8, "long_value"),  # UInt64
    float: (9, "float_value"),  # Float
    bool: (11, "boolean_value"),
    str: (12, "string_value"),
}

Value = int | float | bool | str
Metrics = Mapping[str, tuple[type, Value | None]]  # by name: the type, and the value, None for null


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="sparkplug_b.proto", package="vibdash.sparkplug", syntax="proto2"
    )
    for message_name, fields in _FIELDS.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind) in fields.items():
            repeated = kind == _Field.TYPE_MESSAGE
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            field = message.field.add(name=name, number=number, type=kind, label=label)
            if repeated:
                field.type_name = ".vibdash.sparkplug.Metric"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("vibdash.sparkplug.Payload"))


Payload: Any = _payload_class()


def encode(metrics: Metrics, *, at_ms: int, seq: int | None) -> bytes:
    """Return a payload. `seq` is None in an NDEATH, which has none."""
    payload = Payload(timestamp=at_ms)
    if seq is not None:
        payload.seq = seq
    for name, (kind, value) in metrics.items():
        datatype, field = _TYPES[kind]
        metric = payload.metrics.add(name=name, timestamp=at_ms, datatype=datatype)
        if value is None:
            metric.is_null = True
        else:
            setattr(metric, field, value)
    return bytes(payload.SerializeToString())


def decode(payload: bytes | bytearray) -> dict[str, Value | None]:
    """Return the metrics of a payload. Raises ValueError where it is none."""
    try:
        metrics = Payload.FromString(bytes(payload)).metrics
    except Exception as error:  # the library's DecodeError has another home in each version
        raise ValueError(f"no Sparkplug B payload: {error}") from None
    return {metric.name: None if metric.is_null else _value(metric) for metric in metrics}


def _value(metric: Any) -> Value | None:
    for _, field in _TYPES.values():
        if metric.HasField(field):
            value: Value = getattr(metric, field)
            return value
    return None
