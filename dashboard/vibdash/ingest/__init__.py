"""From the broker into the database: stored first, acknowledged then."""
