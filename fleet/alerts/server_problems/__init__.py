"""Problems of the server itself, of which its administrators are told once."""
