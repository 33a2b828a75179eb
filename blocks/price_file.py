"""A price list's bytes as one frame of rows, whatever its format, within bounds. Pure.

The whole market has some 10,000 rows. A few kilobytes can ask for far more than
the file has: columns without end, rows that all repeat one long text.
"""

import csv
import json
from codecs import BOM_UTF8
from collections.abc import Iterable
from io import BytesIO, StringIO
from itertools import chain

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
from pandas import DataFrame
from pyarrow import compute, parquet

_PARQUET_MAGIC = b"PAR1"
_MOST_COLUMNS = 1_000
_MOST_CELLS = 20_000_000
_MOST_TEXT_BYTES = 100_000  # of one cell of a Parquet file
_MOST_PARQUET_BYTES = 256 * 2**20  # of its pages, as it says itself


def frame_in(body: bytes) -> DataFrame:
    """The rows of a Parquet, JSON (list of rows) or CSV file, told by content.

    Raises:
        ValueError: none of them, or larger than any list of prices; says what was wrong.
    """
    try:
        return _frame_in(body)
    except (OSError, RecursionError, csv.Error, pa.ArrowException) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def frame_of_rows(rows: object) -> DataFrame:
    """The rows of a JSON list.

    Raises:
        ValueError: not a list of rows, or larger than any list of prices.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("the JSON is not a list of rows")
    _require_size(len(rows), len(set(chain.from_iterable(rows))))
    return DataFrame(rows)


def _frame_in(body: bytes) -> DataFrame:
    if body.startswith(_PARQUET_MAGIC):
        return _of_parquet(body)
    text = body.removeprefix(BOM_UTF8)
    if text.lstrip().startswith((b"[", b"{")):
        return frame_of_rows(json.loads(text))
    lines = text.count(b"\n") + text.count(b"\r")
    head = next(csv.reader(StringIO(text.decode("utf-8", "replace"))), [])
    _require_size(lines, len(head))
    # Every cell stays text: NA, NAN and TRUE are symbols of listed stocks. And no column is
    # made an index because a row has more cells than the head.
    return pd.read_csv(BytesIO(text), dtype="str", keep_default_na=False, index_col=False)


def _of_parquet(body: bytes) -> DataFrame:
    said = parquet.ParquetFile(BytesIO(body))
    groups = [said.metadata.row_group(number) for number in range(said.metadata.num_row_groups)]
    _require_size(said.metadata.num_rows, said.metadata.num_columns)
    if sum(group.total_byte_size for group in groups) > _MOST_PARQUET_BYTES:
        raise ValueError("larger than any list of prices once it is unpacked")
    # A text that all rows repeat is in the file once, and stays so.
    texts = [field.name for field in said.schema_arrow if _is_text(field.type)]
    table = parquet.read_table(BytesIO(body), read_dictionary=texts)
    for column in table.columns:
        _require_short(column.chunks)
    # Without pandas' own notes a column that was an index is a column again.
    frame: DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _is_text(kind: pa.DataType) -> bool:
    return any(is_one(kind) for is_one in (pa.types.is_string, pa.types.is_binary))


def _require_short(chunks: Iterable[pa.Array]) -> None:
    for chunk in chunks:
        if pa.types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type):
            longest = compute.max(compute.binary_length(chunk.dictionary)).as_py()
            if longest and longest > _MOST_TEXT_BYTES:
                raise ValueError(f"a cell of {longest} bytes")


def _require_size(rows: int, columns: int) -> None:
    if columns > _MOST_COLUMNS or rows * columns > _MOST_CELLS:
        raise ValueError(f"{rows} rows of {columns} columns are more than any list of prices has")
