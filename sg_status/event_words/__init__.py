"""Events of stations as sentences: a registry of words by event name, and a fallback that leaves nothing out."""
