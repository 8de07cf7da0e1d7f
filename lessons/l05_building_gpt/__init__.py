"""Lesson 05: building GPT."""
