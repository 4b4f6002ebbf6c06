"""OpenAI's JSON and our protobuf messages, both ways. Pure: no sockets, no clocks, no settings."""
