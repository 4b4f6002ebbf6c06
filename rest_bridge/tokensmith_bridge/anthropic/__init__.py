"""Anthropic's Messages API: JSON to the contract and back, pure."""
