"""Rows of a package: the statements that read them, cold ones, and writing them as text or Parquet."""
