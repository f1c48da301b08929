"""From recordings to feature vectors: the sensor model, the configuration, the core."""
