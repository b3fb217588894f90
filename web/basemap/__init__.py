"""The base map (`ground` in code): coasts, lakes, rivers, borders and names, cut into small files at build time."""
