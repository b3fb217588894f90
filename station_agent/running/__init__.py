"""Running commands: the executor, its journal, and the owner's consent."""
