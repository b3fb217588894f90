"""Problems of the server itself, about which its administrators are told once."""
