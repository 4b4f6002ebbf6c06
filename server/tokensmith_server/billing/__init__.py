"""Money: rates, pricing and the ledger as a pure core, and the seam to whatever stores it."""
