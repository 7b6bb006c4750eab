"""Every type that a Parquet file can hold, at its extremes, with what each value must become as a property."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

MOST, LEAST = 2**63 - 1, -(2**63)
ROWS: Final = 3
AT: Final = 1_700_000_000_000_000


class Kind(NamedTuple):
    """Three values of a type, and the property that each becomes; `refused`: why a job that uses them is refused."""

    values: pa.Array
    expected: tuple[Any, ...] = ()
    refused: str = ""


def of(values: list[Any], dtype: pa.DataType, storage: pa.DataType | None = None) -> pa.Array:
    array = pa.array(values, storage or dtype)
    return array.view(dtype) if storage is not None else array


def extended(dtype: pa.BaseExtensionType, values: list[Any]) -> pa.Array:
    return pa.ExtensionArray.from_storage(dtype, pa.array(values, dtype.storage_type))


class UnknownType(pa.ExtensionType):  # type: ignore[misc]  # pyarrow has no types
    """An extension type that no reader has heard of."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "somebody.elses")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "UnknownType":
        return cls()


def timestamps(unit: str, zone: str | None, texts: tuple[str, str]) -> Kind:
    end = "Z" if zone else ""
    values = of([MOST, LEAST, None], pa.timestamp(unit, zone), pa.int64())
    return Kind(values, (texts[0] + end, texts[1] + end, None))


