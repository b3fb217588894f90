"""Outside systems in small: real servers that behave like them, for tests and the demo."""
