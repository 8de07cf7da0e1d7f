"""Lesson 03: embeddings."""
