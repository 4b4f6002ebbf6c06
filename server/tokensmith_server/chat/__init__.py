"""Chat: held before it is sent, settled after, whatever happens to whoever asked."""
