"""Google's Gemini API, as strictly as its SDK, its documentation and its users show it."""
