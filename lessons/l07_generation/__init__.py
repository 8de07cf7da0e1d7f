"""Lesson 07: generation."""
