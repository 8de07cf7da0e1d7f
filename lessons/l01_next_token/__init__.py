"""Lesson 01: predicting the next token."""
