"""Files of Lotek receivers: a summary of what can be read safely. None of their data is stored yet."""
