"""Small simulators of outside systems: real servers that behave like them, for tests and the demo."""
