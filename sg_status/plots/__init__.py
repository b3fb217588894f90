"""Plots: one component for all pages. `figure` says what to draw, `svg` draws it, `payload` hands it to the script."""
