"""What the operator sees of a running server, and how the operator is known. Changes nothing."""
