"""Providers in their own protocols, each by its own package (an extra): OpenAI's Responses, Anthropic, Gemini."""
