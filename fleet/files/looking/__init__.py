"""Looking into a stored file on a page: its beginning as a table, as text, or as a picture."""