TIMES: Final = {
    "ms": ("+292278994-08-17T07:12:55.807", "-292275055-05-16T16:47:04.192"),
    "us": ("+294247-01-10T04:00:54.775807", "-290308-12-21T19:59:05.224192"),
    "ns": ("2262-04-11T23:47:16.854775807", "1677-09-21T00:12:43.145224192"),
}
DURATIONS: Final = {
    "ms": ("P106751991167DT7H12M55.807S", "-P106751991167DT7H12M55.808S"),
    "us": ("P106751991DT4H54.775807S", "-P106751991DT4H54.775808S"),
    "ns": ("P106751DT23H47M16.854775807S", "-P106751DT23H47M16.854775808S"),
}
TEXT_MAP: Final = pa.map_(pa.string(), pa.int64())
NINES: Final = Decimal("9" * 36 + ".99")
MINUS_NINES: Final = Decimal(f"-{NINES}")
KINDS: Final[dict[str, Kind]] = {
    **{
        f"timestamp {unit} {zone}": timestamps(unit, zone, texts)
        for unit, texts in TIMES.items()
        for zone in (None, "UTC", "Europe/Berlin", "+05:30")
    },
    **{
        f"duration {unit}": Kind(of([MOST, LEAST, None], pa.duration(unit), pa.int64()), (*texts, None))
        for unit, texts in DURATIONS.items()
    },
    "duration s": Kind(
        of([MOST, LEAST, None], pa.duration("s"), pa.int64()),
        refused="found Casting from duration[s] to duration[ms] would result in out of bounds timestamp",
    ),
    "years of four digits": Kind(
        of([-62135596800_000000, 253402300799_999999, -62167219200_000000], pa.timestamp("us"), pa.int64()),
        ("0001-01-01T00:00:00.000", "9999-12-31T23:59:59.999999", "0000-01-01T00:00:00.000"),
    ),
    "date32": Kind(
        of([2**31 - 1, -(2**31), None], pa.date32(), pa.int32()), ("+5881580-07-11", "-5877641-06-23", None)
    ),
    "date64": Kind(of([86_400_000, -86_400_000, None], pa.date64(), pa.int64()), ("1970-01-02", "1969-12-31", None)),
    "time32": Kind(of([0, 86_399_999, None], pa.time32("ms"), pa.int32()), ("00:00:00", "23:59:59.999", None)),
    "time64": Kind(
        of([0, 86_399_999_999_999, None], pa.time64("ns"), pa.int64()), ("00:00:00", "23:59:59.999999999", None)
    ),
    "time out of the day": Kind(
        of([0, 86_400_000, -1], pa.time32("ms"), pa.int32()),
        refused="found time32[ms] 86400000 is not within the acceptable range of [0, 86400000) ms",
    ),
    "time out of the day in a list": Kind(
        pa.ListArray.from_arrays([0, 1, 2, 2], of([0, -1], pa.time64("us"), pa.int64())),
        refused="-1 is not within the acceptable range",
    ),
    "bool": Kind(pa.array([True, False, None]), (True, False, None)),
    **{
        f"int{bits}": Kind(of([2 ** (bits - 1) - 1, -(2 ** (bits - 1)), None], dtype), expected)
        for bits, dtype, expected in (
            (8, pa.int8(), (127, -128, None)),
            (16, pa.int16(), (32767, -32768, None)),
            (32, pa.int32(), (2**31 - 1, -(2**31), None)),
            (64, pa.int64(), (str(MOST), str(LEAST), None)),
        )
    },
    "uint8": Kind(of([255, 0, None], pa.uint8()), (255, 0, None)),
    "uint32": Kind(of([2**32 - 1, 0, None], pa.uint32()), (2**32 - 1, 0, None)),
    "uint64": Kind(of([2**64 - 1, 2**53, 2**53 - 1], pa.uint64()), (str(2**64 - 1), str(2**53), 2**53 - 1)),
    "float16": Kind(of([65504.0, -0.5, None], pa.float16()), (65504.0, -0.5, None)),
    "float32": Kind(of([0.1, 2.0**127, None], pa.float32()), (0.1, 1.7014118e38, None)),
    "float64": Kind(of([1.7976931348623157e308, 5e-324, None], pa.float64()), (1.7976931348623157e308, 5e-324, None)),
    "decimal32": Kind(of([Decimal("9999999.99"), Decimal("-0.01"), None], pa.decimal32(9, 2)),
        (9999999.99, -0.01, None)),
    "decimal64": Kind(of([Decimal("9999999999999999.99"), None, None], pa.decimal64(18, 2)),
        ("9999999999999999.99", None, None)),
    "decimal128": Kind(of([NINES, MINUS_NINES, None], pa.decimal128(38, 2)), (str(NINES), str(MINUS_NINES), None)),
    "decimal256": Kind(
        of([Decimal("9" * 74 + ".99"), Decimal("-1.50"), None], pa.decimal256(76, 2)), ("9" * 74 + ".99", "-1.50", None)
    ),
    "decimal256, few digits": Kind(of([Decimal("12.34"), NINES, None], pa.decimal256(38, 2)),
        (12.34, str(NINES), None)),
    "null": Kind(pa.nulls(3), (None, None, None)),
    "string": Kind(pa.array(["a", "", None]), ("a", "", None)),
    "large_string": Kind(pa.array(["a", "ü", None], pa.large_string()), ("a", "ü", None)),
    "string_view": Kind(pa.array(["a", "long enough to be apart", None], pa.string_view()),
        ("a", "long enough to be apart", None)),
    "text that is not UTF-8": Kind(
        pa.StringArray.from_buffers(3, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffa")),
        refused="found Invalid UTF8 sequence",
    ),
    "binary": Kind(pa.array([b"\xff\x00", b"", None]), ("/wA=", "", None)),
    "fixed-size binary": Kind(pa.array([b"ab", b"cd", None], pa.binary(2)), ("YWI=", "Y2Q=", None)),
    "uuid": Kind(extended(pa.uuid(), [b"0123456789abcdef", None, None]), ("MDEyMzQ1Njc4OWFiY2RlZg==", None, None)),
    "json": Kind(extended(pa.json_(), ['{"a":1}', "no JSON", None]), ('{"a":1}', "no JSON", None)),
    "bool8": Kind(extended(pa.bool8(), [1, 0, None]), (True, False, None)),
    "opaque": Kind(extended(pa.opaque(pa.binary(), "geo", "pg"), [b"a", None, None]), ("YQ==", None, None)),
    "unknown extension": Kind(extended(UnknownType(), [1, 2, None]), (1, 2, None)),
    "list": Kind(pa.array([[1, None], [], None]), ([1, None], [], None)),
    "large_list": Kind(pa.array([[MOST], [], None], pa.large_list(pa.int64())), ([str(MOST)], [], None)),
    "list_view": Kind(
        pa.array([[1], [], None], pa.list_view(pa.int64())),
        refused="Expected a type that can be read in column `x`, found list_view<element: int64>",
    ),
    "large_list_view": Kind(pa.array([[1], [], None], pa.large_list_view(pa.int64())), ([1], [], None)),
    "fixed-size list": Kind(pa.array([[1, 2], [3, None], None], pa.list_(pa.int64(), 2)), ([1, 2], [3, None], None)),
    "fixed-size list of nothing": Kind(
        pa.array([[], [], None], pa.list_(pa.int64(), 0)),
        refused="Expected a type that can be read in column `x`, found lists that hold nothing",
    ),
    "struct": Kind(pa.array([{"a": 1, "b": None}, {"a": None, "b": "x"}, None]),
        ({"a": 1, "b": None}, {"a": None, "b": "x"}, None)),
    "struct of extremes": Kind(
        pa.StructArray.from_arrays([of([MOST, LEAST, 0], pa.timestamp("us"), pa.int64())], ["at"]),
        ({"at": TIMES["us"][0]}, {"at": TIMES["us"][1]}, {"at": "1970-01-01T00:00:00.000"}),
    ),
    "list of structs of uuids": Kind(
        pa.ListArray.from_arrays([0, 1, 1, 1], pa.StructArray.from_arrays([extended(pa.uuid(), [b"0123456789abcdef"])],
            ["u"])),
        ([{"u": "MDEyMzQ1Njc4OWFiY2RlZg=="}], [], []),
    ),
    "map": Kind(pa.array([[("k", 1), ("l", None)], [], None], TEXT_MAP), ({"k": 1, "l": None}, {}, None)),
    "map by number": Kind(pa.array([[(1, "a"), (-2, "b")], [], None], pa.map_(pa.int32(), pa.string())),
        ({"1": "a", "-2": "b"}, {}, None)),
    "map by date": Kind(pa.array([[(datetime(2024, 2, 29), [1.5])], None, None],
        pa.map_(pa.date32(), pa.list_(pa.float64()))), ({"2024-02-29": [1.5]}, None, None)),
    "map in a list": Kind(pa.array([[[("k", 1)], None], [], None], pa.list_(TEXT_MAP)), ([{"k": 1}, None], [], None)),
    "map in a struct": Kind(pa.array([{"m": [("k", 1)]}, {"m": None}, None], pa.struct([("m", TEXT_MAP)])),
        ({"m": {"k": 1}}, {"m": None}, None)),
    "map of maps": Kind(pa.array([[("a", [("b", 1)])], [], None], pa.map_(pa.string(), TEXT_MAP)),
        ({"a": {"b": 1}}, {}, None)),
    "dictionary of text": Kind(pa.array(["a", "b", None]).dictionary_encode(), ("a", "b", None)),
    "dictionary of bytes": Kind(pa.array([b"a", b"b", None]).dictionary_encode(), ("YQ==", "Yg==", None)),
    "dictionary of integers": Kind(pa.array([1, MOST, None]).dictionary_encode(), (1, str(MOST), None)),
    "dictionary of times": Kind(of([MOST, LEAST, None], pa.timestamp("us"), pa.int64()).dictionary_encode(),
        (*TIMES["us"], None)),
    "dictionary of decimals": Kind(pa.array([NINES, None, None], pa.decimal128(38, 2)).dictionary_encode(),
        (str(NINES), None, None)),
    "dictionary in a struct": Kind(pa.StructArray.from_arrays([pa.array(["a", "b", None]).dictionary_encode()], ["d"]),
        ({"d": "a"}, {"d": "b"}, {"d": None})),
}  # fmt: skip


def write_kinds(path: Path, columns: dict[str, pa.Array]) -> None:
    """Write a file with the columns, beside a number `n` and a good time `at`."""
    numbers, times = pa.array(range(ROWS)), of([AT] * ROWS, pa.timestamp("us", "UTC"), pa.int64())
    pq.write_table(pa.table({"n": numbers, "at": times, **columns}), path)
