"""The portal: pages for people, one module each in ``pages``; ``page`` says how one is written."""
