"""`./roost test`: the checks, the tests and their account, and the services that they run on."""
