"""Data packages: what stations recorded, as files for scientists, with everything needed to read and cite them."""
