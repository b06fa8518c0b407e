"""The defects and oddities, a module for each stage and kind of document."""
