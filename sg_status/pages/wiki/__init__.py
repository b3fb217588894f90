"""Pages that organizations wrote: list, reading, writing, revisions, and what everybody sees."""
