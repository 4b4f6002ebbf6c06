"""The TokenSmith gRPC server: ledger, catalog, routing and provider adapters."""
