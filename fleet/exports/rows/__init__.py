"""Rows of a package: its columns, the statements that read them, and writing them as text or Parquet."""
