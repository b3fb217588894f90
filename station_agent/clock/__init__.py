"""The station's clock: how good it is, when it was set, and what replaces one that is far off."""
