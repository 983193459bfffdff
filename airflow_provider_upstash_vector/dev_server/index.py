"""What kind of index the server plays: type, dimension, similarity function, embedding models."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

IndexType = Literal["DENSE", "SPARSE", "HYBRID"]
SimilarityFunction = Literal["COSINE", "EUCLIDEAN", "DOT_PRODUCT"]
INDEX_TYPES: tuple[IndexType, ...] = get_args(IndexType)
SIMILARITY_FUNCTIONS: tuple[SimilarityFunction, ...] = get_args(SimilarityFunction)

MAX_DIMENSION = 5_376


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSpec:
    """The properties that an index has from its creation on.

    :param index_type: ``"DENSE"``, ``"SPARSE"`` or ``"HYBRID"``.
    :param dimension: of its dense vectors.
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
        """Whether every part that vectors have can be made from text."""
        return (not self.is_dense or bool(self.embedding_model)) and (
            not self.is_sparse or bool(self.sparse_embedding_model)
        )

    def to_json(self) -> str:
        """Return the spec as it is kept in the database."""
        return json.dumps(asdict(self), sort_keys=True)
