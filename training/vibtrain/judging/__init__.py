"""What a model is worth: windows told apart, alerts as an operator meets them, and how sure that is."""
