"""Lesson 13: hallucination."""
