"""How much the dashboard takes: a fleet of virtual sensors against a real broker, database, page and browser."""
