"""Events of stations as sentences: one registry of words by the event's name, and a fallback that leaves nothing out."""
