"""The router's keys of all documents, and the best match of a query among those of each.

Every key stands once, however many documents have it: z that are looked up in the vocabulary mostly name words that
others name, too. 1,992 passages of Wikipedia have 255,000 vectors, of which 20,780 are different, so a question is
compared with a twelfth, and a document is a list of keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import embedding_bag

_SIMILARITIES_AT_ONCE = 2**24
"""Of queries and keys, 64 MB: those of many questions at once would take gigabytes."""


class DocumentKeys:
    """Keys of documents, in the order of their rows.

    Args:
        keys: [U, dim], unit vectors.
        lists: [n], int32, which of them each document has, one document after the other.
        ends: [N + 1], int32, 0 and where the list of each document ends.
        moved: Keys [m, dim] of documents that have their own by now.
    """

    def __init__(
        self, keys: torch.Tensor, lists: torch.Tensor, ends: torch.Tensor, moved: dict[int, torch.Tensor]
    ) -> None:
        self._keys, self._lists, self._ends, self._moved = keys, lists, ends, moved

    @classmethod
    def of_vectors(cls, keys: torch.Tensor, which: torch.Tensor) -> DocumentKeys:
        """From the keys [U, dim], and which of them each vector of each document has, [N, m]."""
        ordered = which.sort(1).values
        first = torch.ones_like(ordered, dtype=torch.bool)
        first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        return cls(keys, ordered[first].int(), _ends(first.sum(1)), {})

    def __len__(self) -> int:
        """The number of documents."""
        return len(self._ends) - 1

    @property
    def nbytes(self) -> int:
        """Bytes that a question reads."""
        tensors = [self._keys, self._lists, self._ends, *self._moved.values()]
        return sum(tensor.nbytes for tensor in tensors)

    def put(self, row: int, keys: torch.Tensor) -> None:
        """Gives one document keys [m, dim] of its own: a z that is learning is at a new place after every step."""
        self._moved[row] = keys

    def picked(self, rows: Sequence[int]) -> DocumentKeys:
        """The keys of some documents; what is put into either later does not show in the other."""
        lists = [self._lists[self._ends[row] : self._ends[row + 1]] for row in rows]
        moved = {new: self._moved[old] for new, old in enumerate(rows) if old in self._moved}
        return DocumentKeys(self._keys, torch.cat(lists), _ends(torch.tensor([len(part) for part in lists])), moved)

    def best(self, queries: torch.Tensor) -> torch.Tensor:
        """The best match [..., N] of each query [..., dim] among the keys of each document; gradients pass."""
        flat = queries.flatten(0, -2)
        at_once = max(1, _SIMILARITIES_AT_ONCE // len(self._keys))
        best = torch.cat([self._best(part) for part in flat.split(at_once)])
        return best.unflatten(0, queries.shape[:-1])

    def _best(self, queries: torch.Tensor) -> torch.Tensor:
        similar = self._keys @ queries.T
        best = embedding_bag(self._lists, similar, self._ends, mode="max", include_last_offset=True).T
        if self._moved:
            best = best.clone()
        for row, keys in self._moved.items():
            best[:, row] = (queries @ keys.T).amax(-1)
        return best


def _ends(lengths: torch.Tensor) -> torch.Tensor:
    """[N + 1], int32, of lists of these lengths [N] that stand one after the other."""
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]).int()
