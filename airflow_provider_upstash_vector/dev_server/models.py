"""The properties of an index, and its vectors as they are stored and returned."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

IndexType = Literal["DENSE", "SPARSE", "HYBRID"]
SimilarityFunction = Literal["COSINE", "EUCLIDEAN", "DOT_PRODUCT"]
INDEX_TYPES: tuple[IndexType, ...] = get_args(IndexType)
SIMILARITY_FUNCTIONS: tuple[SimilarityFunction, ...] = get_args(SimilarityFunction)

MAX_DIMENSION = 5_376


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """The properties of an index, fixed when it is created.

    :param index_type: ``"DENSE"``, ``"SPARSE"`` or ``"HYBRID"``.
    :param dimension: the dimension of its dense vectors.
    :param similarity: ``"COSINE"``, ``"EUCLIDEAN"`` or ``"DOT_PRODUCT"``.
    :param embedding_model: the name of the model for dense vectors, ``""`` for none.
    :param sparse_embedding_model: the name of the model for sparse vectors, ``""`` for none.
    """

    index_type: IndexType = "DENSE"
    dimension: int = 2
    similarity: SimilarityFunction = "COSINE"
    embedding_model: str = ""
    sparse_embedding_model: str = ""

    def __post_init__(self) -> None:
        if self.index_type not in INDEX_TYPES:
            raise ValueError(f"index_type must be one of {', '.join(INDEX_TYPES)}, got {self.index_type!r}")
        if self.similarity not in SIMILARITY_FUNCTIONS:
            choices = ", ".join(SIMILARITY_FUNCTIONS)
            raise ValueError(f"similarity must be one of {choices}, got {self.similarity!r}")
        if not 1 <= self.dimension <= MAX_DIMENSION:
            raise ValueError(f"dimension must be from 1 to {MAX_DIMENSION}, got {self.dimension}")

    @property
    def is_dense(self) -> bool:
        """Whether vectors have a dense part."""
        return self.index_type != "SPARSE"

    @property
    def is_sparse(self) -> bool:
        """Whether vectors have a sparse part."""
        return self.index_type != "DENSE"

    @property
    def embeds_text(self) -> bool:
        """Whether there is a model for each part of a vector."""
        return (not self.is_dense or bool(self.embedding_model)) and (
            not self.is_sparse or bool(self.sparse_embedding_model)
        )

    def to_json(self) -> str:
        """Return the spec as it is stored in the database."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """Which parts of a vector a response holds besides its id."""

    vectors: bool = False
    metadata: bool = False
    data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One vector as it is stored: float32 and int32 in native bytes, metadata as JSON text."""

    id: str
    dense: bytes | None = None
    sparse_indices: bytes | None = None
    sparse_values: bytes | None = None
    metadata: str | None = None
    data: str | None = None

    def to_dict(self, include: Include) -> dict[str, Any]:
        """Return the included parts that the vector has, ready for JSON."""
        item: dict[str, Any] = {"id": self.id}
        if include.vectors:
            if self.dense is not None:
                item["vector"] = shortest(np.frombuffer(self.dense, dtype=np.float32))
            if self.sparse_indices is not None and self.sparse_values is not None:
                indices = np.frombuffer(self.sparse_indices, dtype=np.int32)
                values = np.frombuffer(self.sparse_values, dtype=np.float32)
                item["sparseVector"] = {"indices": indices.tolist(), "values": shortest(values)}
        if include.metadata and self.metadata is not None:
            item["metadata"] = json.loads(self.metadata)
        if include.data and self.data is not None:
            item["data"] = self.data
        return item


def shortest(values: npt.NDArray[np.floating[Any]]) -> list[float]:
    """Return float32 values as the numbers with the fewest digits that round to them."""
    return [float(str(value)) for value in values]
