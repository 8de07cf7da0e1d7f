"""The course: a folder per lesson, the rules of its claims, and the build of its notebooks."""
