"""What a model answers, planned alike for every vendor: from a checked request to tokens."""
