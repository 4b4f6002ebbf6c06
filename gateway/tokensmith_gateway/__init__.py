"""The `tokensmith` command line and the all-in-one process; alone knows both server and bridge."""
