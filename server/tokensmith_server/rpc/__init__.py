"""The gRPC edge: server, interceptors, authentication and the one error table."""
