"""Cold storage: readings and detections of past months as Parquet files, read as if they were still in the table."""
