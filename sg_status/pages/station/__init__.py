"""The pages of one station, with their layout, forms and words."""
