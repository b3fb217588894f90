"""`./roost test`: the checks, the tests and their accounting, and the services that tests run on."""
