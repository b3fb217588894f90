"""An organization's own pages: Markdown texts with revisions, for its members or for everybody."""
