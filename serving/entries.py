"""Entries: a list of records in every row of a table, kept in columns until somebody reads a row.

A score table of 100,000 accounts and 100 metrics holds ten million drivers. As dictionaries they
would need gigabytes and most of the time; as columns they are a few arrays, from which a row's
list is made when it is looked at, and a file's columns are written as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Record = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """A text per row, each distinct one kept once.

    Parameters
    ----------
    code : ndarray of shape (n,)
        Place of each row's text among `texts`.
    texts : sequence of str
    """

    code: NDArray[np.intp]
    texts: Sequence[str]


def categories(column: pd.Series) -> Words:
    """A column of n categories; the empty text stands for a missing one."""
    code, texts = pd.factorize(column.astype(object).where(column.notna(), ""))
    return Words(code, [str(text) for text in texts])


@dataclass(frozen=True, eq=False)
class Entries:
    """Lists of records for n rows, out of k possible records per row.

    Parameters
    ----------
    order : ndarray of shape (n, k)
        Which record comes first in a row, and which last.
    length : ndarray of shape (n,)
        How many of them a row has.
    constant : dict of str to sequence of k
        Fields that are the same in every row.
    number : dict of str to ndarray of shape (k, n)
        Fields that are numbers; NaN is told as None.
    words : dict of str to sequence of k Words
        Fields that are texts.
    category : dict of int to Words
        Records whose `value` is no number but a category; the empty text is told as None.
    """

    order: NDArray[np.int_]
    length: NDArray[np.int_]
    constant: Mapping[str, Sequence[str | None]]
    number: Mapping[str, NDArray[np.float64]]
    words: Mapping[str, Sequence[Words]]
    category: Mapping[int, Words] = field(default_factory=dict)

    def column(self, index: pd.Index) -> pd.Series:
        """One list per row, as a column of a table."""
        lists = np.empty(len(self.order), dtype=object)
        for row in range(len(lists)):
            lists[row] = Entry(self, row)
        return pd.Series(lists, index=index, dtype=object)

    def row(self, row: int) -> list[Record]:
        """The records of one row as plain values."""
        return [self._record(row, place) for place in self.order[row, : self.length[row]].tolist()]

    def _record(self, row: int, place: int) -> Record:
        told: Record = {name: values[place] for name, values in self.constant.items()}
        for name, numbers in self.number.items():
            number = float(numbers[place, row])
            told[name] = None if number != number else number
        for name, words in self.words.items():
            told[name] = words[place].texts[words[place].code[row]]
        if place in self.category:
            known = self.category[place]
            told["value"] = known.texts[known.code[row]] or None
        return told


class Entry(Sequence[Record]):
    """The list of one row; reads like a list and is made when it is read."""

    __slots__ = ("entries", "place")

    def __init__(self, entries: Entries, place: int) -> None:
        self.entries = entries
        self.place = place

    def __len__(self) -> int:
        return int(self.entries.length[self.place])

    def __iter__(self) -> Iterator[Record]:
        return iter(self.entries.row(self.place))

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self.entries.row(self.place)[index]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, list | Entry) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


def to_arrow(lists: Sequence[Entry]) -> "pa.Array":
    """Turn a column of lists into Arrow: a list of structs, texts by dictionary.

    Parameters
    ----------
    lists : sequence of n Entry
        All of the same `Entries`, in any order. A number stands in ``value``, a category in
        ``category`` beside it.
    """
    import pyarrow as pa

    entries = lists[0].entries
    rows = np.fromiter((each.place for each in lists), np.intp, len(lists))
    length = entries.length[rows]
    order = entries.order[rows]
    place = order[np.arange(order.shape[1]) < length[:, None]]
    row = np.repeat(rows, length)
    fields = {name: _constant(values, place) for name, values in entries.constant.items()}
    fields |= {
        name: pa.array(values[place, row], from_pandas=True)
        for name, values in entries.number.items()
    }
    if entries.category:
        fields["category"] = _categories(entries.category, place, row)
    fields |= {name: _texts(words, place, row) for name, words in entries.words.items()}
    offsets = np.concatenate([[0], np.cumsum(length)]).astype(np.int32)
    structs = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    return pa.ListArray.from_arrays(pa.array(offsets), structs)


def _constant(values: Sequence[str | None], place: NDArray[np.int_]) -> "pa.Array":
    import pyarrow as pa

    known = list(dict.fromkeys(value for value in values if value is not None))
    code = np.array([-1 if value is None else known.index(value) for value in values], np.int16)
    told = code[place]
    indices = pa.array(told, mask=told < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(known, pa.string()))


def _texts(words: Sequence[Words], place: NDArray[np.int_], row: NDArray[np.intp]) -> "pa.Array":
    import pyarrow as pa

    starts = np.concatenate([[0], np.cumsum([len(each.texts) for each in words])])
    codes = np.array([each.code + start for each, start in zip(words, starts, strict=False)])
    texts = [text for each in words for text in each.texts]
    indices = pa.array(codes[place, row].astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def _categories(
    category: Mapping[int, Words], place: NDArray[np.int_], row: NDArray[np.intp]
) -> "pa.Array":
    import pyarrow as pa

    texts = [text for each in category.values() for text in each.texts]
    told, start = np.full(len(place), -1, np.int32), 0
    for own, words in category.items():
        here = place == own
        code = words.code[row[here]]
        empty = np.array([not text for text in words.texts], np.bool_)[code]
        told[here] = np.where(empty, -1, code + start)
        start += len(words.texts)
    indices = pa.array(told, mask=told < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))
