"""The database read into plain values, and judged, for whoever shows them."""
