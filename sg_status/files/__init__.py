"""Parts that pages of files share: steps through long lists, searches, zips, and looking into a file."""
