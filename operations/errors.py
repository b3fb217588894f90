"""The errors of `./roost`, each one sentence for the person at the keyboard."""


class OperationsError(Exception):
    """A sentence that says what was wrong, where, and what to do; shown without a traceback."""

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class WrongUse(OperationsError):
    """The command line was wrong: exit code 2."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, exit_code=2)
