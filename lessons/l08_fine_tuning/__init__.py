"""Lesson 08: fine-tuning."""
