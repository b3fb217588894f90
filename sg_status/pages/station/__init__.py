"""The pages of one station, with their frame, forms and words."""
