"""Lesson 14, Grounding."""
