"""One module for each group of endpoints: read the request, call the server, write the answer."""
