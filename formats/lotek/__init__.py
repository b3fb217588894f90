"""Files of Lotek receivers: what is in them, as far as it can be told safely. Nothing of them is stored yet."""
