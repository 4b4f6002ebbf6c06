"""The TokenSmith REST bridge: OpenAI wire format in front of the gRPC contract."""
