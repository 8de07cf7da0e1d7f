"""Lesson 04: self-attention."""
