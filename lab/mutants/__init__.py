"""`make mutants`: the code is changed on purpose, one change at a time, and a test has to fail each time."""
