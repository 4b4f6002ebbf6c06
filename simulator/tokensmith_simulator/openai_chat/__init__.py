"""What the vendors that speak OpenAI's chat completions dialect have in common."""
