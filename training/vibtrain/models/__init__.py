"""The models, and how they are fitted to windows."""
