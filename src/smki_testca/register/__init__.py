"""Participants, their IDs and agreements, requests, and the gate that decides on them."""
