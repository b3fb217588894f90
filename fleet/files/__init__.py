"""The stations' own data files, as far as their lines have come home."""
