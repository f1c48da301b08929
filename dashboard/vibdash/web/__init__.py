"""The web server: the page's address, the API, metrics."""
