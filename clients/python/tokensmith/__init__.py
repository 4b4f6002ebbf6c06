"""TokenSmith: generated gRPC code and a typed asyncio client."""
