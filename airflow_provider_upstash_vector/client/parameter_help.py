"""What the parameters of the clients' methods mean, in one place, for docstrings that tools and models read."""

from __future__ import annotations

PARAMETER_HELP = {
    "additional_k": "how many more results to return, 1 to 1,000",
    "all": "reset every namespace",
    "change": "an object with id and the fields to change",
    "data": "a text, which the index's embedding model embeds",
    "delete_existing": "delete a namespace that has the new name already",
    "filter": "only vectors whose metadata match, e.g. genre = 'drama' AND year > 1999",
    "fusion_algorithm": "RRF or DBSF, on hybrid indexes",
    "ids": "one id, or a list of ids",
    "include_data": "return the raw text of each vector",
    "include_metadata": "return the metadata of each vector",
    "include_vectors": "return the numbers of each vector",
    "max_idle": "seconds without a request after which the query ends",
    "namespace": "the namespace",
    "new_namespace": "the new name",
    "page_size": "vectors in one request, 1 to 1,000",
    "prefix": "only ids that start with this",
    "queries": "a list of up to 1,000 objects with the parameters of query",
    "query_mode": "HYBRID, DENSE or SPARSE, for texts on hybrid indexes",
    "sparse_vector": "an object with indices and values, lists of the same length",
    "texts": "a list of objects with id, data and metadata",
    "top_k": "the maximum number of results, 1 to 1,000",
    "vector": "a list of numbers, one for each dimension of the index",
    "vectors": "a list of objects with id, vector, sparse_vector, data and metadata",
    "weighting_strategy": "IDF, for sparse vectors",
}
