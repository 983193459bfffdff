"""Embedding: the texts of rows without a vector become vectors, in batches beside reading and sending."""
