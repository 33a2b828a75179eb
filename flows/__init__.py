"""The flow and the command that brings it up."""
