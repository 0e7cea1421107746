"""Plays the cloud on this machine and deploys the pipeline into it."""
