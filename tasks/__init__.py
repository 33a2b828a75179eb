"""The thin joints between pure decisions and blocks. No task module imports another."""
