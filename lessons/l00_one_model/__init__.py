"""Lesson 00: one model, many tasks."""
