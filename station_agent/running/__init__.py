"""Running commands: the executor, its journal, and what the owner of the station allows."""
