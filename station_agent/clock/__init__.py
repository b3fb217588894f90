"""The station's clock: how good it is, when it was set, and which time replaces one that is far off."""
