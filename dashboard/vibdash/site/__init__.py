"""A site: its folder, its broker, its certificates, its devices' credentials."""
